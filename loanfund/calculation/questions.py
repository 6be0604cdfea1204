"""Questions and answers as plain JSON values: what the calculator command, or anyone with the package, can ask.

``answer`` takes one question and never raises for a wrong one: it says what is wrong and names the field. The names are
those of the terms of a facility. Figures come back as strings.
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

from loanfund.calculation.calendars import BusinessDayConvention
from loanfund.calculation.daycount import DayCount, ReferencePeriod, days, year_fraction
from loanfund.calculation.events import event_from_document
from loanfund.calculation.facility import replay
from loanfund.calculation.growth import Growth, GrowthKey
from loanfund.calculation.indices import compounded_index
from loanfund.calculation.money import (
    Rounding,
    decimal_to_minor,
    from_units12,
    minor_to_decimal,
    q12,
    round_minor,
    rounded_quotient,
)
from loanfund.calculation.periods import Rule, Tenor, schedule_dates
from loanfund.calculation.rates import Fixings, OvernightRate
from loanfund.calculation.reading import (
    MISTAKES,
    Fields,
    Wrong,
    as_date,
    as_fixings,
    as_list,
    as_whole,
    blaming,
)
from loanfund.calculation.schedule_questions import answer_schedule
from loanfund.calculation.terms import FacilityTerms, exact_decimal, rate_from_document
from loanfund.calculation.yields import effective_rate, irr, xirr

_ONE_DAY = timedelta(days=1)


def answers(questions: list[Any]) -> list[dict[str, Any]]:
    """An answer for each question, in order; ``{"error": ...}`` in the place of one that is wrong."""
    return [answer(question) for question in questions]


def answer(question: Any) -> dict[str, Any]:
    """The answer to one question, or ``{"error": "field: what is wrong with it"}``."""
    try:
        asked = Fields(question)
        kind = asked.get("kind", str)
        if kind not in KINDS:
            raise Wrong(f"kind: {kind!r} is none of {', '.join(KINDS)}.")
        return KINDS[kind](asked)
    except MISTAKES as error:
        return {"error": str(error)}


def plain(value: Fraction, decimals: int = 12) -> str:
    """An exact number rounded half-up to so many decimals, without idle zeros."""
    units = rounded_quotient(value.numerator * 10**decimals, value.denominator)
    text = f"{Decimal(units).scaleb(-decimals):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _reference(fields: Fields) -> ReferencePeriod:
    with blaming("reference"):
        period = ReferencePeriod(
            start=fields.maybe_day("start"),
            end=fields.maybe_day("end"),
            frequency=fields.maybe("frequency", as_whole),
            termination=fields.maybe_day("termination"),
            end_of_month=fields.flag("end_of_month") if fields.has("end_of_month") else None,
        )
    fields.done()
    return period


def _day_count(asked: Fields) -> dict[str, Any]:
    start, end = asked.day("start"), asked.day("end")
    convention = asked.choice("day_count", DayCount)
    period = _reference(asked.inner("reference"))
    asked.done()
    with blaming("reference" if end >= start else "end"):
        fraction = year_fraction(start, end, convention, period=period)
    return {
        "days": days(start, end, convention, period=period),
        "fraction": f"{fraction.numerator}/{fraction.denominator}",
        "year_fraction": plain(fraction),
        "clause": convention.clause,
    }


def _schedule_dates(asked: Fields) -> dict[str, Any]:
    convention = asked.choice("convention", BusinessDayConvention, BusinessDayConvention.UNADJUSTED)
    arguments = {
        "rule": asked.choice("rule", Rule, Rule.BACKWARD),
        "first": asked.maybe_day("first"),
        "penultimate": asked.maybe_day("penultimate"),
        "end_of_month": asked.flag("end_of_month"),
        "convention": convention,
        "termination_convention": asked.choice("termination_convention", BusinessDayConvention, convention),
        "calendar": asked.calendar("calendar"),
    }
    start, end, tenor = asked.day("start"), asked.day("end"), asked.get("period_tenor", Tenor.parse)
    asked.done()
    with blaming("end"):
        dates = schedule_dates(start, end, tenor, **arguments)  # type: ignore[arg-type] # each in its type above
    return {"dates": [day.isoformat() for day in dates]}


def _overnight_rate(asked: Fields) -> dict[str, Any]:
    start, end = asked.day("start"), asked.day("end")
    rate = asked.get("rate", rate_from_document)
    if not isinstance(rate, OvernightRate):
        raise Wrong("rate.kind: this question is about an overnight rate.")
    day_count = asked.choice("day_count", DayCount, DayCount.ACT_360)
    fixings = _fixings(asked)
    if end <= start:
        raise Wrong("end: an interest period ends after it starts.")
    with blaming("fixings"):
        growth = Growth(GrowthKey(rate, day_count, start, end, ReferencePeriod(start, end)), fixings)
        whole = Fraction(*growth.at(end))
    found: dict[str, Any] = {
        "rate": plain(whole / year_fraction(start, end, day_count, period=growth.key.reference)),
        "interest_per_unit": plain(whole, 18),
        "estimated": growth.estimated_from is not None,
        "days": [_overnight_day(growth, start + timedelta(days=n)) for n in range((end - start).days)],
    }
    if asked.has("principal"):
        found["interest"] = _interest(asked, growth, start, end)
    asked.done()
    return found


def _fixings(asked: Fields) -> Fixings:
    fixings = asked.get("fixings", as_fixings)
    as_of = asked.maybe_day("as_of")
    return fixings if as_of is None else fixings.at(as_of, end_of_day=True)


def _overnight_day(growth: Growth, night: date) -> dict[str, Any]:
    return {
        "on": night.isoformat(),
        "rate": plain(growth.all_in(night)),
        "cumulative_interest_per_unit": plain(Fraction(*growth.at(night + _ONE_DAY)), 18),
        "estimated": growth.estimated(night),
    }


def _interest(asked: Fields, growth: Growth, start: date, end: date) -> dict[str, str]:
    """Interest on a principal that may change within the period: each piece on the rate's own days."""
    currency, rounding = asked.currency(), asked.choice("rounding", Rounding, Rounding.HALF_UP)
    changes = asked.each("changes", lambda one: (one.day("on"), one.decimal("principal")))
    steps = [(start, asked.decimal("principal")), *sorted(changes), (end, Decimal(0))]
    units = 0
    for (since, principal), (until, _) in pairwise(steps):
        if not start <= since <= until <= end:
            raise Wrong(f"changes: {since} is not within the period.")
        numerator, denominator = growth.between(since, until)
        with blaming("principal"):
            minor = decimal_to_minor(principal, currency)
        units += q12(minor * numerator, denominator * currency.minor_units)
    return {
        "exact": str(from_units12(units)),
        "amount": str(minor_to_decimal(round_minor(units, currency, rounding), currency)),
    }


