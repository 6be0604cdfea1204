"""One night of a plain loan is written by SQL; here it is held against the replay, to the twelfth decimal."""

from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from loanfund.calculation.calendars import WEEKENDS_ONLY
from loanfund.calculation.daycount import DayCount
from loanfund.facilities.services import open_fund
from loanfund.parties import roles
from loanfund.servicing.close import runs, steps
from loanfund.servicing.close.plain import PLAIN
from loanfund.servicing.fold import draw_picture
from loanfund.servicing.models import Accrual, CloseBatch, CloseStep
from tests.servicing.portfolio import after, seed
from tests.servicing.world import OPENED, World, assert_books_hold, bullet, make_world, person

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
    """The rival who rounds every day up to a cent earns 10,000.80 on a million at 3 %; 120 nights earn 10,000.00."""
    world = make_world()
    world.sign(bullet(months=12))
    loan = world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=119))
    posted = sum((row.posted for row in Accrual.objects.filter(loan_id=loan.pk)), D(0))
    assert posted == D("10000.00")
    assert "ceil" not in PLAIN
    assert not CloseBatch.objects.exclude(state="done").exists()
    assert world.today == OPENED + timedelta(days=120)


def test_one_fund_s_night_leaves_the_loans_of_another_alone() -> None:
    """Facilities are numbered across funds, so that a batch's range takes in those of others."""
    world = make_world()
    second = open_fund(
        code="F2",
        name="Second fund",
        currency="USD",
        size=D(100_000_000),
        calendar=WEEKENDS_ONLY.name,
        receipt_cut_off=time(17),
        actor=person("Second administrator", roles.ADMINISTRATOR),
        on=OPENED,
        auto_close=False,
    )
    seed(world, facilities=2, loans_each=2)
    other = replace(world, fund=second)
    seed(other, facilities=2, loans_each=2)
    for one in (world, other):
        one.close_through(OPENED)
    run = runs.open_run(fund=world.fund, on=after(1), actor=None)
    steps.advance(run.pk)
    run.batches.update(first_facility=0, last_facility=2**60)
    world.close_through(after(1))
    accrue = CloseStep.objects.get(run=run, name="accrue")
    assert (accrue.counts["plain"], accrue.counts["attended"]) == (4, 0)
    other.close_through(after(2))
    world.close_through(after(2))
    assert Accrual.objects.filter(sequence=0).count() == 8 * 3
    assert_books_hold()
