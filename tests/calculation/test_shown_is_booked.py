"""The schedule that the calculator shows is what the fold of a facility makes fall due, for any terms that both know."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from loanfund.calculation import events as ev
from loanfund.calculation.calendars import WEEKENDS_ONLY, BusinessDayConvention
from loanfund.calculation.daycount import DayCount
from loanfund.calculation.facility import replay
from loanfund.calculation.instalments import schedule
from loanfund.calculation.money import Rounding, currency
from loanfund.calculation.periods import Tenor
from loanfund.calculation.profiles import Profile, ProfileKind
from loanfund.calculation.rates import FixedRate, Fixings, SteppedRate
from loanfund.calculation.schedules import InterestGrace, Schedule, ScheduleTerms
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.calculation.timetables import Timetable

USD = currency("USD")
SIGNED = date(2026, 1, 5)


def shown(terms: FacilityTerms, on: date) -> Schedule:
    profile = terms.profile
    return schedule(
        ScheduleTerms(
            principal=terms.commitment,
            currency=terms.currency,
            rate=terms.rate,
            profile=profile.kind,
            day_count=terms.day_count,
            principal_grace=profile.principal_grace,
            interest_grace=profile.interest_grace,
            interest_grace_is=InterestGrace.CAPITALISE,
            balloon=profile.balloon,
            rounding=terms.rounding,
            instalment_multiple=profile.multiple,
        ),
        Timetable.of(terms.periods(on), terms.period_tenor),
    )


def booked(terms: FacilityTerms, on: date, plan: Schedule) -> dict[tuple[Component, date], int]:
    """What fell due while every instalment was paid on its day."""
    events: list[ev.Event] = [ev.Disbursed(id="draw", value_date=on, loan="L1", amount=terms.commitment)]
    events += [
        ev.Received(id=f"paid-{row.number:03}", value_date=row.payment_date, amount=plan.amount(row.payment))
        for row in plan.rows
        if row.payment
    ]
    history = replay(terms, events, Fixings(), plan.rows[-1].payment_date)
    assert history.owed_minor() == 0
    return {(row.component, row.due_date): row.amount for row in history.dues if row.amount}


@settings(max_examples=80, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    kind=st.sampled_from([ProfileKind.BULLET, ProfileKind.EQUAL_PRINCIPAL, ProfileKind.LEVEL]),
    amount=st.decimals("100000", "100000000", places=2),
    rate=st.decimals("0", "0.30", places=4),
    steps=st.booleans(),
    months=st.integers(6, 30),
    day=st.integers(0, 40),
    grace=st.integers(0, 3),
    interest_grace=st.integers(0, 2),
    balloon=st.sampled_from([Decimal(0), Decimal(20_000)]),
    multiple=st.sampled_from([None, Decimal(1), Decimal(100)]),
    day_count=st.sampled_from(
        [
            DayCount.ACT_360,
            DayCount.ACT_365F,
            DayCount.THIRTY_360,
            DayCount.THIRTY_E_360,
            DayCount.ACT_ACT_ISDA,
        ]
    ),
    rounding=st.sampled_from(Rounding),
    tenor=st.sampled_from(["1M", "3M"]),
    adjusted=st.booleans(),
)
def test_what_is_shown_falls_due(
    kind: ProfileKind,
    amount: Decimal,
    rate: Decimal,
    steps: bool,
    months: int,
    day: int,
    grace: int,
    interest_grace: int,
    balloon: Decimal,
    multiple: Decimal | None,
    day_count: DayCount,
    rounding: Rounding,
    tenor: str,
    adjusted: bool,
) -> None:
    on = WEEKENDS_ONLY.adjust(date.fromordinal(SIGNED.toordinal() + day), BusinessDayConvention.FOLLOWING)
    whole = months // int(tenor[0])
    maturity = date(2026 + (months + 1) // 12, (months + 1) % 12 + 1, 10)
    changes: dict[str, Any] = {"rate": FixedRate(rate)}
    if steps:
        changes = {"rate": SteppedRate(((SIGNED, rate), (date(2026, 6, 3), rate + Decimal("0.01"))))}
    terms = FacilityTerms(
        currency=USD,
        commitment=amount,
        signed_on=SIGNED,
        availability_end=date(2026, 3, 31),
        maturity=maturity,
        day_count=day_count,
        period_tenor=Tenor.parse(tenor),
        profile=Profile(
            kind,
            principal_grace=min(grace, max(whole - 2, 0)),
            interest_grace=min(interest_grace, max(whole - 2, 0)),
            balloon=balloon if kind is not ProfileKind.BULLET else Decimal(0),
            multiple=multiple,
        ),
        rounding=rounding,
        adjust_periods=adjusted,
        **changes,
    )
    plan = shown(terms, on)
    due = {
        (component, row.payment_date): getattr(row, component.value)
        for row in plan.rows
        for component in (Component.INTEREST, Component.PRINCIPAL)
        if getattr(row, component.value)
    }
    assert booked(terms, on, plan) == due
