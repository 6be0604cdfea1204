"""One night of a plain loan is written by SQL; here it is held against the replay, to the twelfth decimal."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from loanfund.calculation.daycount import DayCount
from loanfund.servicing.close.plain import PLAIN
from loanfund.servicing.fold import draw_picture
from loanfund.servicing.models import Accrual, CloseBatch, CloseStep
from tests.servicing.world import OPENED, World, bullet, make_world

D = Decimal
pytestmark = pytest.mark.django_db
CONVENTIONS = [one for one in DayCount if not one.value.startswith("BUS")]
OVERNIGHT: dict[str, Any] = {
    "kind": "overnight",
    "reference": "SOFR",
    "margin": "0.0175",
    "lookback_days": 5,
}


def booked_equals_replayed(world: World) -> None:
    for facility in world.facilities:
        picture = draw_picture(facility, through=world.today)
        wanted = {
            (night.loan_id, night.on): (
                night.exact,
                night.posted,
                night.principal,
                night.rate,
                night.state.period_exact,
            )
            for night in picture.nights
        }
        rows = Accrual.objects.filter(facility_id=facility.pk, sequence=0)
        found = {
            (row.loan_id, row.accrual_date): (
                row.exact,
                row.posted,
                row.principal,
                row.rate,
                row.period_exact,
            )
            for row in rows
        }
        assert found == wanted


def test_sql_and_replay_agree_on_every_convention() -> None:
    world = make_world()
    amounts = [D("1000000.01"), D("333333.33"), D("77777.77")]
    for place, convention in enumerate(CONVENTIONS):
        document = bullet(rate="0.0317", day_count=convention.value, commitment="400000.01")
        facility = world.sign(document, commitment=D("1000000.01"))
        world.draw(amounts[place % 3], facility=facility)
    world.close_through(OPENED + timedelta(days=32))
    accrued = CloseStep.objects.filter(name="accrue")
    assert sum(step.counts["plain"] for step in accrued) >= 28 * len(CONVENTIONS)
    assert not sum(step.counts["exceptions"] for step in accrued)
    booked_equals_replayed(world)


def test_a_night_written_by_sql_does_not_round_each_day_up() -> None:
    """The rival who rounds every day up to a cent earns 30,003.00 on a million at 3 %; 360 nights earn 30,000.00."""
    world = make_world()
    world.sign(bullet(months=12))
    loan = world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=359))
    posted = sum((row.posted for row in Accrual.objects.filter(loan_id=loan.pk)), D(0))
    assert posted == D("30000.00")
    assert "ceil" not in PLAIN
    assert not CloseBatch.objects.exclude(state="done").exists()
    assert world.today == date(2027, 2, 25)
