"""Money of the fund set aside, given back, or signed for. The book holds every limit, whoever else is asking."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency
from loanfund.facilities import postings
from loanfund.facilities.models import Fund, Promise
from loanfund.facilities.selectors.exposure import headroom_owners, owner_label
from loanfund.facilities.selectors.policies import policy_in_force
from loanfund.facilities.services.drafts import draft
from loanfund.facilities.services.funds import hold_business_date
from loanfund.facilities.services.limits import limit_entries
from loanfund.ledger.chart import AccountRef, EntryDraft
from loanfund.ledger.models import AccountKind, JournalEntry
from loanfund.ledger.selectors import balance
from loanfund.ledger.services import LimitReached, post_entries
from loanfund.parties.models import Partner, User
from loanfund.parties.services import set_group


@transaction.atomic
def reserve(
    *,
    fund: Fund,
    partner: Partner,
    reference: str,
    amount: Decimal,
    tenor_months: int,
    actor: User | None,
    on: date,
) -> Promise:
    """Set `amount` (fund currency) aside for `reference`, such as "application:12": Available to Reserved.

    Counts against the limits of the partner, its group, its segment and the tenor. Refused, in a sentence that names
    the limit and what it leaves, when any of them or the fund itself has less; the database decides, so of many who
    ask at once exactly as many succeed as there is room for. The same reference again with the same amount is the
    promise already made; with another amount it is refused.
    """
    hold_business_date(fund, on)
    standing = Promise.objects.filter(reference=reference).first()
    if standing is not None:
        if standing.amount == amount and standing.state != Promise.State.RELEASED:
            return standing
        written = currency(fund.currency).written(standing.amount)
        raise Refused(f"{reference} has a promise of {written} already, {standing.get_state_display()}.")
    # Read again under the lock: the partner may have joined a group since the caller read it.
    partner = Partner.objects.select_related("group").get(pk=partner.pk)
    policy = policy_in_force(fund, on)
    if tenor_months > policy.max_tenor_months:
        raise Refused(
            f"The policy allows {policy.max_tenor_months} months at most, {tenor_months} are asked for.",
            field="tenor",
        )
    owners = headroom_owners(policy, partner=partner, tenor_months=tenor_months)
    promise = Promise.objects.create(
        reference=reference, fund=fund, partner=partner, amount=amount, headroom=list(owners), reserved_on=on
    )
    entries = [
        *limit_entries(fund=fund, policy=policy, owners=owners, on=on),
        draft(
            fund,
            key=f"promise:{promise.pk}:reserved",
            kind="approval",
            legs=postings.approval(
                currency=fund.currency, application=reference, amount=amount, headroom=owners
            ),
            on=on,
            cause=reference,
        ),
    ]
    try:
        post_entries(entries=entries, actor=actor, on=on)
    except LimitReached as reached:
        raise _sentence(reached, fund, partner, amount) from reached
    record(
        actor=actor,
        action="promise.reserved",
        obj=promise,
        on=on,
        after={"reference": reference, "amount": amount, "headroom": list(owners)},
    )
    return promise


@transaction.atomic
def connect_partner(*, partner: Partner, group_name: str, actor: User, on: date) -> Partner:
    """Put a partner into a group of connected ones (out of any with an empty name), with all it was ever promised.

    What stands promised to it stops counting against the group it leaves and counts against the one it joins, from
    now on. Being connected is a fact, so the group joined may come out over its limit; nothing new is promised to it
    until there is room. Refused to anybody but an analyst.
    """
    # Alone on every fund: whatever is being promised or given back meanwhile reads the group before or after, whole.
    funds = list(Fund.objects.select_for_update().order_by("pk"))
    before = Partner.objects.get(pk=partner.pk).group_id
    partner = set_group(partner=partner, group_name=group_name, actor=actor, on=on)
    if partner.group_id != before:
        for fund in funds:
            _regroup(fund, partner, before, actor, max(on, fund.business_date))
    return partner


def _regroup(fund: Fund, partner: Partner, before: int | None, actor: User, on: date) -> None:
    left, joined = (postings.group_owner(pk) if pk else "" for pk in (before, partner.group_id))
    own = AccountRef(AccountKind.M_PROMISED, fund.currency, postings.partner_owner(partner.pk))
    amount = balance(own, book_id=fund.book_id)
    for promise in Promise.objects.filter(fund=fund, partner=partner).exclude(state=Promise.State.RELEASED):
        promise.headroom = [owner for owner in promise.headroom if owner != left] + (
            [joined] if joined else []
        )
        promise.save(update_fields=["headroom"])
    if not amount:
        return
    cause = postings.partner_owner(partner.pk)
    times = JournalEntry.objects.filter(book_id=fund.book_id, kind="partner_regrouped", cause=cause).count()
    limits = (
        limit_entries(fund=fund, policy=policy_in_force(fund, on), owners=[joined], on=on) if joined else []
    )
    legs = postings.partner_regrouped(currency=fund.currency, before=left, after=joined, amount=amount)
    moved = draft(
        fund, key=f"{cause}:regrouped:{times + 1}", kind="partner_regrouped", legs=legs, on=on, cause=cause
    )
    post_entries(entries=[*limits, moved], actor=actor, on=on)


@transaction.atomic
def release(*, reference: str, actor: User | None, on: date, reason: str) -> Promise:
    """Give a reservation back: Reserved to Available, headroom up. Refused once signed; twice changes nothing."""
    return release_all(references=[reference], actor=actor, on=on, reason=reason)[0]


@transaction.atomic
def release_all(*, references: Sequence[str], actor: User | None, on: date, reason: str) -> list[Promise]:
    """As release, for several promises of one fund in one posting. All or none."""
    fund = Promise.objects.select_related("fund").get(reference=references[0]).fund
    hold_business_date(fund, on)
    found = Promise.objects.filter(fund=fund, reference__in=references).order_by("pk")
    promises = list(found.select_for_update(of=("self",)))
    if any(promise.state == Promise.State.SIGNED for promise in promises):
        raise Refused("This amount is signed for. Cancel the facility's undrawn commitment instead.")
    standing = [promise for promise in promises if promise.state == Promise.State.RESERVED]
    post_entries(entries=[_released(fund, promise, on) for promise in standing], actor=actor, on=on)
    for promise in standing:
        promise.state, promise.closed_on = Promise.State.RELEASED, on
        promise.save(update_fields=["state", "closed_on"])
        after = {"amount": promise.amount}
        record(actor=actor, action="promise.released", obj=promise, on=on, after=after, reason=reason)
    return promises


def _released(fund: Fund, promise: Promise, on: date) -> EntryDraft:
    return draft(
        fund,
        key=f"promise:{promise.pk}:released",
        kind="reservation_released",
        legs=postings.reservation_released(
            currency=fund.currency,
            application=promise.reference,
            amount=promise.amount,
            headroom=promise.headroom,
        ),
        on=on,
        cause=promise.reference,
    )


def _sentence(reached: LimitReached, fund: Fund, partner: Partner, amount: Decimal) -> Refused:
    """What the database refused, in words that say what is left and what to do."""
    # A limit that the same posting was about to raise is netted in what the book reports: both figures move alike.
    found = reached.left + amount - reached.asked
    written = currency(fund.currency).written
    left, asked = f"{written(found)} {fund.currency}", written(amount)
    if reached.kind == AccountKind.M_AVAILABLE:
        return Refused(
            f"{fund.name} has {left} left to promise and {asked} is asked for. Approve less, or wait until some returns.",
            field="amount",
            code=reached.code,
        )
    label = owner_label(reached.owner, partner)
    return Refused(
        f"The limit of {label} leaves {left} and {asked} is asked for. Approve less, or put the excess to the committee.",
        field="amount",
        code=reached.code,
    )
