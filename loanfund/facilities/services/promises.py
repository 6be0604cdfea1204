"""Money of the fund set aside, given back, or signed for. The book holds every limit, whoever else is asking."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities import postings
from loanfund.facilities.models import Fund, Promise
from loanfund.facilities.selectors.exposure import headroom_owners, owner_label
from loanfund.facilities.selectors.policies import policy_in_force
from loanfund.facilities.services.drafts import draft
from loanfund.facilities.services.funds import hold_business_date
from loanfund.facilities.services.limits import limit_entries
from loanfund.ledger.chart import EntryDraft
from loanfund.ledger.models import AccountKind
from loanfund.ledger.services import LimitReached, post_entries
from loanfund.parties.models import Partner, User


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
        raise Refused(
            f"{reference} has a promise of {standing.amount:,.2f} already, {standing.get_state_display()}."
        )
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
    left, asked = f"{found:,.2f} {fund.currency}", f"{amount:,.2f}"
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
