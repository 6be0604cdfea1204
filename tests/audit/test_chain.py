"""The chain over the log: whoever changes, removes or slips in an event is found out."""

from collections.abc import Callable
from datetime import date
from threading import Barrier, Thread
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from loanfund.audit.invariants import verify_chain
from loanfund.audit.models import AuditEvent, AuditLink
from loanfund.audit.selectors import EMPTY_CHAIN, ChainHead, chain_head
from loanfund.audit.services import record

ON = date(2026, 3, 2)
Sql = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def five_events(committed_db: str) -> list[AuditEvent]:
    return [record(actor=None, action=f"thing.done{n}", on=ON, after={"n": n}) for n in range(5)]


def broken() -> list[str]:
    return [found.object for found in verify_chain().breaks]


def past_the_triggers(superuser_sql: Sql, statement: str) -> None:
    superuser_sql(f"SET session_replication_role = replica; {statement}")


def test_every_committed_event_is_linked_once_and_the_chain_holds(five_events: list[AuditEvent]) -> None:
    linked = AuditLink.objects.filter(source="E", ref__in=[event.pk for event in five_events])
    assert linked.count() == 5
    assert verify_chain().passed


def test_an_event_that_was_rolled_back_leaves_no_link(committed_db: str) -> None:
    before = chain_head()
    with transaction.atomic():
        record(actor=None, action="thing.done", on=ON)
        transaction.set_rollback(True)
    assert chain_head() == before
    assert verify_chain().holds


def test_a_chain_without_a_link_has_proven_nothing(committed_db: str, superuser_sql: Sql) -> None:
    past_the_triggers(
        superuser_sql, "DELETE FROM audit_auditlink; DELETE FROM audit_seal; DELETE FROM audit_auditevent"
    )
    finding = verify_chain()
    assert chain_head() == EMPTY_CHAIN
    assert finding.holds
    assert not finding.passed


CHANGES = {
    "at": "at + interval '1 microsecond'",
    "on": '"on" + 1',
    "actor_id": "'9'",
    "actor": "'someone else'",
    "action": "'thing.undone'",
    "object_type": "'x'",
    "object_id": "'1'",
    "before": "'{}'",
    "after": "'{\"n\": 9}'",
    "reason": "' '",
}


def test_a_superuser_who_changes_any_column_of_an_event_is_found(
    five_events: list[AuditEvent], superuser_sql: Sql
) -> None:
    victim = five_events[2].pk
    superuser_sql("CREATE TABLE saved AS TABLE audit_auditevent")
    assert {field.column for field in AuditEvent._meta.concrete_fields} == {"id", *CHANGES}
    for column, value in CHANGES.items():
        change = f'UPDATE audit_auditevent SET "{column}" = {value} WHERE id = {victim}'
        past_the_triggers(superuser_sql, change)
        assert broken() == [f"audit_auditevent:{victim}"], column
        back = f'UPDATE audit_auditevent e SET "{column}" = s."{column}" FROM saved s WHERE s.id = e.id'
        past_the_triggers(superuser_sql, back)
        assert broken() == [], column


def test_a_removed_event_is_missed(five_events: list[AuditEvent], superuser_sql: Sql) -> None:
    victim = five_events[1].pk
    past_the_triggers(superuser_sql, f"DELETE FROM audit_auditevent WHERE id = {victim}")
    assert broken() == [f"audit_auditevent:{victim}"]


def test_an_event_slipped_in_round_the_triggers_is_not_in_the_chain(
    five_events: list[AuditEvent], superuser_sql: Sql
) -> None:
    past_the_triggers(
        superuser_sql,
        'INSERT INTO audit_auditevent (id, at, "on", actor_id, actor, action, object_type, object_id, reason)'
        " VALUES (999, now(), now(), '', 'x', 'x', '', '', '')",
    )
    assert broken() == ["audit_auditevent:999"]


def test_a_changed_link_is_found_where_it_is(five_events: list[AuditEvent], superuser_sql: Sql) -> None:
    link = AuditLink.objects.get(source="E", ref=five_events[1].pk)
    past_the_triggers(superuser_sql, f"UPDATE audit_auditlink SET hash = sha256('x') WHERE seq = {link.seq}")
    assert f"audit_auditevent:{five_events[1].pk}" in broken()


def test_a_tail_cut_off_shows_against_a_head_that_was_kept(
    five_events: list[AuditEvent], superuser_sql: Sql
) -> None:
    head = chain_head()
    last = five_events[-1].pk
    past_the_triggers(
        superuser_sql,
        f"DELETE FROM audit_auditlink WHERE seq = {head.seq}; DELETE FROM audit_auditevent WHERE id = {last}",
    )
    assert verify_chain().passed, "a chain cannot see its own tail cut off"
    assert [found.object for found in verify_chain([head]).breaks] == [f"audit_auditlink:{head.seq}"]
    assert verify_chain([EMPTY_CHAIN, ChainHead(1, bytes(AuditLink.objects.get(seq=1).hash).hex())]).passed


ATTACKS = [
    "UPDATE audit_auditevent SET actor = 'x'",
    "DELETE FROM audit_auditevent",
    "TRUNCATE audit_auditevent",
    "INSERT INTO audit_auditlink (seq, source, ref, hash) VALUES (99, 'E', 1, '')",
    "UPDATE audit_auditlink SET hash = ''",
    "DELETE FROM audit_seal",
    "INSERT INTO audit_seal (\"table\", batch, rows, digests) VALUES ('x', '', 0, '{}')",
    "ALTER TABLE audit_auditevent DISABLE TRIGGER audit_event_linked",
    "DROP TRIGGER audit_event_linked ON audit_auditevent",
    "SELECT audit_link('E', 1, '')",
    "SET session_replication_role = replica",
]


def test_the_app_can_neither_change_the_log_nor_write_the_chain(five_events: list[AuditEvent]) -> None:
    for attack in ATTACKS:
        with pytest.raises(DatabaseError), connection.cursor() as cursor:
            cursor.execute(attack)
    assert verify_chain().passed


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_auditevent SET actor = 'x'", "DELETE FROM audit_auditevent"]
)
def test_not_even_the_owner_changes_the_log_while_its_trigger_stands(
    five_events: list[AuditEvent], owner_sql: Sql, statement: str
) -> None:
    with pytest.raises(Exception, match="written once"):
        owner_sql(statement)


def test_sixteen_people_at_once_make_one_chain_without_a_deadlock(committed_db: str) -> None:
    together = Barrier(16)
    failures: list[BaseException] = []

    def work(person: int) -> None:
        try:
            together.wait()
            for n in range(10):
                with transaction.atomic():
                    record(actor=None, action=f"person{person}.first", on=ON)
                    record(actor=None, action=f"person{person}.second", on=ON, after={"n": n})
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=work, args=(person,)) for person in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert AuditEvent.objects.filter(action__startswith="person").count() == 320
    assert verify_chain().passed
