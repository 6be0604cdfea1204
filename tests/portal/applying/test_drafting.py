"""An application from its first figures to its receipt: saved as one goes, wrong entries kept with a sentence."""

import uuid
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loanfund.origination.liquidation_files import template
from loanfund.origination.models import Application, ApplicationDocument, LiquidationRecord
from loanfund.origination.services import withdraw_application
from loanfund.parties.models import Membership
from tests.origination.cast import CSV, Cast, make_cast
from tests.portal.visits import send, signed_in, words

pytestmark = pytest.mark.django_db
ASKED = {
    "amount": "2,000,000.00",
    "tenor_months": "12",
    "profile": "bullet",
    "interest_only_months": "",
    "purpose": "To keep making markets.",
}
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
MOST_QUERIES_OF_LIST = 13


@pytest.fixture(scope="module")
def made_once(module_db: str) -> Cast:
    return make_cast()


@pytest.fixture
def cast(made_once: Cast, db: None) -> Cast:
    """As it was made: what a test does to it is rolled back."""
    return deepcopy(made_once)


@pytest.fixture
def pia(cast: Cast) -> Client:
    return signed_in(cast["pia"])


def base(cast: Cast, application: Application | None = None, step: str = "") -> str:
    beneath = f"{application.number}/{step}" if application else step
    return f"/partners/{cast.partner.number}/applications/{beneath}"


def draft(cast: Cast, pia: Client) -> Application:
    assert send(pia, base(cast, step="new/"), **ASKED).status_code == 302
    return Application.objects.latest("id")


