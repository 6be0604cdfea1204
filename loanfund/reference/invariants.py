"""What must hold of market data."""

from django.db.models import F

from loanfund.audit.invariants import Break, Finding, Invariant
from loanfund.reference.models import Holiday, RateFixing, ReferenceRate
from loanfund.reference.selectors import calendar


def fixings_fall_on_publication_days() -> Finding:
    """Every fixing is of a business day of its rate's calendar."""
    breaks, seen = [], 0
    for rate in ReferenceRate.objects.all():
        days = calendar(rate.calendar)
        for key, day in RateFixing.objects.filter(rate=rate).values_list("id", "date"):
            seen += 1
            if not days.is_business_day(day):
                breaks.append(
                    Break(
                        f"reference_ratefixing:{key}", f"{rate.code} has a fixing for {day}, no business day."
                    )
                )
    return Finding("fixings fall on publication days", seen, breaks)


def fixings_by_hand_took_two() -> Finding:
    """A fixing typed by hand is the one that was proposed and confirmed, by different people."""
    breaks = [
        Break(
            f"reference_ratefixing:{fixing.pk}", f"{fixing} differs from the proposal that it was made from."
        )
        for fixing in RateFixing.objects.filter(proposal__isnull=False)
        .exclude(
            proposal__state="confirmed",
            proposal__date=F("date"),
            proposal__value=F("value"),
            proposal__rate=F("rate"),
        )
        .select_related("rate")
    ]
    return Finding("fixings by hand took two people", RateFixing.objects.count(), breaks)


def holidays_are_weekdays() -> Finding:
    """A holiday is a row only where the weekend does not close the day anyway."""
    rows = Holiday.objects.filter(date__week_day__in=[1, 7])
    breaks = [Break(f"reference_holiday:{row.pk}", f"{row} falls on a weekend.") for row in rows]
    return Finding("holidays are weekdays", Holiday.objects.count(), breaks)


INVARIANTS: list[Invariant] = [
    fixings_fall_on_publication_days,
    fixings_by_hand_took_two,
    holidays_are_weekdays,
]
