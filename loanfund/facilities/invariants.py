"""What must hold of funds, promises and facilities, whatever was done to them."""

from decimal import Decimal

from django.db.models import Sum

from loanfund.audit.invariants import Break, Finding, Invariant
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import Facility, FacilityTerms, Fund, FundPolicy, Promise
from loanfund.facilities.selectors.exposure import fund_position
from loanfund.facilities.services.limits import owners_with_limits
from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import AccountKind, Balance
from loanfund.ledger.selectors import balance
from loanfund.parties.models import Partner

ZERO = Decimal(0)


def fund_adds_up() -> Finding:
    """Size is the sum of available, reserved, undrawn, earmarked, drawn, repaid and written off, less what is over."""
    breaks, funds = [], Fund.objects.all()
    for fund in funds:
        position = fund_position(fund)
        if not position.adds_up:
            breaks.append(Break(f"facilities_fund:{fund.pk}", f"{fund.name} does not add up: {position}."))
        if position.size != fund.size:
            sentence = f"{fund.name} has a size of {fund.size}, its book says {position.size}."
            breaks.append(Break(f"facilities_fund:{fund.pk}", sentence))
    return Finding("the fund adds up", len(funds), breaks)


def reservations_agree() -> Finding:
    """What the book holds reserved is, promise by promise, what the promises say."""
    breaks, seen = [], 0
    for fund in Fund.objects.all():
        kept = dict(
            Balance.objects.filter(
                account__book_id=fund.book_id, account__kind=AccountKind.M_RESERVED
            ).values_list("account__owner", "debit")
        )
        credit = dict(
            Balance.objects.filter(
                account__book_id=fund.book_id, account__kind=AccountKind.M_RESERVED
            ).values_list("account__owner", "credit")
        )
        for promise in Promise.objects.filter(fund=fund):
            seen += 1
            held = kept.pop(promise.reference, ZERO) - credit.get(promise.reference, ZERO)
            meant = promise.amount if promise.state == Promise.State.RESERVED else ZERO
            if held != meant:
                sentence = f"{promise.reference} should hold {meant}, the book reserves {held}."
                breaks.append(Break(f"facilities_promise:{promise.pk}", sentence))
        for owner, debit in kept.items():
            if debit != credit.get(owner, ZERO):
                breaks.append(
                    Break(f"ledger_account:{owner}", f"{owner} holds a reservation without a promise.")
                )
    return Finding("reservations agree with promises", seen, breaks)


def headroom_agrees() -> Finding:
    """Each limit is its headroom and what is promised under it, less what is over; and no promise goes uncounted."""
    breaks, seen = [], 0
    for fund in Fund.objects.all():
        for owner in owners_with_limits(fund):
            seen += 1
            held = {
                kind: balance(AccountRef(kind, fund.currency, owner), book_id=fund.book_id)
                for kind in (
                    AccountKind.M_LIMIT, AccountKind.M_HEADROOM, AccountKind.M_PROMISED, AccountKind.M_OVER_HEADROOM,
                )
            }  # fmt: skip
            parts = (
                held[AccountKind.M_HEADROOM]
                + held[AccountKind.M_PROMISED]
                - held[AccountKind.M_OVER_HEADROOM]
            )
            if parts != held[AccountKind.M_LIMIT]:
                breaks.append(
                    Break(f"ledger_account:{owner}", f"The limit of {owner} does not add up: {held}.")
                )
            reserved = Promise.objects.filter(fund=fund, state="reserved", headroom__contains=[owner])
            least = reserved.aggregate(total=Sum("amount", default=ZERO))["total"]
            if held[AccountKind.M_PROMISED] < least:
                sentence = f"{owner} has {least} reserved, and only {held[AccountKind.M_PROMISED]} counted."
                breaks.append(Break(f"ledger_account:{owner}", sentence))
    return Finding("headroom agrees with limits", seen, breaks)


def groups_hold_their_members() -> Finding:
    """What is promised under a connected group is what is promised to the partners that are in it now."""
    breaks, seen = [], 0
    for fund in Fund.objects.all():
        for owner in owners_with_limits(fund):
            kind, _, key = owner.partition(":")
            if kind != "group":
                continue
            seen += 1
            members = [
                f"partner:{pk}"
                for pk in Partner.objects.filter(group_id=int(key)).values_list("pk", flat=True)
            ]
            group, *each = (
                balance(AccountRef(AccountKind.M_PROMISED, fund.currency, one), book_id=fund.book_id)
                for one in (owner, *members)
            )
            if group != sum(each, ZERO):
                sentence = f"{owner} counts {group}, and its members are promised {sum(each, ZERO)}."
                breaks.append(Break(f"ledger_account:{owner}", sentence))
    return Finding("groups hold their members", seen, breaks)


def facilities_rest_on_promises() -> Finding:
    """Every facility was signed for a promise that covers it, to the same partner, and every signed promise has one."""
    breaks = []
    facilities = Facility.objects.select_related("promise")
    for facility in facilities:
        promise = facility.promise
        signed = promise.state == Promise.State.SIGNED and promise.amount >= facility.commitment
        if not signed or (promise.fund_id, promise.partner_id) != (facility.fund_id, facility.partner_id):
            breaks.append(
                Break(
                    f"facilities_facility:{facility.pk}", f"{facility.number} does not rest on its promise."
                )
            )
    for promise in Promise.objects.filter(state=Promise.State.SIGNED, facility__isnull=True):
        breaks.append(
            Break(f"facilities_promise:{promise.pk}", f"{promise.reference} is signed without a facility.")
        )
    return Finding("facilities rest on promises", len(facilities), breaks)


def terms_are_what_was_signed() -> Finding:
    """Each version of terms has the digest of its own document, and versions count up from one."""
    expected: dict[int, int] = {}
    breaks, rows = [], 0
    for terms in FacilityTerms.objects.order_by("facility", "version").iterator():
        rows += 1
        expected[terms.facility_id] = expected.get(terms.facility_id, 0) + 1
        if terms.version != expected[terms.facility_id]:
            breaks.append(
                Break(f"facilities_facilityterms:{terms.pk}", "A version of these terms is missing.")
            )
        if digest(terms.document) != terms.digest:
            breaks.append(
                Break(f"facilities_facilityterms:{terms.pk}", "The terms are not those of their digest.")
            )
    without = Facility.objects.filter(terms__isnull=True)
    breaks += [Break(f"facilities_facility:{item.pk}", f"{item.number} has no terms.") for item in without]
    return Finding("terms are what was signed", rows, breaks)


def policies_took_two() -> Finding:
    """Every policy in force was confirmed by someone other than its maker."""
    breaks = [
        Break(f"facilities_fundpolicy:{policy.pk}", f"{policy} was not put into force by two people.")
        for policy in FundPolicy.objects.filter(state=FundPolicy.State.IN_FORCE)
        if policy.checker_id is None or policy.checker_id == policy.maker_id
    ]
    return Finding("policies took two people", FundPolicy.objects.count(), breaks)


INVARIANTS: list[Invariant] = [
    fund_adds_up,
    reservations_agree,
    headroom_agrees,
    groups_hold_their_members,
    facilities_rest_on_promises,
    terms_are_what_was_signed,
    policies_took_two,
]