def _index(asked: Fields) -> dict[str, Any]:
    values = asked.get("fixings", as_fixings).values
    reference = asked.get("reference", str, next(iter(values), ""))
    if reference not in values:
        raise Wrong(f"reference: there are no fixings of {reference!r}.")
    through = asked.day("through")
    lengths = asked.get("averages", lambda value: [as_whole(n) for n in as_list(value)], [30, 90, 180])
    wanted = asked.get("on", lambda value: [as_date(day) for day in as_list(value)], [through])
    asked.done()
    with blaming("through"):
        index = compounded_index(values[reference], through)
    first = index.days[0]
    with blaming("on"):
        shown = [
            {
                "on": day.isoformat(),
                "index": str(index.value(day)),
                "averages": {
                    str(n): str(index.average(day, n)) for n in lengths if day - timedelta(days=n) >= first
                },
            }
            for day in wanted
        ]
    return {"values": shown}


def _xirr(asked: Fields) -> dict[str, Any]:
    """Dated flows give a rate a year; flows without dates, one period apart, a rate a period."""
    pairs = asked.get("flows", as_list)
    day_count = asked.choice("day_count", DayCount, DayCount.ACT_365F)
    a_year = asked.maybe("periods_per_year", as_whole)
    asked.done()
    with blaming("flows"):
        if pairs and not isinstance(pairs[0], list):
            found = irr([exact_decimal(amount) for amount in pairs])
        else:
            found = xirr([(as_date(day), exact_decimal(amount)) for day, amount in pairs], day_count)
    shown = {"rate": str(found.rate), "roots": [str(root) for root in found.roots]}
    if a_year is not None:
        shown["nominal"] = str(found.rate * a_year)
        shown["effective"] = str(effective_rate(found.rate, a_year))
    return shown


def _replay(asked: Fields) -> dict[str, Any]:
    terms = asked.get("terms", FacilityTerms.from_document)
    events = []
    for place, document in enumerate(asked.get("events", as_list)):
        try:
            events.append(event_from_document(document))
        except MISTAKES as error:
            raise Wrong(f"events[{place}].{error}") from error
    fixings = _fixings(asked) if asked.has("fixings") else Fixings()
    through, with_night = asked.day("through"), asked.flag("with_night")
    asked.done()
    return dict(replay(terms, events, fixings, through, with_night=with_night).to_document())


KINDS: Mapping[str, Callable[[Fields], dict[str, Any]]] = {
    "day_count": _day_count,
    "schedule_dates": _schedule_dates,
    "overnight_rate": _overnight_rate,
    "index": _index,
    "schedule": answer_schedule,
    "xirr": _xirr,
    "replay": _replay,
}
