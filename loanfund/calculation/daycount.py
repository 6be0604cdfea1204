"""Day count fractions: how much of a year lies between two dates, exactly.

The first date is included and the last excluded, so that a period's days add up to the period. Every fraction is an
exact rational. A convention is a member of ``DayCount`` that carries its own rule and names the clause it comes from:

* ISDA 2006: the 2006 ISDA Definitions, section 4.16 (the 2021 Definitions repeat them in section 4.6.1);
* ICMA 251: rule 251 of the ICMA Rules and Recommendations for the secondary market;
* FBF: Fédération Bancaire Française, master agreement for derivatives, formerly AFB (September 1994);
* ISO 20022: the code list of methods of interest computation;
* SIFMA: Standard Securities Calculation Methods (formerly SIA, and PSA for mortgage-backed securities).
"""

from calendar import isleap
from collections.abc import Callable
from dataclasses import dataclass
from datetime import MAXYEAR, date
from enum import StrEnum
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class ReferencePeriod:
    """What some conventions must know beyond the two dates; a field is None when it is not known.

    ``start`` and ``end`` bound the regular coupon period (ICMA) or the interest period (ACT/365L), unadjusted;
    ``frequency`` is the number of such periods a year; ``termination`` is the last date of the deal;
    ``end_of_month`` says whether dates that are month ends stay month ends; 30U/360 and ICMA assume so unless it is
    False. Raises ValueError when the end is not after the start or the frequency is not positive.
    """

    start: date | None = None
    end: date | None = None
    frequency: int | None = None
    termination: date | None = None
    end_of_month: bool | None = None

    def __post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"A reference period ends after it starts, not {self.start} to {self.end}.")
        if self.frequency is not None and self.frequency < 1:
            raise ValueError(f"A frequency is a number of periods a year, not {self.frequency}.")


_Count = Callable[[date, date, ReferencePeriod], int]
_Rule = Callable[[date, date, ReferencePeriod], tuple[int, int]]

