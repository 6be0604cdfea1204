"""Figures that others published, case by case: the test translates, the calculation answers, and the two must agree.

``CASES`` names another folder of the same families. A file of a family that is not known here fails, so that nothing
is passed over.
"""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
import QuantLib as ql  # noqa: N813 - the name under which its own documentation imports it

from loanfund.calculation.calendars import EVERY_DAY, BusinessDayConvention, Calendar
from loanfund.calculation.daycount import DayCount, ReferencePeriod, days, year_fraction
from loanfund.calculation.growth import Growth, GrowthKey
from loanfund.calculation.instalments import schedule
from loanfund.calculation.money import Currency, Rounding
from loanfund.calculation.periods import Rule, Tenor, add_tenor, schedule_dates
from loanfund.calculation.profiles import ProfileKind
from loanfund.calculation.rates import FixedRate, Fixings, FloorOn, Method, OvernightRate
from loanfund.calculation.schedules import (
    InterestBasis,
    LevelOn,
    Reprice,
    RowKind,
    Schedule,
    ScheduleTerms,
)
from loanfund.calculation.timetables import Timetable
from loanfund.calculation.yields import effective_rate, irr, nominal_rate, xirr
from tests.calculation.data import published_cases

Case = dict[str, Any]
UNROUNDED = Currency("XXX", 12)
"""No currency, with as many decimals as an amount can have: for figures that the source does not round."""

CONTRADICTED: dict[str, str] = {}
"""Cases that contradict the definition of what they show, by id, with the clause that says so."""

UNITS = {"days": "D", "weeks": "W", "months": "M", "years": "Y"}
PERIODS_A_YEAR = {"weeks": 52, "months": 12, "years": 1}
METHODS = {
    "equal_instalment": ProfileKind.LEVEL,
    "equal_principal": ProfileKind.EQUAL_PRINCIPAL,
    "bullet": ProfileKind.BULLET,
    "balloon": ProfileKind.LEVEL,
}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def is_near(ours: Decimal | Fraction, expected: str, tolerance: str) -> bool:
    return abs(Fraction(ours) - Fraction(expected)) <= Fraction(tolerance)


def last_digit(text: str) -> str:
    """What a figure published without a tolerance was rounded by; a short one, such as 1.0, is meant exactly."""
    decimals = len(text.partition(".")[2])
    return f"1e-{min(decimals, 12)}" if decimals >= 6 and "e" not in text else "1e-12"


# Day counts and dates


