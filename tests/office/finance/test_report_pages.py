"""Every report on the finance desk: shown, as CSV, as a workbook, to those it is for and nobody else."""

import io
from copy import deepcopy
from datetime import date
from decimal import Decimal

import openpyxl
import pytest
from django.http import HttpResponseBase

from loanfund.audit.models import AuditEvent
from loanfund.parties import roles
from loanfund.reporting.reports import REPORTS
from tests.office.desks import sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made_once(module_db: str) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(date(2026, 4, 2))
    made.receive(Decimal("1000"))
    made.close_through(date(2026, 4, 3))
    return made


@pytest.fixture
def world(made_once: World, db: None) -> World:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


def content_of(answer: HttpResponseBase) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]


@pytest.mark.parametrize("slug", sorted(REPORTS))
def test_a_report_is_shown_and_taken_out(world: World, slug: str) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    path = f"/office/reports/{slug}/"
    page = finance.get(path)
    assert page.status_code == 200
    assert REPORTS[slug].title in text_of(page)
    asked = {"first_day": "2026-03-02", "last_day": "2026-04-03", "as_of": "2026-04-03"}
    assert finance.get(path, asked).status_code == 200
    csv = content_of(finance.post(path, asked | {"format": "csv"}))
    assert csv.count(b"\n") >= 1
    book = openpyxl.load_workbook(io.BytesIO(content_of(finance.post(path, asked | {"format": "xlsx"}))))
    assert book.active is not None
    assert AuditEvent.objects.filter(actor="fin@example.org", action="report.exported").count() == 2


def test_days_outside_the_fund_and_unknown_reports_are_told(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    answer = finance.get("/office/reports/trial-balance/", {"as_of": "2020-01-01"})
    assert answer.status_code == 422
    assert "Choose a day from 02 March 2026" in text_of(answer)
    assert "Enter a day such as" in text_of(finance.get("/office/reports/trial-balance/", {"as_of": "soon"}))
    assert finance.get("/office/reports/no-such-report/").status_code == 404


@pytest.mark.parametrize(
    ("role", "page", "books"),
    [
        (roles.FINANCE, 200, 200),
        (roles.AUDITOR, 200, 200),
        (roles.OPERATIONS_MAKER, 200, 404),
        (roles.ANALYST, 403, 403),
        (roles.ADMINISTRATOR, 403, 403),
    ],
)
def test_who_reads_reports(world: World, role: str, page: int, books: int) -> None:
    client = sign_in(person("Somebody", role))
    assert client.get("/office/reports/").status_code == page
    assert client.get("/office/reports/trial-balance/").status_code == books
    assert client.post("/office/reports/trial-balance/", {"format": "csv"}).status_code == books