_NOTHING_MORE = ReferencePeriod()
_YEAR_LENGTHS = (0, *(366 if isleap(year) else 365 for year in range(1, MAXYEAR + 1)))
_LEAP_DAYS_BEFORE = tuple(y // 4 - y // 100 + y // 400 for y in (0, *range(MAXYEAR)))
"""By year: its days, and how many leap days came before it. Looked up, since loops count millions of fractions."""
_MONTH_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_STEPS = {
    1: (12, 0),
    2: (6, 0),
    3: (4, 0),
    4: (3, 0),
    6: (2, 0),
    12: (1, 0),
    13: (0, 4),
    26: (0, 2),
    52: (0, 1),
}
"""Months and weeks from one coupon to the next, by the number of coupons a year."""


# Dates and leap days


def _is_last_of_february(d: date) -> bool:
    return d.month == 2 and d.day == _YEAR_LENGTHS[d.year] - 337


def _is_month_end(d: date) -> bool:
    return d.day >= 28 and date.fromordinal(d.toordinal() + 1).day == 1


def _leap_days_through(d: date) -> int:
    """How many 29ths of February there were up to and including the date."""
    past = _LEAP_DAYS_BEFORE[d.year]
    if d.month > 2 or (d.month == 2 and d.day == 29):
        return past + _YEAR_LENGTHS[d.year] - 365
    return past


def _leap_day_after(start: date, end: date) -> bool:
    """Whether a 29 February lies after the start and not after the end."""
    return _leap_days_through(end) > _leap_days_through(start)


def _in_year(d: date, year: int) -> date:
    """The same day of another year; 29 February becomes the 28th where there is none."""
    day = d.day
    if day == 29 and d.month == 2 and _YEAR_LENGTHS[year] == 365:
        day = 28
    return date(year, d.month, day)


# Conventions that count actual days over a fixed year


def _actual_days(start: date, end: date, _: ReferencePeriod) -> int:
    return end.toordinal() - start.toordinal()


def _no_leap_days(start: date, end: date, _: ReferencePeriod) -> int:
    leap_days = _leap_days_through(end) - _leap_days_through(start)
    return end.toordinal() - start.toordinal() - leap_days


def _over(count: _Count, numerator: int, denominator: int) -> _Rule:
    """The rule that multiplies the days counted by ``numerator / denominator``."""

    def rule(start: date, end: date, period: ReferencePeriod) -> tuple[int, int]:
        return count(start, end, period) * numerator, denominator

    return rule


# The 30/360 family: 360 (y2 - y1) + 30 (m2 - m1) + (d2 - d1), differing in which days are moved first


def _thirty(start: date, end: date, d1: int, d2: int) -> int:
    return 360 * (end.year - start.year) + 30 * (end.month - start.month) + d2 - d1


def _bond_basis_days(start: date, end: date, _: ReferencePeriod) -> int:
    d1, d2 = start.day, end.day
    if d1 == 31:
        d1 = 30
    if d2 == 31 and d1 == 30:
        d2 = 30
    return _thirty(start, end, d1, d2)


def _us_days(start: date, end: date, period: ReferencePeriod) -> int:
    if period.end_of_month is False or not _is_last_of_february(start):
        return _bond_basis_days(start, end, period)
    d2 = 30 if end.day == 31 or _is_last_of_february(end) else end.day
    return _thirty(start, end, 30, d2)


def _psa_days(start: date, end: date, period: ReferencePeriod) -> int:
    if start == end or not _is_last_of_february(start):
        return _bond_basis_days(start, end, period)
    return _thirty(start, end, 30, min(end.day, 30))


def _eurobond_days(start: date, end: date, _: ReferencePeriod) -> int:
    d1, d2 = start.day, end.day
    return _thirty(start, end, 30 if d1 == 31 else d1, 30 if d2 == 31 else d2)


def _eurobond_plus_days(start: date, end: date, _: ReferencePeriod) -> int:
    if start == end:
        return 0
    return _thirty(
        start, end, min(start.day, 30), end.day
    )  # the 1st of the next month counts as this month's 31st


def _german_days(start: date, end: date, period: ReferencePeriod) -> int:
    if start == end:
        return 0
    d1 = 30 if start.day == 31 or _is_last_of_february(start) else start.day
    moves = end.day == 31 or (_is_last_of_february(end) and end != period.termination)
    return _thirty(start, end, d1, 30 if moves else end.day)


def _month_end_days(start: date, end: date, _: ReferencePeriod) -> int:
    return _german_days(start, end, _NOTHING_MORE)


# Conventions whose year depends on the dates


def _act_act_isda(start: date, end: date, _: ReferencePeriod) -> tuple[int, int]:
    first, last = start.year, end.year
    first_year = _YEAR_LENGTHS[first]
    if first == last:
        return end.toordinal() - start.toordinal(), first_year
    last_year = _YEAR_LENGTHS[last]
    in_first = date(first + 1, 1, 1).toordinal() - start.toordinal()
    in_last = end.toordinal() - date(last, 1, 1).toordinal()
    between = last - first - 1
    if first_year == last_year:
        return between * first_year + in_first + in_last, first_year
    return between * 133_590 + in_first * last_year + in_last * first_year, 133_590  # 365 x 366


def _act_act_afb(start: date, end: date, _: ReferencePeriod) -> tuple[int, int]:
    """Whole years are counted back from the end; the days before them are over 366 if they hold a 29 February.

    ISDA's paper of 1999 adds that an end on 28 February is counted back to the 29th where there is one. The French
    text does not, and with that addition one night would bear two days' interest and another none.
    """
    first, month = start.year, start.month
    years = end.year - first
    anchor = _in_year(end, first)
    if anchor >= start:
        leap = month <= 2 < anchor.month and _YEAR_LENGTHS[first] == 366
    else:
        years -= 1
        anchor = _in_year(end, first + 1)
        leap = (month <= 2 and _YEAR_LENGTHS[first] == 366) or (
            anchor.month > 2 and _YEAR_LENGTHS[first + 1] == 366
        )
    year = 366 if leap else 365
    return years * year + anchor.toordinal() - start.toordinal(), year


def _act_act_year(start: date, end: date, _: ReferencePeriod) -> tuple[int, int]:
    years = max(end.year - start.year - 1, 0)
    anchor = _in_year(start, start.year + years)
    after = _in_year(anchor, anchor.year + 1)
    if end > after:
        years += 1
        anchor = _in_year(start, start.year + years)
        after = _in_year(anchor, anchor.year + 1)
    first = anchor.toordinal()
    year = after.toordinal() - first
    return years * year + end.toordinal() - first, year


def _act_365_actual(start: date, end: date, _: ReferencePeriod) -> tuple[int, int]:
    return end.toordinal() - start.toordinal(), 365 + _leap_day_after(start, end)


def _act_365l(start: date, end: date, period: ReferencePeriod) -> tuple[int, int]:
    if period.frequency is None or period.end is None:
        raise ValueError("ACT/365L needs the frequency and the end of the interest period.")
    if period.frequency == 1:
        leap = _leap_day_after(period.start or start, period.end)
    else:
        leap = _YEAR_LENGTHS[period.end.year] == 366
    return end.toordinal() - start.toordinal(), 365 + leap


def _excel_act_act(start: date, end: date, _: ReferencePeriod) -> tuple[int, int]:
    days = end.toordinal() - start.toordinal()
    if start.year == end.year:
        return days, _YEAR_LENGTHS[start.year]
    if start.year + 1 == end.year and (end.month, end.day) <= (start.month, start.day):
        holds_leap_day = _leap_day_after(start, end) or (start.month == 2 and start.day == 29)
        return days, 365 + holds_leap_day
    calendar_years = end.year - start.year + 1
    in_them = date(end.year + 1, 1, 1).toordinal() - date(start.year, 1, 1).toordinal()
    return days * calendar_years, in_them


# ACT/ACT ICMA: every quasi-coupon period weighs 1 / frequency, whatever its length


def _act_act_icma(start: date, end: date, period: ReferencePeriod) -> tuple[int, int]:
    first, last, frequency = period.start, period.end, period.frequency
    if frequency is None:
        if first is None or last is None:
            raise ValueError("ACT/ACT ICMA needs the reference period, or at least its frequency.")
        frequency = _frequency_of(first, last)
    if first is not None and last is not None and first <= start and end <= last:
        return end.toordinal() - start.toordinal(), frequency * (last.toordinal() - first.toordinal())
    if frequency not in _STEPS:
        raise ValueError(f"Coupon periods cannot be rolled {frequency} times a year.")
    months, weeks = _STEPS[frequency]
    if first is not None and last is not None:
        day = first.day if first.day == last.day < 28 else _roll_day(first, last, period.end_of_month)
    else:
        day = _roll_day(first or last or start, last or first or end, period.end_of_month)
        last = last or (end if first is None else _rolled(first, months, weeks, day))
        first = first or _rolled(last, -months, -weeks, day)
    start_num, start_den = _position(start, first, last, months, weeks, day)
    end_num, end_den = _position(end, first, last, months, weeks, day)
    if start_den == end_den:
        return end_num - start_num, end_den * frequency
    return end_num * start_den - start_num * end_den, start_den * end_den * frequency


def _frequency_of(first: date, last: date) -> int:
    months = round((last - first).days * 12 / 365)
    if months < 1 or 12 % months:
        raise ValueError(f"ACT/ACT ICMA needs a frequency: {first} to {last} is no regular coupon period.")
    return 12 // months


def _roll_day(first: date, last: date, end_of_month: bool | None) -> int:
    """The day of the month on which coupons fall, 31 for month ends, 0 for the day of the date counted from."""
    if end_of_month is not False and _is_month_end(first) and _is_month_end(last):
        return 31
    shorter, longer = (first, last) if first.day < last.day else (last, first)
    return longer.day if _is_month_end(shorter) else 0


def _rolled(d: date, months: int, weeks: int, roll_day: int) -> date:
    """The next quasi-coupon date, or the one before when the distance is negative."""
    if weeks:
        return date.fromordinal(d.toordinal() + weeks * 7)
    return date.fromordinal(_in_month(d.year * 12 + d.month - 1 + months, roll_day or d.day))


def _in_month(index: int, day: int) -> int:
    """The ordinal of a day, or the month's last, in the month numbered by 12 x year + month - 1."""
    year, month = divmod(index, 12)
    if day > 28:
        length = _MONTH_LENGTHS[month] if month != 1 else _YEAR_LENGTHS[year] - 337
        if day > length:
            day = length
    return date(year, month + 1, day).toordinal()


def _position(d: date, first: date, last: date, months: int, weeks: int, roll_day: int) -> tuple[int, int]:
    """Where a date lies, in quasi-coupon periods since the start of the reference period.

    The reference period goes on regularly on both sides. The result is a numerator over the length in days of the
    quasi-coupon period that holds the date.
    """
    ordinal = d.toordinal()
    if d >= last:
        anchor, periods = last, 1
    elif d < first:
        anchor, periods = first, 0
    else:
        low = first.toordinal()
        return ordinal - low, last.toordinal() - low
    if weeks:
        return periods * weeks * 7 + ordinal - anchor.toordinal(), weeks * 7
    day = roll_day or anchor.day
    index = anchor.year * 12 + anchor.month - 1
    whole = (d.year * 12 + d.month - 1 - index) // months
    index += whole * months
    low = _in_month(index, day)
    if low <= ordinal:
        periods += whole
        length = _in_month(index + months, day) - low
    else:
        periods += whole - 1
        high, low = low, _in_month(index - months, day)
        length = high - low
    return periods * length + ordinal - low, length


class DayCount(StrEnum):
    """A day count convention: its market name, the clause that defines it, and the rule itself.

    ``days_rule`` gives the days of the numerator; ``fraction_rule`` the year fraction as a numerator and a
    denominator, not reduced. Both trust that the end is not before the start: call ``days``, ``year_fraction`` or
    ``fraction_ints``, which check.
    """

    _value_: str
    clause: str
    days_rule: _Count
    fraction_rule: _Rule

    def __new__(
        cls,
        name: str,
        clause: str = "",
        days_rule: _Count = _actual_days,
        fraction_rule: _Rule = _act_act_isda,
    ) -> "DayCount":
        # The defaults are for the type checker: DayCount("ACT/360") looks a member up and does not come here.
        member = str.__new__(cls, name)
        member._value_ = name
        member.clause = clause
        member.days_rule = days_rule
        member.fraction_rule = fraction_rule
        return member

    ACT_360 = "ACT/360", "ISDA 2006 4.16(e); ICMA 251.1(i)", _actual_days, _over(_actual_days, 1, 360)
    ACT_364 = (
        "ACT/364",
        "money market usage: weeks over a year of 52",
        _actual_days,
        _over(_actual_days, 1, 364),
    )
    ACT_365F = "ACT/365F", "ISDA 2006 4.16(d)", _actual_days, _over(_actual_days, 1, 365)
    ACT_365_25 = "ACT/365.25", "actuarial usage: the Julian year", _actual_days, _over(_actual_days, 4, 1461)
    ACT_365_ACTUAL = "ACT/365 ACTUAL", "Act/365A: 366 if a leap day is passed", _actual_days, _act_365_actual
    ACT_365L = "ACT/365L", "ICMA 251.1(i), leap year variant; ISO 20022 A009", _actual_days, _act_365l
    ACT_ACT_ISDA = "ACT/ACT ISDA", "ISDA 2006 4.16(b)", _actual_days, _act_act_isda
    ACT_ACT_ICMA = "ACT/ACT ICMA", "ICMA 251.1(iii), 251.3; ISDA 2006 4.16(c)", _actual_days, _act_act_icma
    ACT_ACT_AFB = "ACT/ACT AFB", "FBF, base exact/exact; ISO 20022 A010", _actual_days, _act_act_afb
    ACT_ACT_YEAR = (
        "ACT/ACT YEAR",
        "whole years from the start, then its own year",
        _actual_days,
        _act_act_year,
    )
    EXCEL_ACT_ACT = "EXCEL ACT/ACT", "Excel YEARFRAC, basis 1", _actual_days, _excel_act_act
    NL_360 = "NL/360", "ISO 20022 A014 over 360", _no_leap_days, _over(_no_leap_days, 1, 360)
    NL_365 = "NL/365", "ISO 20022 A014", _no_leap_days, _over(_no_leap_days, 1, 365)
    THIRTY_360 = "30/360", "ISDA 2006 4.16(f), bond basis", _bond_basis_days, _over(_bond_basis_days, 1, 360)
    THIRTY_U_360 = "30U/360", "SIFMA 30/360 with the end-of-month rule", _us_days, _over(_us_days, 1, 360)
    THIRTY_360_PSA = "30/360 PSA", "SIFMA for mortgage-backed securities", _psa_days, _over(_psa_days, 1, 360)
    THIRTY_E_360 = (
        "30E/360",
        "ISDA 2006 4.16(g); ICMA 251.1(ii)",
        _eurobond_days,
        _over(_eurobond_days, 1, 360),
    )
    THIRTY_E_PLUS_360 = (
        "30E+/360",
        "30E/360 whose last 31st becomes the 1st",
        _eurobond_plus_days,
        _over(_eurobond_plus_days, 1, 360),
    )
    THIRTY_E_360_ISDA = "30E/360 ISDA", "ISDA 2006 4.16(h)", _german_days, _over(_german_days, 1, 360)
    THIRTY_E_365 = (
        "30E/365",
        "30E/360 ISDA over 365, no termination date",
        _month_end_days,
        _over(_month_end_days, 1, 365),
    )
    THIRTY_365 = "30/365", "ISO 20022 A002", _eurobond_days, _over(_eurobond_days, 1, 365)


def fraction_ints(
    start: date, end: date, convention: DayCount, period: ReferencePeriod | None = None
) -> tuple[int, int]:
    """The year fraction from start to end as a numerator and a positive denominator, not reduced.

    For loops that multiply by a principal and a rate and divide once. Raises ValueError when the end is before the
    start, or when the convention needs something of the reference period that is not there.
    """
    if end < start:
        raise _backward(start, end)
    return convention.fraction_rule(start, end, period or _NOTHING_MORE)


def year_fraction(
    start: date, end: date, convention: DayCount, *, period: ReferencePeriod | None = None
) -> Fraction:
    """The exact year fraction from start (included) to end (excluded); errors as in ``fraction_ints``."""
    if end < start:
        raise _backward(start, end)
    numerator, denominator = convention.fraction_rule(start, end, period or _NOTHING_MORE)
    return Fraction(numerator, denominator)


def days(start: date, end: date, convention: DayCount, *, period: ReferencePeriod | None = None) -> int:
    """The days that the convention counts from start to end: the numerator it puts over its year.

    Actual days for all but the 30/360 family (months of thirty) and NL (no leap days). Raises ValueError when the
    end is before the start.
    """
    if end < start:
        raise _backward(start, end)
    return convention.days_rule(start, end, period or _NOTHING_MORE)


def _backward(start: date, end: date) -> ValueError:
    return ValueError(f"A day count runs forward, not from {start} to {end}.")
