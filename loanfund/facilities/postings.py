"""What a promise does to the book: one pure function a business event, each returning the legs of its entry.

`docs/postings.md` is the same list for an accountant. Amounts are positive Decimals in whole currency units unless a
function says otherwise; zero legs are left out. Memorandum accounts always sum to the fund's size.

Promises are refused by the database when an account has no room. What happened in the world (`fact=True`) always posts:
see `loanfund.ledger.chart.OVER_LIMIT`.
"""

from collections.abc import Iterable
from decimal import Decimal

from loanfund.ledger.chart import Leg, credit, debit
from loanfund.ledger.models import AccountKind as K

FUND = ""
"""The owner of the fund's own accounts."""

Legs = tuple[Leg, ...]


def facility_owner(pk: object) -> str:
    """The owner under which a facility's accounts stand."""
    return f"facility:{pk}"


def loan_owner(pk: object) -> str:
    """The owner under which a loan's accounts stand."""
    return f"loan:{pk}"


def application_owner(pk: object) -> str:
    """The owner of what an approval reserved until the facility is signed."""
    return f"application:{pk}"


def partner_owner(pk: object) -> str:
    """The owner of a partner's headroom, and of its receipts that no facility is named for."""
    return f"partner:{pk}"


def group_owner(pk: object) -> str:
    """The owner of a connected group's headroom."""
    return f"group:{pk}"


def segment_owner(name: str) -> str:
    """The owner of a segment's headroom."""
    return f"segment:{name}"


def tenor_owner(name: str) -> str:
    """The owner of a tenor band's headroom, such as "tenor:over-36M"."""
    return f"tenor:{name}"


def moved(
    currency: str, source: tuple[K, str], target: tuple[K, str], amount: Decimal, *, fact: bool = False
) -> Legs:
    """A memorandum movement "from -> to"; a negative amount moves back."""
    return credit(source[0], currency, source[1], amount, fact=fact) + debit(
        target[0], currency, target[1], amount, fact=fact
    )


def headroom_used(currency: str, owners: Iterable[str], amount: Decimal, *, fact: bool = False) -> Legs:
    """Headroom -> Promised for each owner that a limit is set for; a negative amount gives back."""
    return tuple(
        leg
        for owner in owners
        for leg in moved(currency, (K.M_HEADROOM, owner), (K.M_PROMISED, owner), amount, fact=fact)
    )


def capital_paid_in(*, currency: str, amount: Decimal) -> Legs:
    """The lender pays capital into the fund."""
    return (
        debit(K.CASH, currency, FUND, amount)
        + credit(K.FUND_CAPITAL, currency, FUND, amount)
        + moved(currency, (K.M_SIZE, FUND), (K.M_AVAILABLE, FUND), amount)
    )


def capital_paid_out(*, currency: str, amount: Decimal) -> Legs:
    """Capital that nobody was promised goes back to the lender."""
    return (
        debit(K.FUND_CAPITAL, currency, FUND, amount)
        + credit(K.CASH, currency, FUND, amount)
        + moved(currency, (K.M_AVAILABLE, FUND), (K.M_SIZE, FUND), amount)
    )


def limit_set(*, currency: str, owner: str, before: Decimal, after: Decimal) -> Legs:
    """The policy's limit for a partner, group, segment or tenor band becomes `after` (`before` is 0 the first time).

    A limit may be set below what is already promised: the excess shows as over limit and blocks new promises.
    """
    return moved(currency, (K.M_LIMIT, owner), (K.M_HEADROOM, owner), after - before, fact=True)


def partner_regrouped(*, currency: str, before: str, after: str, amount: Decimal) -> Legs:
    """A partner with `amount` promised leaves one connected group (`before`, "" for none) for another (`after`).

    That companies are connected is a fact: the group joined may come out over its limit, and then has no room.
    """
    left = headroom_used(currency, [before], -amount, fact=True) if before else ()
    return left + (headroom_used(currency, [after], amount, fact=True) if after else ())


def approval(*, currency: str, application: str, amount: Decimal, headroom: Iterable[str] = ()) -> Legs:
    """The committee approves an application: the amount is reserved, and the limits of `headroom` owners used."""
    return moved(currency, (K.M_AVAILABLE, FUND), (K.M_RESERVED, application), amount) + headroom_used(
        currency, headroom, amount
    )


def reservation_released(
    *, currency: str, application: str, amount: Decimal, headroom: Iterable[str] = ()
) -> Legs:
    """An offer lapses, is declined or withdrawn, or less is signed than was approved."""
    return moved(currency, (K.M_RESERVED, application), (K.M_AVAILABLE, FUND), amount) + headroom_used(
        currency, headroom, -amount
    )


def signing(*, currency: str, application: str, facility: str, amount: Decimal) -> Legs:
    """The facility is signed: what was reserved becomes committed."""
    return moved(currency, (K.M_RESERVED, application), (K.M_UNDRAWN, facility), amount)


def arrangement_fee(*, currency: str, facility: str, amount: Decimal) -> Legs:
    """The fee for arranging the facility falls due."""
    return debit(K.FEES_DUE, currency, facility, amount) + credit(
        K.ARRANGEMENT_FEE_INCOME, currency, FUND, amount
    )


def commitment_increased(
    *, currency: str, facility: str, amount: Decimal, headroom: Iterable[str] = ()
) -> Legs:
    """An amendment adds to the commitment."""
    return moved(currency, (K.M_AVAILABLE, FUND), (K.M_UNDRAWN, facility), amount) + headroom_used(
        currency, headroom, amount
    )


def cancellation(
    *,
    currency: str,
    facility: str,
    amount: Decimal,
    fee_due: Decimal = Decimal(0),
    headroom: Iterable[str] = (),
) -> Legs:
    """Undrawn commitment is cancelled; the commitment fee accrued on it (`fee_due`) falls due with it."""
    return (
        debit(K.FEES_DUE, currency, facility, fee_due)
        + credit(K.ACCRUED_COMMITMENT_FEE, currency, FUND, fee_due)
        + moved(currency, (K.M_UNDRAWN, facility), (K.M_AVAILABLE, FUND), amount)
        + headroom_used(currency, headroom, -amount)
    )


def availability_ended(
    *,
    currency: str,
    facility: str,
    amount: Decimal,
    fee_due: Decimal = Decimal(0),
    headroom: Iterable[str] = (),
) -> Legs:
    """The availability period ends: the undrawn rest is cancelled."""
    return cancellation(
        currency=currency, facility=facility, amount=amount, fee_due=fee_due, headroom=headroom
    )
