"""Fixings in the database: taken in once, corrected by addition, typed by hand only by two."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from loanfund.audit.errors import Refused
from loanfund.parties import roles
from loanfund.reference import invariants
from loanfund.reference.fixing_files import BadFile
from loanfund.reference.models import Holiday, RateFixing, ReferenceRate
from loanfund.reference.selectors import calendar, fixings, known_fixings
from loanfund.reference.services import (
    confirm_fixing,
    ensure_calendars,
    ensure_reference_rates,
    ensure_shipped_fixings,
    import_fixings,
    propose_fixing,
    refuse_fixing,
)
from tests.origination.cast import make_user

NOW = datetime(2026, 8, 24, 12, tzinfo=UTC)
ON = date(2026, 8, 24)
FILE = "date,rate_percent\n2026-08-19,3.62\n2026-08-20,3.63\n"


@pytest.fixture
def people(db: None) -> SimpleNamespace:
    return SimpleNamespace(
        fred=make_user("fred", [roles.FINANCE]),
        fiona=make_user("fiona", [roles.OPERATIONS_CHECKER]),
        anna=make_user("anna", [roles.ANALYST]),
    )


def take(text: str, known_at: datetime = NOW) -> object:
    return import_fixings(text=text, code="SOFR", source="test", known_at=known_at, actor=None, on=ON)


def test_migrating_leaves_the_calendars_and_the_reference_rates_in_place(people: SimpleNamespace) -> None:
    assert ensure_calendars() == 0
    assert ensure_reference_rates() == 0
    assert calendar("US-SOFR").is_business_day(date(2026, 7, 3)) is False
    assert ReferenceRate.objects.get().code == "SOFR"


def test_what_is_missing_is_loaded_again_and_nothing_else(people: SimpleNamespace) -> None:
    Holiday.objects.filter(calendar="US-SOFR", date__year=2026).delete()
    added = ensure_calendars()
    assert added == Holiday.objects.filter(calendar="US-SOFR", date__year=2026).count() > 5
    assert ensure_calendars() == 0


def test_the_same_file_twice_adds_nothing(people: SimpleNamespace) -> None:
    assert str(take(FILE)) == "2 added, 0 revised, 0 already known, 2026-08-19 to 2026-08-20"
    assert str(take(FILE)) == "0 added, 0 revised, 2 already known, 2026-08-19 to 2026-08-20"
    assert RateFixing.objects.count() == 2


def test_a_correction_stands_beside_what_was_known_before(people: SimpleNamespace) -> None:
    take(FILE)
    later = NOW + timedelta(hours=3)
    take(FILE.replace("3.63", "3.65"), known_at=later)
    assert known_fixings("SOFR")[date(2026, 8, 20)] == Decimal("0.0365")
    assert known_fixings("SOFR", known_at=NOW)[date(2026, 8, 20)] == Decimal("0.0363")
    assert RateFixing.objects.count() == 3


def test_a_close_of_a_past_day_sees_only_what_was_published_by_then(people: SimpleNamespace) -> None:
    take(FILE)
    values = fixings("SOFR", as_of=date(2026, 8, 20)).values["SOFR"]
    assert list(values) == [date(2026, 8, 19)]
    assert not fixings("SOFR", as_of=date(2026, 8, 20), end_of_day=False).values["SOFR"]
    assert len(fixings("SOFR").values["SOFR"]) == 2


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2026-08-22,3.6", "not published for 2026-08-22"),
        ("2026-04-03,3.6", "not published for 2026-04-03"),
        ("2026-08-24,3.6", "is not published before"),
    ],
)
def test_a_day_without_publication_is_refused_and_nothing_is_kept(
    people: SimpleNamespace, row: str, said: str
) -> None:
    with pytest.raises(BadFile, match=said):
        take(f"{FILE}{row}\n")
    assert not RateFixing.objects.exists()


def test_all_shipped_fixings_load_once(people: SimpleNamespace) -> None:
    first = ensure_shipped_fixings(known_at=NOW, on=ON)
    assert (first.added, first.first, first.last) == (2095, date(2018, 4, 2), date(2026, 8, 20))
    assert ensure_shipped_fixings(known_at=NOW, on=ON).unchanged == 2095
    for check in invariants.INVARIANTS:
        assert check().passed, check()


def test_a_fixing_by_hand_counts_once_another_person_has_read_it_too(people: SimpleNamespace) -> None:
    proposal = propose_fixing(
        code="SOFR",
        day=date(2026, 8, 20),
        percent=Decimal("3.63"),
        source="the Fed's page",
        actor=people.fred,
        on=ON,
    )
    assert not known_fixings("SOFR")
    with pytest.raises(Refused, match="another person"):
        confirm_fixing(proposal=proposal, percent=Decimal("3.63"), known_at=NOW, actor=people.fred, on=ON)
    with pytest.raises(Refused, match="You read"):
        confirm_fixing(proposal=proposal, percent=Decimal("3.36"), known_at=NOW, actor=people.fiona, on=ON)
    confirm_fixing(proposal=proposal, percent=Decimal("3.63"), known_at=NOW, actor=people.fiona, on=ON)
    assert known_fixings("SOFR") == {date(2026, 8, 20): Decimal("0.0363")}
    with pytest.raises(Refused, match="confirmed already"):
        refuse_fixing(proposal=proposal, reason="late", actor=people.fiona, on=ON)


def test_a_fixing_of_a_day_to_come_is_not_confirmed(people: SimpleNamespace) -> None:
    """A slip of the year would stand as published for years, and the loans of that day would take it."""
    proposal = propose_fixing(
        code="SOFR",
        day=date(2027, 8, 20),
        percent=Decimal("3.63"),
        source="the Fed's page",
        actor=people.fred,
        on=ON,
    )
    with pytest.raises(Refused, match="that day is still to come"):
        confirm_fixing(proposal=proposal, percent=Decimal("3.63"), known_at=NOW, actor=people.fiona, on=ON)
    refuse_fixing(proposal=proposal, reason="another year was meant", actor=people.fiona, on=ON)
    assert not known_fixings("SOFR")


def test_fixings_are_for_the_desk(people: SimpleNamespace) -> None:
    with pytest.raises(Refused, match="You may not type a fixing"):
        propose_fixing(
            code="SOFR",
            day=date(2026, 8, 20),
            percent=Decimal("3.63"),
            source="page",
            actor=people.anna,
            on=ON,
        )
    with pytest.raises(Refused, match="You may not load fixings"):
        import_fixings(text=FILE, code="SOFR", source="test", known_at=NOW, actor=people.anna, on=ON)
    proposal = propose_fixing(
        code="SOFR", day=date(2026, 8, 20), percent=Decimal("3.63"), source="page", actor=people.fred, on=ON
    )
    with pytest.raises(Refused, match="You may not check a fixing"):
        confirm_fixing(proposal=proposal, percent=Decimal("3.63"), known_at=NOW, actor=people.anna, on=ON)


def test_one_person_cannot_confirm_their_own_fixing_past_the_service_either(people: SimpleNamespace) -> None:
    proposal = propose_fixing(
        code="SOFR", day=date(2026, 8, 20), percent=Decimal("3.63"), source="page", actor=people.fred, on=ON
    )
    with pytest.raises(DatabaseError, match="reference_fixingproposal_four_eyes"), transaction.atomic():
        type(proposal).objects.filter(pk=proposal.pk).update(
            checker=people.fred, checked_at=NOW, state="confirmed"
        )


def test_a_fixing_is_never_edited(people: SimpleNamespace) -> None:
    take(FILE)
    with pytest.raises(DatabaseError), transaction.atomic():
        RateFixing.objects.update(value=Decimal("0.05"))
    with pytest.raises(DatabaseError), transaction.atomic():
        RateFixing.objects.all().delete()


def test_a_calendar_is_read_once_and_again_when_a_day_is_added(people: SimpleNamespace) -> None:
    before = calendar("US-SOFR")
    assert calendar("US-SOFR") is before
    Holiday.objects.create(
        calendar="US-SOFR", date=date(2026, 8, 25), name="day of mourning", source="decree"
    )
    assert not calendar("US-SOFR").is_business_day(date(2026, 8, 25))
    assert calendar("US-SOFR + TARGET").name == "US-SOFR + TARGET"
    with pytest.raises(Refused, match="no calendar MARS"):
        calendar("MARS")


def test_the_command_says_what_it_took_and_what_is_wrong(people: SimpleNamespace, tmp_path: Path) -> None:
    file, out = tmp_path / "sofr.csv", StringIO()
    file.write_text(FILE)
    call_command("import_fixings", str(file), "--rate", "SOFR", stdout=out)
    assert "2 added" in out.getvalue()
    file.write_text(FILE.replace("3.62", "?"))
    with pytest.raises(CommandError, match="Line 2, column rate_percent"):
        call_command("import_fixings", str(file))
    with pytest.raises(CommandError, match="no reference rate ABC"):
        call_command("import_fixings", str(file), "--rate", "ABC")
