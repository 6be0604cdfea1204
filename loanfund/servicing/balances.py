"""Replayed minus booked, account by account: the legs that bring a facility's accounts to its picture."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

from django.db import connection

from loanfund.facilities.models import Facility
from loanfund.facilities.postings import FUND, facility_owner, headroom_used, loan_owner, moved
from loanfund.facilities.selectors import policy_in_force
from loanfund.ledger.chart import AccountRef, Leg, normal_side
from loanfund.ledger.models import AccountKind as K
from loanfund.servicing import postings
from loanfund.servicing.picture import ZERO, Picture
from loanfund.servicing.rows import Effect

OWNED = frozenset({
    K.LOAN_PRINCIPAL, K.CAPITALISED_INTEREST, K.INTEREST_DUE, K.DEFAULT_INTEREST_DUE, K.FEES_DUE, K.COSTS_DUE, K.UNAPPLIED,
})  # fmt: skip
"""Accounts that stand per loan or facility, and are wholly a function of the facility's events."""

CONTROL = frozenset({
    K.ACCRUED_INTEREST, K.ACCRUED_DEFAULT_INTEREST, K.ACCRUED_COMMITMENT_FEE, K.INTEREST_INCOME, K.DEFAULT_INTEREST_INCOME,
    K.COMMITMENT_FEE_INCOME, K.PREPAYMENT_FEE_INCOME, K.LATE_FEE_INCOME, K.COSTS_RECHARGED, K.RECOVERY_INCOME,
    K.INTEREST_SUSPENSE, K.WAIVER_EXPENSE, K.IMPAIRMENT_EXPENSE,
})  # fmt: skip
"""Accounts of the fund of which each facility has a share."""

Shares = list[tuple[K, Decimal]]


def difference(
    facility: Facility,
    picture: Picture,
    *,
    pending: Sequence[Leg],
    posted_here: Iterable[Effect],
) -> tuple[tuple[Leg, ...], Shares]:
    """The legs of the difference entry, and the shares of control accounts that no accrual row stands for.

    `pending` legs count as booked. `posted_here` are the effects of accrual rows just written that belong to this entry;
    the fund's own entry posts the others.
    """
    changes = _owned_changes(facility, picture, pending)
    here = _summed(posted_here)
    booked = booked_control(facility)
    for leg in pending:
        if leg.account.kind in CONTROL and leg.account.owner == FUND:
            raise ValueError(f"{leg.account.kind} moves by the replay, never by a leg of its own.")
    shares: Shares = []
    for kind in sorted(CONTROL):
        rest = picture.control.get(kind, ZERO) - booked.get(kind, ZERO)
        # The rows just written are in `booked` already; what is left has no row beneath it.
        shares.append((kind, rest))
        change = rest + here.get(kind, ZERO)
        if change:
            changes[AccountRef(kind, facility.currency, FUND)] += change
    legs = postings.correction(changes={ref: change for ref, change in changes.items() if change})
    return legs + _memorandum(facility, picture, pending), shares


def _summed(effects: Iterable[Effect]) -> Effect:
    total: Effect = defaultdict(Decimal)
    for effect in effects:
        for kind, amount in effect.items():
            total[kind] += amount
    return total


_KEPT = """
SELECT a.kind, a.owner, CASE a.normal_side WHEN 'D' THEN b.debit - b.credit ELSE b.credit - b.debit END
FROM ledger_account a JOIN ledger_balance b ON b.account_id = a.id
WHERE a.book_id = %s AND a.currency = %s AND a.owner = ANY (%s)
"""


def kept(facility: Facility, pending: Iterable[Leg] = ()) -> dict[tuple[K, str], Decimal]:
    """The kept balances of a facility and its loans, with the legs of entries that are about to be posted."""
    owners = [facility_owner(facility.pk)]
    owners += [loan_owner(pk) for pk in facility.loans.values_list("pk", flat=True)]
    with connection.cursor() as cursor:
        cursor.execute(_KEPT, [facility.fund.book_id, facility.currency, owners])
        found: dict[tuple[K, str], Decimal] = defaultdict(
            Decimal, {(K(kind), owner): amount for kind, owner, amount in cursor.fetchall()}
        )
    for leg in pending:
        if leg.account.owner in owners:
            sign = 1 if leg.side == normal_side(leg.account.kind) else -1
            found[leg.account.kind, leg.account.owner] += sign * leg.amount
    return found


