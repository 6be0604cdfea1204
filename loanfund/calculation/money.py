"""Money: currencies, and the one place where an amount is rounded.

Amounts travel in three exact forms and never as a float:

* ``Decimal`` in major units (dollars), at the edges: models, screens, files;
* ``int`` minor units (cents; millionths for USDC), what is owed, paid and posted;
* ``int`` units of 1e-12 of the major unit ("units12"), what accrues.

Every rounding divides one integer by another and looks at the remainder, so it depends neither on the
process-wide decimal context nor on the size of the amount. Decimals are moved between scales in a private context
of 60 digits that refuses to lose a digit instead of dropping it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException, DivisionByZero, Inexact, InvalidOperation, Overflow
from enum import StrEnum
from fractions import Fraction
from types import MappingProxyType

UNITS12 = 10**12
"""How many units of accrued interest make one major unit."""

MAX_DECIMALS = 12

_EXACT = Context(prec=60, Emin=-999, Emax=999, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact])
"""Moves a decimal point and nothing else: a digit that does not fit raises."""


class Rounding(StrEnum):
    """How a value between two minor units is brought to one of them; a term of the facility.

    The names are those of IEEE 754 and of Python's ``decimal``: HALF_UP takes a tie away from zero,
    HALF_DOWN towards it, HALF_EVEN to the even neighbour; DOWN cuts off, UP goes away from zero whenever
    anything is cut, FLOOR and CEILING go towards minus and plus infinity.
    """

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    HALF_DOWN = "half_down"
    DOWN = "down"
    UP = "up"
    FLOOR = "floor"
    CEILING = "ceiling"


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency, or a stable coin treated as one: its code and its number of decimals, 0 to 12.

    Raises ValueError when the code is not capital letters and digits or the decimals are out of range.
    """

    code: str
    decimals: int

    def __post_init__(self) -> None:
        if not (self.code.isascii() and self.code.isalnum() and self.code == self.code.upper()):
            raise ValueError(f"A currency code is capital letters and digits, not {self.code!r}.")
        if not 0 <= self.decimals <= MAX_DECIMALS:
            raise ValueError(f"{self.code} has {self.decimals} decimals; 0 to {MAX_DECIMALS} are possible.")

    def written(self, amount: Decimal) -> str:
        """Major units as a sentence has them, without the code: every decimal of the currency, "1,234.50"."""
        return f"{amount:,.{self.decimals}f}"

    @property
    def minor_units(self) -> int:
        """How many minor units make one major unit: 100 for USD, 1 for JPY."""
        return _POWERS[self.decimals]

    def __str__(self) -> str:
        return self.code


_POWERS = tuple(10**n for n in range(MAX_DECIMALS + 1))

# ISO 4217 (list one) for the fiat currencies that funds are kept in; for tokens the issuer's contract. Ether has
# eighteen decimals on its chain and is kept here to the twelve that a ledger amount can hold.
_CODES_BY_DECIMALS: Mapping[int, str] = {
    0: "JPY KRW VND CLP ISK UGX XAF XOF XPF PYG RWF",
    2: "USD EUR GBP CHF AUD NZD CAD SEK NOK DKK PLN CZK HUF SGD HKD CNY CNH TWD INR IDR THB MYR PHP AED SAR ILS "
    "ZAR NGN KES EGP TRY BRL MXN COP PEN ARS RON BGN",
    3: "BHD KWD OMR JOD TND IQD LYD",
    6: "USDC USDT EURC PYUSD",
    8: "BTC WBTC",
    9: "SOL",
    12: "ETH",
}

CURRENCIES: Mapping[str, Currency] = MappingProxyType(
    {code: Currency(code, n) for n, codes in _CODES_BY_DECIMALS.items() for code in codes.split()}
)
"""The currencies known by code; a deal in another one constructs its own ``Currency``."""


def currency(code: str) -> Currency:
    """The known currency of that code; ValueError when there is none."""
    try:
        return CURRENCIES[code]
    except KeyError:
        raise ValueError(f"No currency is known by the code {code!r}.") from None


