"""A month's run over a thousand partners on a real worker, and how fast the real web server answers meanwhile.

Both run on one machine, as in the smallest installation: what the worker takes, the web server does not have.
"""

import http.client
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import urlsplit

from bench.harness import Figure, benchmark, fresh_database, workers
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.reporting.models import MonthRun
from loanfund.reporting.selectors import month_progress
from loanfund.reporting.services import ask_month
from loanfund.reporting.tasks import take_up
from tests import stack
from tests.office.desks import sign_in
from tests.servicing.portfolio import companies, seed
from tests.servicing.world import World, make_world, person

PARTNERS = 1_000
PAUSE = 0.05
IDLE_ANSWERS = 200
WAIT_AT_MOST = 1_800
MARCH = date(2026, 3, 1)


@contextmanager
def lenders_month(partners: int) -> Iterator[tuple[World, User]]:
    """A fund with so many partners, a facility and a loan each, through March."""
    with fresh_database():
        world = make_world(size=Decimal(10) ** 10)
        seed(world, facilities=partners, loans_each=1, partners=companies(partners))
        world.close_through(date(2026, 4, 1))
        yield world, person("Finance", roles.FINANCE)


class Visitor:
    """A person with one page open, who loads it again and again over one connection."""

    def __init__(self, url: str, path: str, cookie: str) -> None:
        self.place, self.path = urlsplit(url), path
        self.headers = {"Cookie": f"sessionid={cookie}", "Host": self.place.netloc}
        self.taken: list[float] = []

    def look(self) -> None:
        """Load the page once; how long its answer took is kept."""
        link = http.client.HTTPConnection("127.0.0.1", self.place.port or 80, timeout=60)
        began = time.perf_counter()
        link.request("GET", self.path, headers=self.headers)
        answer = link.getresponse()
        answer.read()
        self.taken.append(time.perf_counter() - began)
        link.close()
        if answer.status != http.client.OK:
            raise AssertionError(f"{self.path} answers {answer.status}")
        time.sleep(PAUSE)

    def told(self) -> tuple[float, float, float]:
        """The middle, the 95th per cent and the slowest of the answers so far, in seconds; then they are forgotten."""
        cuts = statistics.quantiles(self.taken, n=20)
        found = (statistics.median(self.taken), cuts[-1], max(self.taken))
        self.taken = []
        return found


@benchmark("month_1000", max_ratio=4, max_seconds=0.5)
def month_1000() -> Figure:
    """The 95th per cent of the web server's answers while the run is made, beside the same on the idle server."""
    with lenders_month(PARTNERS) as (world, finance), stack.web() as url, workers(2):
        session = sign_in(finance).cookies["sessionid"].value
        visitor = Visitor(url, "/office/month-statements/", session)
        for _ in range(IDLE_ANSWERS):
            visitor.look()
        idle = visitor.told()
        began = time.perf_counter()
        world.fund.refresh_from_db()
        run = ask_month(
            fund=world.fund, month=MARCH, actor=finance, on=world.today, formats=("pdf", "xlsx", "csv")
        )
        take_up.delay()
        made_by = began
        while run.state == MonthRun.State.ASKED and time.perf_counter() - began < WAIT_AT_MOST:
            visitor.look()
            run.refresh_from_db()
            if month_progress(run).per_cent < 100:
                made_by = time.perf_counter()
        packed = time.perf_counter() - made_by
        took, busy = time.perf_counter() - began, visitor.told()
        made = month_progress(run)
    if run.state != MonthRun.State.DONE:
        raise AssertionError(f"the run is {run.state} at {datetime.now(UTC):%H:%M}: {made}")
    note = (
        f"{made.made} statements in {took:.0f} s, {packed:.0f} of them for the pack; "
        f"answers idle and meanwhile: middle {idle[0] * 1e3:.0f} and "
        f"{busy[0] * 1e3:.0f} ms, slowest {idle[2] * 1e3:.0f} and {busy[2] * 1e3:.0f} ms"
    )
    return Figure(busy[1], idle[1], note=note)
