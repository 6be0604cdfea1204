"""The closed forms behind level instalments, exact: every result is a rational number that the caller rounds once.

With P the principal, E what is left to be paid with the last instalment (0, a balloon, or P itself for a bullet) and
f(1) ... f(n) the interest of one unit of principal in each period, the level instalment is

    (P x (1 + f(1)) ... (1 + f(n)) - E) / sum over j of (1 + f(j + 1)) ... (1 + f(n))

which for a constant f is the textbook's (P (1 + f)^n - E) f / ((1 + f)^n - 1), and (P - E) / n when f is 0.
"""

from collections.abc import Sequence

Ratio = tuple[int, int]
"""A numerator and a positive denominator, not reduced."""


def level_instalment(principal: int, ending: int, factor: Ratio, count: int) -> Ratio:
    """The instalment, in the units of ``principal``, that leaves ``ending`` after ``count`` periods of equal factors.

    ``factor`` is the interest of one unit over one period. ValueError when there is no period.
    """
    if count < 1:
        raise ValueError("A level instalment needs at least one period.")
    numerator, denominator = factor
    if not numerator:
        return principal - ending, count
    grown, base = (numerator + denominator) ** count, denominator**count
    return (principal * grown - ending * base) * numerator, (grown - base) * denominator


def level_instalment_over(principal: int, ending: int, factors: Sequence[Ratio]) -> Ratio:
    """The same over periods of different lengths, or rates, by the general form; ValueError without a period."""
    if not factors:
        raise ValueError("A level instalment needs at least one period.")
    grown, weights, base = (
        1,
        0,
        1,
    )  # over ``base``: growth of one unit to the end, and the sum of such growths
    for numerator, denominator in reversed(factors):
        weights = weights + grown
        grown = grown * (numerator + denominator)
        weights, base = weights * denominator, base * denominator
    return principal * grown - ending * base, weights