def check_day_count(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    start, end = date.fromisoformat(given["start"]), date.fromisoformat(given["end"])
    convention = DayCount(given["convention"])
    period = ReferencePeriod(
        start=day(given.get("ref_start") or given.get("period_start")),
        end=day(given.get("ref_end") or given.get("period_end")),
        frequency=given.get("frequency") and int(given["frequency"]),
        termination=day(given.get("termination")),
        end_of_month=given.get("eom"),
    )
    if "days" in expected:
        assert days(start, end, convention, period=period) == int(expected["days"])
    if "year_fraction" in expected:
        ours = year_fraction(start, end, convention, period=period)
        tolerance = expected.get("tolerance") or last_digit(expected["year_fraction"])
        assert is_near(ours, expected["year_fraction"], tolerance)


def open_days(name: str, start: date, end: date) -> Calendar:
    """The calendar as QuantLib, which the dates come from, knows it around these years."""
    markets = {
        "US_GOVT": (ql.UnitedStates, "GovernmentBond"),
        "US_NYSE": (ql.UnitedStates, "NYSE"),
        "US_SETTLEMENT": (ql.UnitedStates, "Settlement"),
        "US_FED": (ql.UnitedStates, "FederalReserve"),
        "US_SOFR": (ql.UnitedStates, "SOFR"),
        "US": (ql.UnitedStates, "Settlement"),
        "UK": (ql.UnitedKingdom, "Settlement"),
        "UK_EXCHANGE": (ql.UnitedKingdom, "Exchange"),
    }
    if name.lower() in {"none", "null", "nullcalendar", "every day", ""}:
        return EVERY_DAY
    if name.lower() in {"weekends", "weekendsonly", "weekends only", "weekends_only"}:
        theirs = ql.WeekendsOnly()
    elif name in markets:
        country, market = markets[name]
        theirs = country(getattr(country, market))
    else:
        theirs = getattr(ql, name.replace("_", "").replace(" ", ""))()
    first, last = ql.Date(1, 1, start.year - 1), ql.Date(31, 12, end.year + 1)
    holidays = frozenset(d.to_date() for d in theirs.holidayList(first, last, False))
    return Calendar(name, holidays)


def check_schedule_dates(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    if "pattern" in given:
        check_pattern(given, expected)
        return
    start, end = date.fromisoformat(given["start"]), date.fromisoformat(given["end"])
    convention = BusinessDayConvention(given.get("convention", "unadjusted"))
    ours = schedule_dates(
        start,
        end,
        Tenor.parse(given["tenor"]),
        rule=Rule(given.get("rule", "backward")),
        first=day(given.get("first")),
        penultimate=day(given.get("penultimate") or given.get("next_to_last")),
        end_of_month=given.get("end_of_month", False),
        convention=convention,
        termination_convention=BusinessDayConvention(given.get("termination_convention", convention)),
        calendar=open_days(given.get("calendar", "none"), start, end),
    )
    assert [d.isoformat() for d in ours] == expected["dates"]


def check_pattern(given: Case, expected: Case) -> None:
    """Monthly payments that begin by a rule of thumb after the day on which they were asked for."""
    asked = date.fromisoformat(given["first_payment_request"])
    following = add_tenor(asked.replace(day=1), Tenor(1, "M"))
    firsts = {
        "first day of the following month": following,
        "last day of the current month": date.fromordinal(following.toordinal() - 1),
        "same date each month": asked,
        "same day each month": asked,
    }
    first = firsts[given["pattern"]]
    end_of_month = "last day" in given["pattern"]
    ours = [add_tenor(first, Tenor(1, "M"), times=n, end_of_month=end_of_month) for n in range(given["n"])]
    assert {"first": ours[0], "second": ours[1], "last": ours[-1]} == {
        name: date.fromisoformat(text) for name, text in expected.items()
    }


# Overnight rates


def check_overnight(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    start, end = date.fromisoformat(given["start"]), date.fromisoformat(given["end"])
    fixings = {date.fromisoformat(text): Decimal(value) for text, value in given["fixings"].items()}
    rate = OvernightRate(
        reference=given["index"],
        method=Method.COMPOUNDED if "compounded" in given["method"] else Method.AVERAGED,
        lookback_days=int(given.get("lookback_days", 0)),
        observation_shift=given.get("observation_shift", False),
        lockout_days=int(given.get("lockout_days", 0)),
        floor=Decimal(given["floor"]) if given.get("floor") else None,
        cap=Decimal(given["cap"]) if given.get("cap") else None,
        floor_on=FloorOn(given.get("floor_on", "daily")),
        margin=Decimal(given.get("spread", "0")),
        margin_inside=given.get("spread_in_compounding", False),
        publication_calendar=Calendar(
            "as given",
            frozenset(date.fromisoformat(text) for text in given.get("holidays", [])),
            frozenset(WEEKDAYS.index(name[:3].lower()) for name in given.get("weekends", ["sat", "sun"])),
        ),
    )
    day_count = DayCount(given.get("day_count", "ACT/360"))
    growth = Growth(
        GrowthKey(rate, day_count, start, end, ReferencePeriod()), Fixings({given["index"]: fixings})
    )
    amount = Fraction(*growth.at(end))
    tolerance = expected.get("tolerance")
    figures = {
        "rate": amount / year_fraction(start, end, day_count),
        "amount_per_unit": amount,
        "compound_factor": 1 + amount,
        "amount": amount * Fraction(given.get("notional", "1")),
    }
    asserted = {name: value for name, value in expected.items() if name != "tolerance"}
    for name, value in asserted.items():
        assert is_near(figures[name], value, tolerance or last_digit(value)), (name, figures)


# Schedules


def compare_rows(made: Schedule, case: Case, tolerance: str) -> None:
    """Every figure that the source gives, against ours; its rows are numbered as our instalments are."""
    ours = {row.number: row for row in made.rows if row.kind is RowKind.INSTALMENT}
    for row in case["expected"].get("rows", []):
        mine = ours[row["nr"]]
        if "due" in row:
            assert mine.payment_date == date.fromisoformat(row["due"]), row
        if "days" in row:
            assert mine.days == int(row["days"]), row
        for name in ("principal", "interest", "payment", "balance"):
            if name in row:
                assert is_near(made.amount(getattr(mine, name)), row[name], tolerance), (row, mine)
    totals = {
        "level_payment": made.instalment,
        "instalment": made.instalment,
        "total_payment": made.paid,
        "total_interest": made.interest,
        "total_principal": made.principal,
    }
    for name, minor in totals.items():
        if name in case["expected"]:
            assert minor is not None
            assert is_near(made.amount(minor), case["expected"][name], tolerance), (name, minor)


def rounding_of(given: Case) -> Rounding:
    return Rounding(given.get("rounding", "half_even").split(" ")[0])


def check_periodic_annuity(case: Case) -> None:
    """Apache Fineract's cumulative schedule of a declining balance."""
    given = case["inputs"]
    every, frequency = every_so_often(given)
    profile = METHODS[given["method"]]
    days_in_year = str(given.get("days_in_year", 365))
    year = {"360": DayCount.ACT_360, "364": DayCount.ACT_364}.get(days_in_year, DayCount.ACT_365F)
    # There, an instalment multiple rounds annuities, and an amount multiple binds currencies without decimals.
    multiple = given.get("instalment_multiple_of") if profile is ProfileKind.LEVEL else None
    amounts = given.get("amounts_multiple_of") if given["decimals"] == 0 else None
    a_year = PERIODS_A_YEAR.get(frequency) or int(days_in_year if days_in_year.isdigit() else 365)
    terms = ScheduleTerms(
        principal=Decimal(given["principal"]),
        currency=Currency(given.get("currency", "XXX"), given["decimals"]),
        rate=FixedRate(Decimal(given["rate"]) / 100),
        profile=profile,
        basis=InterestBasis(given.get("interest_basis", "period")),
        day_count=year,
        periods_per_year=(a_year, every),
        level_on=LevelOn.FIRST_PERIOD,
        principal_grace=int(given.get("grace_principal", 0)),
        interest_grace=int(given.get("defer_interest_periods", 0)),
        rounding=rounding_of(given),
        amount_multiple=positive(amounts),
        instalment_multiple=positive(multiple),
    )
    start = date.fromisoformat(given["start"])
    made = schedule(terms, Timetable.regular(start, Tenor(every, UNITS[frequency]), int(given["n"])))
    compare_rows(made, case, case["expected"].get("tolerance", "0"))


def every_so_often(given: Case) -> tuple[int, str]:
    """How many of which unit lie between instalments; a quarter is three months."""
    every, frequency = int(given.get("every", 1)), given.get("freq", "months")
    return (3 * every, "months") if frequency == "quarters" else (every, frequency)


def positive(text: str | None) -> Decimal | None:
    return Decimal(text) if text and Decimal(text) > 0 else None


def check_unrounded_annuity(case: Case) -> None:
    given = case["inputs"]
    every, frequency = every_so_often(given)
    if "periods_per_year" in given:
        a_year = int(given["periods_per_year"]), 1
    else:
        a_year = PERIODS_A_YEAR.get(frequency, 365), every
    terms = ScheduleTerms(
        principal=Decimal(given["principal"]),
        currency=UNROUNDED,
        rate=FixedRate(Decimal(given["rate"]) / 100),
        profile=METHODS[given["method"]],
        basis=InterestBasis.PERIOD,
        periods_per_year=a_year,
        balloon=Decimal(given.get("ending_principal", "0")),
    )
    start = date.fromisoformat(given.get("start", "2000-01-01"))
    made = schedule(terms, Timetable.regular(start, Tenor(every, UNITS[frequency]), int(given["n"])))
    tolerance = case["expected"].get("tolerance") or given.get("compare_tolerance", "1e-9")
    compare_rows(made, case, tolerance)


def check_notional_profile(case: Case) -> None:
    given = case["inputs"]
    start, end = date.fromisoformat(given["start"]), date.fromisoformat(given["end"])
    tenor = {"annual": "1Y", "semiannual": "6M", "quarterly": "3M", "monthly": "1M"}[given["frequency"]]
    dates = schedule_dates(
        start,
        end,
        Tenor.parse(tenor),
        rule=Rule(given.get("generation", "backward")),
        convention=BusinessDayConvention(given.get("business_day", "unadjusted")),
        calendar=open_days(given.get("calendar", "none"), start, end),
    )
    periods = len(dates) - 1
    notionals = [Decimal(text) for text in given["notionals"]][:periods]
    notionals += [notionals[-1]] * (periods - len(notionals))
    steps = [a - b for a, b in zip(notionals, [*notionals[1:], Decimal(0)], strict=True)]
    terms = ScheduleTerms(
        principal=notionals[0],
        currency=UNROUNDED,
        rate=FixedRate(Decimal(given["rate"]) / 100),
        profile=ProfileKind.CUSTOM,
        day_count=DayCount(given["day_count"]),
        table=tuple(steps),
    )
    made = schedule(terms, Timetable(dates, dates[1:], Tenor.parse(tenor)))
    tolerance = case["expected"].get("tolerance", "1e-9")
    flows = [(row.number, made.amount(row.principal)) for row in made.rows if row.principal]
    for expected in case["expected"].get("principal_flows", []):
        number, amount = flows[expected["nr"] - 1]
        assert number == expected.get("after_period", number)
        assert is_near(amount, expected["amount"], tolerance), flows
    compare_rows(made, case, tolerance)


def check_balloon_annuity(case: Case) -> None:
    given = case["inputs"]
    ending = Decimal(given.get("ending_principal", "0"))
    principal = Decimal(given["principal"])
    profile = ProfileKind.BULLET if ending == principal else ProfileKind.LEVEL
    terms = ScheduleTerms(
        principal=principal,
        currency=Currency(given["currency"], given["decimals"]),
        rate=FixedRate(Decimal(given["rate"]) / 100),
        profile=profile,
        basis=InterestBasis.PERIOD,
        periods_per_year=(int(given.get("year_days", 365)), int(given["interval_days"])),
        reprice=Reprice.EACH_PERIOD,
        balloon=ending if profile is ProfileKind.LEVEL else Decimal(0),
        rounding=rounding_of(given),
    )
    start = date.fromisoformat(given.get("start", "2000-01-01"))
    made = schedule(terms, Timetable.regular(start, Tenor(int(given["interval_days"]), "D"), int(given["n"])))
    compare_rows(made, case, case["expected"].get("tolerance") or given.get("tolerance", "0"))


SCHEDULES: dict[str, Callable[[Case], None]] = {
    "fixed_periodic_rate_annuity": check_periodic_annuity,
    "unrounded_annuity": check_unrounded_annuity,
    "notional_profile": check_notional_profile,
    "fixed_interval_balloon_annuity": check_balloon_annuity,
}


def check_schedule(case: Case) -> None:
    SCHEDULES[case["convention"]](case)


# Yields


def check_yield(case: Case) -> None:
    given, expected = case["inputs"], case["expected"]
    kind = given["kind"]
    if kind == "xirr":
        flows = [(date.fromisoformat(text), Decimal(amount)) for text, amount in given["flows"]]
        found = xirr(flows, DayCount(given.get("day_count", "ACT/365F")))
    else:
        found = irr([Decimal(amount) for amount in given["flows"]])
    annual: dict[str, Callable[[Decimal], Decimal]] = {
        "xirr": lambda rate: rate,
        "irr": lambda rate: rate,
        "irr_nominal": lambda rate: nominal_rate(rate, int(given["periods_per_year"])),
        "irr_effective": lambda rate: effective_rate(rate, int(given["periods_per_year"])),
    }
    tolerance = expected.get("tolerance", "1e-7")
    solutions = [text for text in (expected["rate"], expected.get("other_root")) if text is not None]
    ours = annual[kind](found.rate)
    assert any(is_near(ours, text, tolerance) for text in solutions), (ours, found.roots)
    roots = [annual[kind](root) for root in found.roots]
    assert any(is_near(root, expected["rate"], tolerance) for root in roots), (
        "the source's own root is reported"
    )


FAMILIES: dict[str, Callable[[Case], None]] = {
    "daycount": check_day_count,
    "schedule_dates": check_schedule_dates,
    "compounding_rfr": check_overnight,
    "amortization_schedules": check_schedule,
    "xirr_eir": check_yield,
}


@pytest.mark.parametrize("case", published_cases(), ids=lambda case: case["id"])
def test_a_published_figure_is_ours_too(case: Case) -> None:
    if case["id"] in CONTRADICTED:
        with pytest.raises(AssertionError):
            FAMILIES[case["family"]](case)
    else:
        FAMILIES[case["family"]](case)