def _owned_changes(facility: Facility, picture: Picture, pending: Sequence[Leg]) -> dict[AccountRef, Decimal]:
    standing = kept(facility, pending)
    changes: dict[AccountRef, Decimal] = defaultdict(Decimal)
    for kind, owner in {*standing, *picture.owned}:
        if kind in OWNED:
            booked = standing.get((kind, owner), ZERO)
            if kind == K.UNAPPLIED:
                # What a fact found no room for stands over the limit of the same owner.
                booked -= standing.get((K.OVER_LIMIT, owner), ZERO)
            change = picture.owned.get((kind, owner), ZERO) - booked
            if change:
                changes[AccountRef(kind, facility.currency, owner)] = change
    return changes


_CONTROL = """
SELECT kind, sum(amount) FROM servicing_controlposting WHERE facility_id = %(facility)s GROUP BY kind
UNION ALL SELECT 'ACCRUED_INTEREST', sum(posted) FROM servicing_accrual WHERE loan_id = ANY (%(loans)s)
UNION ALL SELECT CASE WHEN suspended THEN 'INTEREST_SUSPENSE' ELSE 'INTEREST_INCOME' END, sum(posted)
    FROM servicing_accrual WHERE loan_id = ANY (%(loans)s) GROUP BY suspended
UNION ALL SELECT CASE kind WHEN 'default_interest' THEN 'ACCRUED_DEFAULT_INTEREST' ELSE 'ACCRUED_COMMITMENT_FEE' END,
    sum(posted) FROM servicing_facilityaccrual WHERE facility_id = %(facility)s GROUP BY kind
UNION ALL SELECT CASE WHEN suspended THEN 'INTEREST_SUSPENSE' WHEN kind = 'default_interest'
    THEN 'DEFAULT_INTEREST_INCOME' ELSE 'COMMITMENT_FEE_INCOME' END, sum(posted)
    FROM servicing_facilityaccrual WHERE facility_id = %(facility)s GROUP BY kind, suspended
"""


def booked_control(facility: Facility) -> dict[K, Decimal]:
    """The facility's share of each control account as booked: its control postings and its accrual rows."""
    loans = list(facility.loans.values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.execute(_CONTROL, {"facility": facility.pk, "loans": loans})
        found: dict[K, Decimal] = defaultdict(Decimal)
        for kind, amount in cursor.fetchall():
            found[K(kind)] += amount or ZERO
    return found


def _memorandum(facility: Facility, picture: Picture, pending: Sequence[Leg]) -> tuple[Leg, ...]:
    """Drawn goes down by what was repaid or written off; repaid goes back to the partner, the fund, or nowhere. What is
    recovered of principal written off counts as repaid."""
    owner, currency = facility_owner(facility.pk), facility.currency
    drawn, gone = (K.M_DRAWN, owner), (K.M_WRITTEN_OFF, owner)
    standing = kept(facility, pending)
    lost = picture.written_off - picture.recovered
    if not picture.partial:
        lost -= standing[gone]
    # What leaves Written off was never lost, and is drawn again, or it was recovered.
    out = max(-lost, ZERO)
    again = min(out, max(picture.drawn - standing[drawn], ZERO))
    recovered = out - again
    back = standing[drawn] + again - picture.drawn - max(lost, ZERO)
    legs = moved(currency, drawn, gone, max(lost, ZERO) - again, fact=True)
    if not back and not recovered:
        return legs
    recycled = policy_in_force(facility.fund, facility.fund.business_date).recycle_repaid
    free = (K.M_AVAILABLE, FUND) if recycled else (K.M_REPAID, owner)
    legs += moved(currency, gone, free, recovered, fact=True)
    if not back:
        return legs
    if facility.revolving and facility.availability_end >= facility.fund.business_date:
        return legs + moved(currency, drawn, (K.M_UNDRAWN, owner), back, fact=True)
    return (
        legs
        + moved(currency, drawn, free, back, fact=True)
        + headroom_used(currency, facility.promise.headroom, -back, fact=True)
    )
