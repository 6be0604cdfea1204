"""Whoever changes something leaves who, when, before and after in the log."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.audit.models import AuditEvent
from loanfund.audit.selectors import history_of
from loanfund.audit.services import record
from loanfund.parties.models import User

pytestmark = pytest.mark.django_db
ON = date(2026, 3, 2)


@pytest.fixture
def dana() -> User:
    return User.objects.create(email="dana@fund.example")


def test_an_event_says_who_did_what_to_which_object_and_what_changed(dana: User) -> None:
    record(
        actor=dana,
        action="user.renamed",
        obj=dana,
        on=ON,
        before={"limit": Decimal("1.50")},
        after={"limit": Decimal("2.50"), "from": ON},
        reason="asked for in writing",
    )
    event = AuditEvent.objects.get(action="user.renamed")
    assert (event.actor, event.actor_id, event.on) == ("dana@fund.example", str(dana.pk), ON)
    assert (event.object_type, event.object_id) == ("parties.user", str(dana.pk))
    assert (event.before, event.after) == ({"limit": "1.50"}, {"limit": "2.50", "from": "2026-03-02"})
    assert event.reason == "asked for in writing"


def test_what_no_person_asked_for_was_done_by_the_system() -> None:
    assert record(actor=None, action="day.closed", on=ON).actor == "system"


def test_an_objects_history_is_its_own_and_in_order(dana: User) -> None:
    other = User.objects.create(email="omar@fund.example")
    for action in ("user.invited", "user.verified"):
        record(actor=None, action=action, obj=dana, on=ON)
    record(actor=None, action="user.invited", obj=other, on=ON)
    mine = history_of(dana).filter(action__startswith="user.", actor="system")
    assert [event.action for event in mine if event.on == ON] == ["user.invited", "user.verified"]


def test_an_event_without_an_action_is_refused_by_the_database() -> None:
    with pytest.raises(Exception, match="audit_event_action"):
        record(actor=None, action="", on=ON)
