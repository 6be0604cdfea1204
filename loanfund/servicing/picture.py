"""A facility's books as the replay says they should be: what the engine compares with what is booked.

Money is Decimal in whole currency units. Balances stand on the account's normal side.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loanfund.ledger.models import AccountKind

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class NightState:
    """From which the next night of a loan follows; see `Accrual`."""

    accrual_class: int
    period_exact: Decimal
    base_num: int
    base_den: int
    base_exact: Decimal


@dataclass(frozen=True, slots=True)
class Night:
    """One loan's night: the columns of `Accrual`."""

    loan_id: int
    on: date
    principal: Decimal
    rate: Decimal
    num: int
    den: int
    exact: Decimal
    posted: Decimal
    estimated: bool
    suspended: bool
    state: NightState


@dataclass(frozen=True, slots=True)
class FacilityNight:
    """One night of default interest on one late sum, or of commitment fee: the columns of `FacilityAccrual`."""

    kind: str
    subject: str
    on: date
    on_amount: Decimal
    rate: Decimal
    exact: Decimal
    posted: Decimal
    suspended: bool = False


@dataclass(frozen=True, slots=True)
class DueLine:
    """One due as it should stand in all: its full amount."""

    key: str
    component: str
    loan_id: int | None
    amount: Decimal
    due_date: date
    payable_from: date


@dataclass(frozen=True, slots=True)
class Share:
    """How much of one source went to one due, in all."""

    source: str
    due_key: str
    component: str
    how: str
    value_date: date
    loan_id: int | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Period:
    """One interest period of a loan that has begun."""

    loan_id: int
    start: date
    end: date
    payment_date: date
    unadjusted_start: date
    unadjusted_end: date


@dataclass(frozen=True)
class Picture:
    """Everything the books of one facility should say.

    `nights` and `facility_nights` may leave out what lies before `since`; balances are whole. Dues, shares and periods are
    whole too unless the picture is `partial`: then they are those that the last day added. `owned` are balances by (kind,
    owner name); `control` the facility's part of the fund's control accounts. `written_off` is lent principal written off
    or waived (in a partial picture, on the last day), `recovered` what of that came back since, `drawn` lent principal
    outstanding.
    """

    since: date
    through: date
    nights: tuple[Night, ...]
    facility_nights: tuple[FacilityNight, ...]
    dues: tuple[DueLine, ...]
    shares: tuple[Share, ...]
    periods: tuple[Period, ...]
    owned: dict[tuple[AccountKind, str], Decimal]
    control: dict[AccountKind, Decimal]
    drawn: Decimal
    written_off: Decimal
    attend_on: date
    recovered: Decimal = ZERO
    partial: bool = False