def rounded_quotient(numerator: int, denominator: int, rounding: Rounding = Rounding.HALF_UP) -> int:
    """The rational ``numerator / denominator`` rounded once to a whole number.

    Raises ZeroDivisionError for a denominator of zero and ValueError for an unknown mode; size does not matter.
    """
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if rounding == Rounding.HALF_UP:
        if numerator >= 0:
            return (2 * numerator + denominator) // (2 * denominator)
        return -((denominator - 2 * numerator) // (2 * denominator))
    floor, rest = divmod(numerator, denominator)
    if not rest:
        return floor
    return floor + _goes_up(floor, 2 * rest - denominator, Rounding(rounding))


def _goes_up(floor: int, beyond_half: int, rounding: Rounding) -> bool:
    """Whether a value strictly between ``floor`` and its successor is rounded to the successor."""
    match rounding:
        case Rounding.FLOOR:
            return False
        case Rounding.CEILING:
            return True
        case Rounding.DOWN:
            return floor < 0
        case Rounding.UP:
            return floor >= 0
    if beyond_half:
        return beyond_half > 0
    if rounding is Rounding.HALF_EVEN:
        return floor % 2 == 1
    return floor < 0  # half down: the caller has dealt with half up


def q12(numerator: int, denominator: int) -> int:
    """An amount ``numerator / denominator`` of major units, in units of 1e-12, half-up away from zero.

    This is the single rounding of accrued interest: principal x rate x fraction arrives as one rational and is
    rounded once. A negative amount rounds as the mirror image of the positive one.
    """
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    if numerator >= 0:
        return (numerator * 2_000_000_000_000 + denominator) // (2 * denominator)
    return -((denominator - numerator * 2_000_000_000_000) // (2 * denominator))


def to_units12(amount: Decimal) -> int:
    """Major units as a whole number of 1e-12; ValueError when the amount has more than 12 decimals."""
    return _scaled(amount, MAX_DECIMALS, "12 decimals")


def from_units12(units12: int) -> Decimal:
    """A number of 1e-12 as major units, exact, always with 12 decimals."""
    return _EXACT.scaleb(_whole(units12), -MAX_DECIMALS)


def round_minor(units12: int, currency: Currency, rounding: Rounding = Rounding.HALF_UP) -> int:
    """A number of 1e-12 rounded to the currency's minor unit, as a number of minor units."""
    return rounded_quotient(units12, _POWERS[MAX_DECIMALS - currency.decimals], rounding)


def minor_to_decimal(minor: int, currency: Currency) -> Decimal:
    """Minor units as major units with exactly the currency's decimals: 1050 US cents are 10.50."""
    return _EXACT.scaleb(_whole(minor), -currency.decimals)


def minor_to_units12(minor: int, currency: Currency) -> int:
    """Minor units as a number of 1e-12; always exact."""
    return minor * _POWERS[MAX_DECIMALS - currency.decimals]


def decimal_to_minor(amount: Decimal, currency: Currency) -> int:
    """Major units as whole minor units; ValueError when the amount has more decimals than the currency."""
    return _scaled(amount, currency.decimals, f"{currency.decimals} decimals of {currency.code}")


def round_decimal(
    value: Decimal | Fraction, currency: Currency, rounding: Rounding = Rounding.HALF_UP
) -> Decimal:
    """Major units rounded once to the currency's minor unit; ValueError when the value is no number."""
    if not isinstance(value, Decimal | Fraction):
        raise TypeError(f"Money is a Decimal or a Fraction, not {type(value).__name__}.")
    try:
        numerator, denominator = value.as_integer_ratio()
    except (ValueError, OverflowError):
        raise ValueError(f"{value} is not an amount.") from None
    return minor_to_decimal(
        rounded_quotient(numerator * currency.minor_units, denominator, rounding), currency
    )


def _whole(number: int) -> Decimal:
    if not isinstance(number, int):
        raise TypeError(f"Minor units and units of 1e-12 are whole numbers, not {type(number).__name__}.")
    return Decimal(number)


def _scaled(amount: Decimal, decimals: int, what_fits: str) -> int:
    if not isinstance(amount, Decimal):
        raise TypeError(f"Money is a Decimal, not {type(amount).__name__}.")
    try:
        scaled = _EXACT.scaleb(amount, decimals)
        whole = int(scaled)
    except (DecimalException, ValueError, OverflowError):
        raise ValueError(f"{amount} is not an amount of at most 60 digits.") from None
    if whole != scaled:
        raise ValueError(f"{amount} does not fit into {what_fits}.")
    return whole
