"""The nightly close of 100,000 loans against a bare binary COPY of the same rows, and a closed day once more."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import psycopg
from django.db import connection

from bench import floors
from bench.harness import Figure, benchmark, fresh_database, once, workers
from loanfund.calculation.daycount import DayCount, ReferencePeriod
from loanfund.calculation.growth import GrowthKey
from loanfund.calculation.rates import FixedRate
from loanfund.servicing import services, tasks
from loanfund.servicing.close import runs
from loanfund.servicing.factors import class_id
from loanfund.servicing.models import CloseRun
from tests import servers
from tests.servicing.portfolio import MATURITY, facilities_of
from tests.servicing.world import OPENED, World, make_world

LOANS_EACH = 10
CLASSES = 200
NIGHTS = 4

_LOANS = """
INSERT INTO servicing_loan (number, facility_id, currency, amount, disbursed_on, maturity)
SELECT 'LN-B' || f.id || '-' || n, f.id, 'USD', 100000 + n, %(on)s, %(maturity)s
FROM facilities_facility f, generate_series(1, %(each)s) n
"""
_NIGHT_BEFORE = """
INSERT INTO servicing_accrual (accrual_date, loan_id, sequence, facility_id, batch_id, booking_date, principal, rate,
    num, den, exact, posted, estimated, suspended, accrual_class_id, period_exact, base_num, base_den, base_exact)
SELECT %(before)s, l.id, 0, l.facility_id, 0, %(before)s, l.amount, 0.03, 1, 360, 0, 0, false, false,
    (%(classes)s::bigint[])[1 + l.id %% array_length(%(classes)s::bigint[], 1)], 0, 0, 1, 0
FROM servicing_loan l
"""
_DIARY = (
    "INSERT INTO servicing_diary (facility_id, attend_on) SELECT id, %(maturity)s FROM facilities_facility"
)


@contextmanager
def portfolio(loans: int) -> Iterator[World]:
    """A fund whose loans all earned their last night the day before the business date, in 200 classes."""
    with fresh_database():
        world = make_world(size=Decimal(10) ** 12)
        facilities_of(world, loans // LOANS_EACH, Decimal(2_000_000))
        classes = [
            class_id(
                GrowthKey(
                    FixedRate(Decimal(200 + number) / 10_000),
                    DayCount.ACT_360,
                    OPENED - timedelta(days=1),
                    MATURITY,
                    ReferencePeriod(),
                )
            )
            for number in range(CLASSES)
        ]
        place: dict[str, Any] = {
            "on": OPENED,
            "before": OPENED - timedelta(days=1),
            "maturity": MATURITY,
            "each": LOANS_EACH,
            "classes": classes,
        }
        with connection.cursor() as cursor:
            for statement in (_LOANS, _NIGHT_BEFORE, _DIARY):
                cursor.execute(statement, place)
        yield world


def close_through_workers(world: World) -> None:
    """One day by the workers, as in the night; waits until it is done."""
    run = runs.open_run(fund=world.fund, on=world.today, actor=None)
    tasks.advance_run.delay(run.pk)
    with connection.cursor() as cursor:
        while not CloseRun.objects.filter(pk=run.pk, state=CloseRun.State.DONE).exists():
            cursor.execute("SELECT pg_sleep(0.01)")


@benchmark("close_100k", max_ratio=5)
def close_100k() -> Figure:
    """Accrue 100,000 loans, post, prove, record, through Celery: the best of a few nights, each beside its floor."""
    ours, floor = [], []
    with portfolio(100_000) as world, workers(2):
        owner = servers.database_url(str(connection.settings_dict["NAME"]), servers.OWNER)
        with psycopg.connect(owner, autocommit=True) as link:
            for _ in range(NIGHTS):
                night = world.today
                ours.append(once(lambda: close_through_workers(world)))
                seconds, rows = floors.copy_night(link, night)
                floor.append(seconds)
    note = f"{rows:,} accrual rows on both sides; ours with ledger entry, proof and seals"
    return Figure(min(ours), min(floor), note=note)


def _again(loans: int) -> Figure:
    with portfolio(loans) as world:
        services.close_day(fund=world.fund, on=OPENED)
        before = _rows()
        ours = min(once(lambda: services.close_day(fund=world.fund, on=OPENED)) for _ in range(20))
        written = _rows() - before
    if written:
        raise RuntimeError(f"A closed day wrote {written} rows when it was closed again.")
    return Figure(ours, note=f"{loans:,} loans; 0 rows written")


def _rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM servicing_accrual) + (SELECT count(*) FROM ledger_posting)"
            " + (SELECT count(*) FROM audit_auditevent) + (SELECT count(*) FROM servicing_closestep)"
        )
        (count,) = cursor.fetchone()
    return int(count)


@benchmark("close_again", max_seconds=0.005)
def close_again() -> Figure:
    """A closed day once more, 1,000 loans."""
    return _again(1_000)


@benchmark("close_again_100k", max_seconds=0.005)
def close_again_100k() -> Figure:
    """A closed day once more, 100,000 loans."""
    return _again(100_000)
