"""All partners' statements of a month on the finance desk: asked for once, followed, taken out by those who may."""

import io
import re
import zipfile
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone

from loanfund.parties import roles
from loanfund.reporting.models import MonthItem, MonthRun
from loanfund.reporting.services import claim_items, finish_run, make_item
from loanfund.servicing import services
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db
PATH = "/office/month-statements/"


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet(months=1))
    made.draw(Decimal(1_000_000))
    made.close_through(date(2026, 3, 31))
    return made


def test_a_month_is_asked_for_followed_and_taken_out(world: World) -> None:
    finance, auditor = sign_in(person("Fin", roles.FINANCE)), sign_in(person("Aud", roles.AUDITOR))
    assert "is not over" in text_of(send(finance, PATH, "ask", month="2026-04", formats=["csv"]))
    answer = send(finance, PATH, "ask", month="2026-03", formats=["csv", "pdf"])
    path = answer.url  # type: ignore[attr-defined]
    assert "0 of 1 partners" in said(finance, answer)
    assert "A run is being made already" in text_of(
        send(finance, PATH, "ask", month="2026-03", formats=["csv"])
    )
    assert "This run is still being made." in text_of(finance.post(path))
    run = MonthRun.objects.get()
    for key in claim_items(run_id=run.pk, now=timezone.now()):
        make_item(item_id=key)
    finish_run(run_id=run.pk, now=timezone.now())
    assert MonthItem.objects.get().state == "done"
    piece = finance.get(f"{path}progress/")
    assert piece.headers["HX-Refresh"] == "true"
    for client in (finance, auditor):
        taken = client.post(path)
        names = zipfile.ZipFile(io.BytesIO(b"".join(taken.streaming_content))).namelist()  # type: ignore[attr-defined]
        assert any(name.endswith(".pdf") for name in names)
    assert offers(auditor, PATH) == set()


def finished(world: World, finance: Client) -> tuple[MonthRun, str]:
    answer = send(finance, PATH, "ask", month="2026-03", formats=["csv"])
    run = MonthRun.objects.get()
    for key in claim_items(run_id=run.pk, now=timezone.now()):
        make_item(item_id=key)
    return finish_run(run_id=run.pk, now=timezone.now()), answer.url  # type: ignore[attr-defined] # a redirect


def test_the_page_of_a_run_says_how_its_pack_ties_out(world: World) -> None:
    finance = sign_in(person("Fin", roles.FINANCE))
    _, path = finished(world, finance)
    page = text_of(finance.get(path))
    assert re.search(r"\d\d sums compared, no difference; every check of the books holds", page)


def test_the_page_of_a_run_names_each_break_of_its_pack(world: World) -> None:
    """The bank took a fee that nobody booked, and the file of another run was cut short on the disk."""
    finance = sign_in(person("Fin", roles.FINANCE))
    text = "reference,amount,currency,value_date,sender\nunknown fee,-12.50,USD,2026-03-20,Bank\n"
    services.import_payments(
        fund=world.fund, text=text, layout="bank", name="march.csv", actor=world.maker, on=world.today
    )
    run, path = finished(world, finance)
    page = text_of(finance.get(path))
    assert (
        "reconciliation: march.csv, line 2 -12.50 with the reference unknown fee is not in the book" in page
    )
    assert "no difference" not in page
    with open(default_storage.path(run.path), "r+b") as kept:
        kept.truncate(100)
    refused = finance.get(path)
    assert refused.status_code == 422
    assert "The pack cannot be read" in text_of(refused)


def test_who_makes_a_months_statements(world: World) -> None:
    for role in roles.ALL:
        client = sign_in(person(role.replace(" ", ""), role))
        assert (client.get(PATH).status_code == 200) == (role in {roles.FINANCE, roles.AUDITOR}), role
        if role != roles.FINANCE:
            assert send(client, PATH, "ask", month="2026-03", formats=["csv"]).status_code == 403
    assert not MonthRun.objects.exists()
