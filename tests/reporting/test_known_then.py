"""A statement as it was known at a moment is, byte for byte, the one that was taken out then."""

import random
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.db.models import F

from loanfund.audit.errors import Refused
from loanfund.reporting.services import export_statement
from loanfund.servicing.models import CloseRun
from tests.servicing.world import OPENED, World, bullet, make_world

pytestmark = pytest.mark.django_db
FORMATS = ("csv", "json", "xlsx", "pdf")


def noon_after(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(12), UTC)


def taken(world: World, last_day: date, fmt: str, known_at: datetime | None = None) -> bytes:
    return export_statement(
        actor=world.borrower,
        on=world.today,
        subject=world.facility,
        first_day=OPENED,
        last_day=last_day,
        fmt=fmt,
        known_at=known_at,
    ).bytes


@pytest.mark.parametrize("seed", [7, 11, 2026])
def test_over_random_back_valued_histories(db: None, seed: int) -> None:
    chance = random.Random(seed)
    world = make_world()
    world.sign(bullet(months=1, default_margin="0.02"))
    world.draw(Decimal(6_000_000))
    kept: dict[tuple[date, str], bytes] = {}
    for _ in range(14):
        closed = world.today + timedelta(days=chance.randint(1, 6))
        world.close_through(closed)
        # The tests close many days within a second; in life the close of a day ends in the night after it.
        CloseRun.objects.filter(state="done").update(
            finished_at=F("business_date") + timedelta(days=1, hours=1)
        )
        last_day = world.today - timedelta(days=1)
        fmt = chance.choice(FORMATS)
        kept[last_day, fmt] = taken(world, last_day, fmt)
        if chance.random() < 0.6:
            back = chance.randint(0, min(20, (world.today - OPENED).days))
            amount = Decimal(chance.randint(1, 400_000)) + Decimal(chance.randint(0, 99)) / 100
            world.receive(amount, value_date=world.today - timedelta(days=back))
    world.close_through(world.today + timedelta(days=3))
    for (last_day, fmt), content in kept.items():
        assert taken(world, last_day, fmt, noon_after(last_day)) == content, (last_day, fmt)
        with pytest.raises(Refused, match="choose a later moment"):
            taken(world, last_day, fmt, noon_after(last_day) - timedelta(days=1))
