"""The close on the office's pages: asked for by operations, watched by the desks, its steps and what it left behind."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loanfund.parties import roles
from loanfund.servicing.models import CloseException, CloseRun
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.servicing.world import World, bullet, make_world, person

pytestmark = pytest.mark.django_db
PATH = "/office/closes/"


@pytest.fixture
def world(db: None) -> World:
    made = make_world()
    made.sign(bullet())
    made.draw(Decimal(500_000))
    return made


def test_operations_asks_for_the_close_once_and_sees_it_run(world: World) -> None:
    maker = sign_in(world.maker)
    assert offers(maker, PATH) == {"close"}
    assert "starts within seconds" in said(maker, send(maker, PATH, "close"))
    run = CloseRun.objects.get()
    assert (run.business_date, run.state, run.requested_by) == (world.today, "open", world.maker)
    assert offers(maker, PATH) == set()
    send(maker, PATH, "close")
    assert CloseRun.objects.count() == 1
    piece = maker.get(f"{PATH}{run.business_date.isoformat()}/progress/")
    assert 'hx-trigger="every 1s"' in piece.content.decode()
    assert "HX-Refresh" not in piece.headers
    world.close_through(world.today)
    piece = maker.get(f"{PATH}{run.business_date.isoformat()}/progress/")
    assert "hx-trigger" not in piece.content.decode()
    assert piece.headers["HX-Refresh"] == "true"


def test_a_finished_close_shows_each_step_with_its_digest(world: World) -> None:
    world.close_through(date(2026, 3, 4))
    auditor = sign_in(person("Auditor", roles.AUDITOR))
    assert "4 Mar 2026 done" in text_of(auditor.get(PATH))
    page = text_of(auditor.get(f"{PATH}2026-03-04/"))
    run = CloseRun.objects.get(business_date=date(2026, 3, 4))
    for words in ("Accrue the night", "Prove the books", "Tell people", run.digest, run.chain_head):
        assert words in page
    assert auditor.get(f"{PATH}2026-02-30/").status_code == 404
    assert auditor.get(f"{PATH}2026-03-09/").status_code == 404


def test_a_stopped_close_says_why_and_goes_on_when_asked(world: World) -> None:
    checker = sign_in(world.checker)
    run = CloseRun.objects.create(
        fund=world.fund, business_date=world.today, state="stopped", reason="Accrued interest is 1.00 off."
    )
    assert "Accrued interest is 1.00 off." in text_of(checker.get(PATH))
    assert offers(checker, PATH) == {"resume"}
    assert "goes on where it stopped" in said(checker, send(checker, PATH, "resume"))
    run.refresh_from_db()
    assert (run.state, run.reason) == ("open", "")


def test_a_facility_left_behind_is_tried_again_when_asked(world: World) -> None:
    run = CloseRun.objects.create(fund=world.fund, business_date=date(2026, 3, 1), state="done")
    lag = CloseException.objects.create(
        run=run, facility=world.facility, since=world.today, reason="No fixing of SOFR for 27 Feb 2026."
    )
    maker = sign_in(world.maker)
    assert "No fixing of SOFR for 27 Feb 2026." in text_of(maker.get(PATH))
    assert "is tried again" in said(maker, send(maker, PATH, f"retry-{lag.pk}"))
    lag.refresh_from_db()
    assert (lag.state, lag.retried_by) == ("retry", world.maker)
    assert offers(maker, PATH) == {"close"}


@pytest.mark.parametrize(
    ("role", "reads", "acts"),
    [
        (roles.OPERATIONS_MAKER, True, {"close"}),
        (roles.OPERATIONS_CHECKER, True, {"close"}),
        (roles.FINANCE, True, set()),
        (roles.AUDITOR, True, set()),
        (roles.COMMITTEE_MEMBER, False, set()),
        (roles.ADMINISTRATOR, False, set()),
    ],
)
def test_each_role_at_the_close(world: World, role: str, reads: bool, acts: set[str]) -> None:
    client = sign_in(person("Somebody", role))
    assert client.get(PATH).status_code == (200 if reads else 403)
    if reads:
        assert offers(client, PATH) == acts
    if not acts:
        assert send(client, PATH, "close").status_code == 403
        assert not CloseRun.objects.exists()


def test_the_page_costs_the_same_after_ten_closes_and_after_a_thousand(world: World) -> None:
    maker = sign_in(world.maker)
    costs = []
    for first, many in ((date(2020, 1, 1), 10), (date(2021, 1, 1), 990)):
        CloseRun.objects.bulk_create(
            CloseRun(fund=world.fund, business_date=first + timedelta(days=day), state="done")
            for day in range(many)
        )
        with CaptureQueriesContext(connection) as queries:
            assert maker.get(PATH).status_code == 200
        costs.append(len(queries))
    assert costs[0] == costs[1]
    assert costs[0] <= 20
