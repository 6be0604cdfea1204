"""Repayment profiles: how much principal falls due at the end of each interest period of one loan.

Amounts are whole minor units. A plan has one amount a period and always adds up to the principal: the last instalment
absorbs what rounding left, and ``Plan.residual`` says how much that was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from loanfund.calculation.annuities import level_instalment_over
from loanfund.calculation.money import Currency, Rounding, decimal_to_minor, rounded_quotient


class ProfileKind(StrEnum):
    """The shape of repayment."""

    BULLET = "bullet"
    EQUAL_PRINCIPAL = "equal_principal"
    LEVEL = "level"
    CUSTOM = "custom"


class PrepaymentEffect(StrEnum):
    """What a prepayment shortens: each instalment, the term, the next instalments, or the last ones."""

    INSTALMENT = "instalment"
    TERM = "term"
    NEXT = "next"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Profile:
    """A repayment profile.

    The first ``principal_grace`` periods bear interest only. ``balloon`` (an amount in the facility's currency) is left
    for the last period. ``interest_grace`` first periods capitalise their interest. Instalments are a multiple of
    ``multiple`` where given. ``table`` of a CUSTOM profile is the share of the principal at each period's end, adding
    up to 1, the last taking what is left.
    """

    kind: ProfileKind = ProfileKind.BULLET
    principal_grace: int = 0
    interest_grace: int = 0
    balloon: Decimal = Decimal(0)
    multiple: Decimal | None = None
    table: tuple[Decimal, ...] = ()

    def __post_init__(self) -> None:
        if self.principal_grace < 0 or self.interest_grace < 0:
            raise ValueError("Grace is a number of periods, 0 or more.")
        if self.balloon < 0:
            raise ValueError("A balloon is an amount of 0 or more.")
        if self.multiple is not None and self.multiple <= 0:
            raise ValueError("Instalments are a multiple of an amount above 0.")
        if self.kind is ProfileKind.CUSTOM and (
            not self.table or sum(self.table) != 1 or min(self.table) < 0
        ):
            raise ValueError("The shares of a custom profile are 0 or more and add up to 1.")

    def to_document(self) -> dict[str, Any]:
        """The profile as plain strings and numbers."""
        return {
            "kind": self.kind.value,
            "principal_grace": self.principal_grace,
            "interest_grace": self.interest_grace,
            "balloon": str(self.balloon),
            "multiple": None if self.multiple is None else str(self.multiple),
            "table": [str(share) for share in self.table],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Profile":
        """The profile of such a document; what is left out has its default."""
        multiple = document.get("multiple")
        return cls(
            kind=ProfileKind(document.get("kind", "bullet")),
            principal_grace=int(document.get("principal_grace", 0)),
            interest_grace=int(document.get("interest_grace", 0)),
            balloon=Decimal(document.get("balloon", "0")),
            multiple=None if multiple is None else Decimal(multiple),
            table=tuple(Decimal(share) for share in document.get("table", ())),
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Principal by period, in minor units; ``instalment`` is a level profile's payment; ``residual`` is what the last
    principal differs from a regular one because of rounding."""

    principal: tuple[int, ...]
    instalment: int | None = None
    residual: int = 0


def plan(
    profile: Profile,
    principal: int,
    growths: Sequence[Fraction],
    currency: Currency,
    rounding: Rounding,
    *,
    passed: int = 0,
    instalment: int | None = None,
) -> Plan:
    """Principal due at the end of each period that is left.

    ``growths`` are what one unit of principal earns in each of those periods (rate x fraction), ``passed`` how many
    periods went before them. ``instalment`` keeps a level payment that was set earlier (a prepayment that cuts the term).
    """
    count = len(growths)
    if count == 0:
        return Plan(())
    grace = min(max(profile.principal_grace - passed, 0), count - 1)
    balloon = min(decimal_to_minor(profile.balloon, currency), principal)
    multiple = 1 if profile.multiple is None else decimal_to_minor(profile.multiple, currency)
    if profile.kind is ProfileKind.BULLET:
        return Plan((0,) * (count - 1) + (principal,))
    if profile.kind is ProfileKind.CUSTOM:
        return _custom(profile, principal, count, passed, rounding)
    if profile.kind is ProfileKind.EQUAL_PRINCIPAL:
        return _equal(principal, balloon, count, grace, multiple, rounding)
    return _level(principal, balloon, growths, grace, multiple, rounding, instalment)


def _to_multiple(numerator: int, denominator: int, multiple: int, rounding: Rounding) -> int:
    return rounded_quotient(numerator, denominator * multiple, rounding) * multiple


def _finished(rows: list[int], principal: int, regular: int, instalment: int | None = None) -> Plan:
    """The plan whose last row takes what is left."""
    paid = 0
    for i, row in enumerate(rows[:-1]):
        rows[i] = max(min(row, principal - paid), 0)
        paid += rows[i]
    rows[-1] = principal - paid
    return Plan(tuple(rows), instalment, rows[-1] - regular)


def _equal(principal: int, balloon: int, count: int, grace: int, multiple: int, rounding: Rounding) -> Plan:
    regular = _to_multiple(principal - balloon, count - grace, multiple, rounding)
    return _finished([0] * grace + [regular] * (count - grace), principal, regular + balloon)


def _custom(profile: Profile, principal: int, count: int, passed: int, rounding: Rounding) -> Plan:
    table = profile.table[passed : passed + count]
    left = sum(map(Fraction, table), Fraction(0))
    if not left:
        return Plan((0,) * (count - 1) + (principal,))
    shares = [Fraction(share) / left for share in table] + [Fraction(0)] * (count - len(table))
    rows = [rounded_quotient(principal * share.numerator, share.denominator, rounding) for share in shares]
    return _finished(rows, principal, rows[-1])


def _level(
    principal: int,
    balloon: int,
    growths: Sequence[Fraction],
    grace: int,
    multiple: int,
    rounding: Rounding,
    instalment: int | None,
) -> Plan:
    paying = growths[grace:]
    if instalment is None:
        ratios = [growth.as_integer_ratio() for growth in paying]
        instalment = _to_multiple(*level_instalment_over(principal, balloon, ratios), multiple, rounding)
    rows, balance = [0] * grace, principal
    for growth in paying:
        interest = rounded_quotient(balance * growth.numerator, growth.denominator, rounding)
        row = max(min(instalment - interest, balance), 0)
        rows.append(row)
        balance -= row
    return _finished(rows, principal, rows[-1], instalment)
