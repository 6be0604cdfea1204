"""A worker is killed in the middle of a month's run, or of the statements of a month that was closed: the next one goes on,
and nothing is made twice or left out."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from loanfund.audit.models import IdempotencyKey
from loanfund.parties import roles
from loanfund.parties.models import Notice
from loanfund.reporting.invariants import verify_statements
from loanfund.reporting.models import MonthFile, MonthItem, MonthRun, MonthStatement, StatementExport
from loanfund.reporting.services import ask_month
from loanfund.reporting.tasks import make_closed_months, take_up
from tests import stack
from tests.parties.cast import joins
from tests.servicing.portfolio import companies, seed
from tests.servicing.world import make_world, person

PARTNERS = 24
MARCH = date(2026, 3, 1)
SECONDS = 60


@pytest.mark.slow
def test_what_a_killed_worker_left_is_made_by_the_next(module_db: str) -> None:
    world = make_world(size=Decimal(10) ** 9)
    seed(world, facilities=PARTNERS, loans_each=1, partners=companies(PARTNERS))
    world.close_through(date(2026, 4, 1))
    finance = person("Finance", roles.FINANCE)

    def ask() -> MonthRun:
        return ask_month(fund=world.fund, month=MARCH, actor=finance, on=world.today, formats=("pdf", "csv"))

    killed = ask()
    with stack.worker() as first:
        take_up.delay()
        _wait(lambda: _made(killed) > 0)
        os.killpg(first.pid, signal.SIGKILL)
    made = _made(killed)
    assert 0 < made < PARTNERS
    claimed = MonthItem.objects.filter(run=killed, claimed_at__isnull=False)
    assert claimed.filter(state="open").exists()
    # The minutes pass after which a silent worker's claims are free.
    claimed.update(claimed_at=datetime.now(UTC) - timedelta(minutes=5))
    with stack.worker():
        take_up.delay()
        _wait(lambda: MonthRun.objects.get(pk=killed.pk).state != "asked")
        whole = ask()
        take_up.delay()
        _wait(lambda: MonthRun.objects.get(pk=whole.pk).state != "asked")
    killed.refresh_from_db()
    whole.refresh_from_db()
    assert (killed.state, _made(killed)) == ("done", PARTNERS)
    assert killed.sha256 == whole.sha256
    exported = Counter(StatementExport.objects.values_list("number", "fmt"))
    assert set(exported.values()) == {2}
    assert len(exported) == 2 * PARTNERS


@pytest.mark.slow
def test_a_month_that_was_closed_is_made_whole_and_told_once_by_the_next_worker(committed_db: str) -> None:
    world = make_world(size=Decimal(10) ** 9)
    partners, treasurer = companies(PARTNERS), person("Treasurer")
    for partner in partners:
        joins(treasurer, partner, "owner")
    seed(world, facilities=PARTNERS, loans_each=1, partners=partners)
    world.close_through(date(2026, 3, 31))
    with stack.worker() as first:
        make_closed_months.delay()
        _wait(lambda: MonthStatement.objects.count() > 1)
        os.killpg(first.pid, signal.SIGKILL)
    assert MonthStatement.objects.count() < PARTNERS
    with stack.worker():
        for _ in range(3):
            make_closed_months.delay()
        _wait(lambda: IdempotencyKey.objects.filter(key__startswith="month:").exists())
    kept = MonthStatement.objects.all()
    assert {one.last_day for one in kept} == {date(2026, 3, 31)}
    assert len({one.partner_id for one in kept}) == len(kept) == PARTNERS
    assert MonthFile.objects.count() == 3 * PARTNERS
    told = Notice.objects.filter(kind="statement", recipient=treasurer)
    assert len({one.partner_id for one in told}) == len(told) == PARTNERS
    assert not verify_statements().breaks


def _made(run: MonthRun) -> int:
    return MonthItem.objects.filter(run=run, state="done").count()


def _wait(done: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < until
        time.sleep(0.02)