def upload(content: bytes, name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_a_draft_is_left_resumed_completed_and_handed_in(cast: Cast, pia: Client) -> None:
    assert "No application yet" in words(pia.get(base(cast)))
    mine = draft(cast, pia)
    assert (mine.state, mine.amount, mine.purpose) == ("draft", Decimal(2_000_000), "To keep making markets.")
    page = words(pia.get(base(cast, mine)))
    assert "1 of 4 done" in page
    assert "Still missing: Audited accounts of the last year" in page
    send(
        pia, base(cast, mine, "purpose/"), purpose="To keep quoting.", net_assets="5 000 000", compensation=""
    )
    for kind in ("audited_accounts", "liquidation_statement", "net_assets_statement"):
        send(pia, base(cast, mine, f"papers/{kind}/"), file=upload(PDF, f"{kind}.pdf"))
    assert "Upload the CSV file." in words(pia.get(base(cast, mine)))
    answer = send(pia, base(cast, mine, "liquidations/"), file=upload(CSV, "losses.csv"))
    page = words(pia.get(answer.headers["Location"]))
    assert "2 liquidations from losses.csv are in" in page
    assert "44.00% beside a line of 30.00%. met" in page
    page = words(pia.get(base(cast, mine, "check/")))
    assert "Hand the application in" in page
    assert "Still to do" not in page
    answer = send(pia, base(cast, mine, "check/"))
    mine.refresh_from_db()
    assert (mine.state, mine.submitted_by, mine.purpose) == ("submitted", cast["pia"], "To keep quoting.")
    page = words(pia.get(answer.headers["Location"]))
    assert "was handed in on" in page
    assert mine.uploads.get().file_sha256 in page
    assert mine.assessments.latest("id").reason == "as handed in"


@pytest.mark.parametrize(
    ("entry", "value", "sentence"),
    [
        ("amount", "-5", "This is below zero"),
        ("amount", "9" * 30, "at most 15 digits before the point"),
        ("amount", "a lot", "This is no amount"),
        ("amount", "1000000.001", "has more than 2 decimals"),
        ("amount", "0", "The amount is above zero"),
        ("amount", "10", "lends from 500,000.00 USD"),
        ("amount", "99000000", "lends up to 10,000,000.00 USD at a time"),
        ("tenor_months", "25", "lends for up to 24 months"),
        ("tenor_months", "1.5", "This is no whole number"),
        ("tenor_months", "99999999999", "at most 600 months"),
        ("profile", "interest_only", "Say for how many months only interest is paid"),
        ("interest_only_months", "12", "fewer than the months of the tenor"),
        ("purpose", "", "This field is required"),
    ],
)
def test_a_wrong_entry_stays_on_the_page_with_a_sentence(
    cast: Cast, pia: Client, entry: str, value: str, sentence: str
) -> None:
    answer = send(pia, base(cast, step="new/"), **(ASKED | {entry: value}))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert sentence in page
    assert value in page
    assert "To keep making markets." in page or entry == "purpose"
    assert not Application.objects.exists()


def test_a_revolving_facility_is_repaid_at_its_end(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    answer = send(pia, base(cast, mine, "request/"), **(ASKED | {"profile": "level", "revolving": "on"}))
    assert "A revolving facility is repaid at its end" in answer.content.decode()
    mine.refresh_from_db()
    assert mine.profile == "bullet"


def test_a_double_click_and_the_back_button_start_one_application(cast: Cast, pia: Client) -> None:
    key = str(uuid.uuid4())
    first = send(pia, base(cast, step="new/"), request_id=key, **ASKED)
    again = send(pia, base(cast, step="new/"), request_id=key, **ASKED)
    assert first.headers["Location"] == again.headers["Location"]
    changed = send(pia, base(cast, step="new/"), request_id=key, **(ASKED | {"amount": "700000"}))
    assert "sent already with other words" in words(pia.get(changed.headers["Location"]))
    assert Application.objects.count() == 1


def test_the_slower_of_two_tabs_is_told_and_keeps_what_was_typed(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    path = base(cast, mine, "request/")
    seen = pia.get(path).context["form"]["seen"].value()
    assert send(pia, path, seen=seen, **(ASKED | {"amount": "3000000"})).status_code == 302
    answer = send(pia, path, seen=seen, **(ASKED | {"amount": "4000000"}))
    page = words(answer)
    assert answer.status_code == 422
    assert "changed in another window" in page
    assert "Saved now: USD 3,000,000.00" in page.replace("\xa0", " ")
    mine.refresh_from_db()
    assert mine.amount == 3_000_000
    rendered: Any = answer
    form = rendered.context["form"]
    assert form["amount"].value() == "4000000"
    assert send(pia, path, seen=form["seen"].value(), **(ASKED | {"amount": "4000000"})).status_code == 302
    mine.refresh_from_db()
    assert mine.amount == 4_000_000


def test_an_ended_session_loses_nothing_that_was_typed(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    path = base(cast, mine, "request/")
    pia.logout()
    answer = send(pia, path, **(ASKED | {"amount": "7654321"}))
    assert answer.headers["Location"] == f"/account/login/?next={path}"
    assert "what you typed is kept" in words(pia.get(answer.headers["Location"]))
    pia.force_login(cast["pia"])
    page = pia.get(path)
    assert page.context["form"]["amount"].value() == "7654321"
    assert "Nothing of it is saved yet" in words(page)
    mine.refresh_from_db()
    assert mine.amount == 2_000_000
    assert pia.get(path).context["form"]["amount"].value() == "2,000,000"


def test_the_template_downloads_and_its_example_row_is_not_taken(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    answer = pia.get(base(cast, step="liquidations.csv"))
    assert answer.content.decode() == template()
    assert "attachment" in answer.headers["Content-Disposition"]
    page = words(send(pia, base(cast, mine, "liquidations/"), file=upload(template().encode(), "l.csv")))
    assert "2 venue This is the template’s example row" in page.replace("'", "’")


def test_every_fault_of_a_csv_is_named_by_line_and_column_and_nothing_is_taken(
    cast: Cast, pia: Client
) -> None:
    mine = draft(cast, pia)
    path = base(cast, mine, "liquidations/")
    send(pia, path, file=upload(CSV, "losses.csv"))
    wrong = CSV.replace(b"PERP,long", b"PERP,up").replace(b"700000.00", b"-7")
    answer = send(pia, path, file=upload(wrong, "worse.csv"))
    page = words(answer)
    assert answer.status_code == 422
    assert "Nothing of worse.csv was taken, because 2 things are wrong in it" in page
    assert "2 side" in page
    assert "3 loss" in page
    assert "The 2 liquidations from losses.csv still stand" in page
    assert mine.uploads.count() == 1
    assert LiquidationRecord.objects.count() == 2


def test_a_wrong_column_is_named(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    answer = send(
        pia, base(cast, mine, "liquidations/"), file=upload(CSV.replace(b"venue", b"where"), "l.csv")
    )
    page = words(answer)
    assert "1 venue This column is missing; take the template." in page
    assert "1 where This column is not known; take it out." in page


def test_of_two_hundred_faults_the_first_are_shown_and_the_others_counted(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    head, row = CSV.decode().splitlines()[:2]
    rows = [row.replace("R-1", f"R-{n}").replace("12.5", "x" if n % 25 == 0 else "1") for n in range(5000)]
    content = "\n".join([head, *rows]).encode()
    page = words(send(pia, base(cast, mine, "liquidations/"), file=upload(content, "many.csv")))
    assert "200 things are wrong" in page
    assert "the first 50 of 200" in page
    assert not LiquidationRecord.objects.exists()


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("accounts.pdf", b"MZ\x90\x00\x03" + b"\x00" * 400, "is not a file that can be taken here"),
        ("accounts.pdf", b"", "The file is empty"),
    ],
)
def test_a_paper_that_is_no_paper_is_refused(
    cast: Cast, pia: Client, name: str, content: bytes, sentence: str
) -> None:
    mine = draft(cast, pia)
    answer = send(pia, base(cast, mine, "papers/audited_accounts/"), file=upload(content, name))
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert not ApplicationDocument.objects.exists()


def test_a_hundred_megabytes_are_refused_with_a_sentence(cast: Cast, pia: Client, tmp_path: Path) -> None:
    mine = draft(cast, pia)
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.write(CSV)
        file.truncate(100 * 1024 * 1024)
    with large.open("rb") as file:
        page = words(send(pia, base(cast, mine, "liquidations/"), file=file))
    assert "large.csv has 100 MB; at most 64 MB can be sent" in page
    with large.open("rb") as file:
        page = words(send(pia, base(cast, mine, "papers/audited_accounts/"), file=file))
    assert "large.csv has 100 MB; at most 20 MB can be sent" in page
    assert not mine.uploads.exists()


def test_rules_are_weighed_by_what_is_typed_before_it_is_saved(cast: Cast, pia: Client) -> None:
    mine = cast.application()
    path = base(cast, mine, "purpose/")
    typed = {"look": "1", "purpose": "x", "net_assets": "11000000", "compensation": "0"}
    assert "20.00% beside a line of 30.00%. missed" in words(pia.get(path, typed))
    assert "44.00% beside a line of 30.00%. met" in words(pia.get(path))
    mine.refresh_from_db()
    assert mine.net_assets == 5_000_000


def test_terms_are_tried_without_keeping_anything(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    path = base(cast, mine, "terms/")
    tried = {"amount": "1000000", "tenor_months": "24", "profile": "level", "interest_only_months": "0"}
    page = words(pia.get(path, tried)).replace("\xa0", " ")
    assert "Interest in all" in page
    assert "Effective rate a year" in page
    assert "This differs from what is saved" in page
    piece = pia.get(path, tried, headers={"HX-Request": "true"}).content.decode()
    assert piece.lstrip().startswith('<div id="preview"')
    assert "lends for up to 24 months" in words(pia.get(path, tried | {"tenor_months": "36"}))
    mine.refresh_from_db()
    assert mine.amount == 2_000_000


def test_each_repayment_profile_can_be_previewed(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    for profile in Application.Profile.values:
        tried = {"amount": "1000000", "tenor_months": "12", "profile": profile, "interest_only_months": "3"}
        assert "Interest in all" in words(pia.get(base(cast, mine, "terms/"), tried)), profile


def test_a_preparer_fills_in_and_only_a_signatory_hands_in(cast: Cast, pia: Client) -> None:
    mine = cast.application()
    Membership.objects.filter(user=cast["paul"]).update(role="preparer")
    paul = signed_in(cast["paul"])
    assert send(paul, base(cast, mine, "request/"), **(ASKED | {"amount": "2500000"})).status_code == 302
    page = words(paul.get(base(cast, mine, "check/")))
    assert "An owner or a signatory of the company has to hand it in" in page
    assert send(paul, base(cast, mine, "check/")).status_code == 403
    mine.refresh_from_db()
    assert (mine.state, mine.amount) == ("draft", Decimal(2_500_000))


def test_what_is_missing_keeps_the_application_a_draft(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    page = words(pia.get(base(cast, mine, "check/")))
    assert "Hand the application in" not in page
    answer = send(pia, base(cast, mine, "check/"))
    assert answer.status_code == 422
    assert "Add what is still missing" in words(answer)
    mine.refresh_from_db()
    assert mine.state == "draft"


def test_withdrawing_asks_for_a_reason_and_ends_it(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    assert send(pia, base(cast, mine, "withdraw/"), reason="").status_code == 422
    send(pia, base(cast, mine, "withdraw/"), reason="We found other money.")
    mine.refresh_from_db()
    assert mine.state == "withdrawn"
    assert "We found other money." in words(pia.get(base(cast, mine)))


def test_anothers_application_is_not_there(cast: Cast, pia: Client) -> None:
    mine = draft(cast, pia)
    eve = signed_in(cast["eve"])
    for step in (
        "",
        "request/",
        "purpose/",
        "liquidations/",
        "papers/",
        "terms/",
        "check/",
        "thread/",
        "offer/",
    ):
        assert eve.get(base(cast, mine, step)).status_code == 404, step


def test_the_list_costs_the_same_however_long_it_is(cast: Cast, pia: Client) -> None:
    def cost() -> int:
        pia.get(base(cast))
        with CaptureQueriesContext(connection) as captured:
            assert pia.get(base(cast)).status_code == 200
        return len(captured)

    draft(cast, pia)
    one = cost()
    for _ in range(9):
        draft(cast, pia)
    withdraw_application(application=draft(cast, pia), reason="no", actor=cast["pia"], on=cast.day)
    assert cost() == one <= MOST_QUERIES_OF_LIST
