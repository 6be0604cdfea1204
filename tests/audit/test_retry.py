"""A service chosen as the victim of a deadlock is tried again, whole, and its caller never knows."""

from threading import Barrier, Thread

import psycopg
import pytest
from django.db import DatabaseError, OperationalError, connection, transaction

from loanfund.audit.errors import Refused, refusals, sqlstate
from loanfund.audit.models import IdempotencyKey
from loanfund.audit.retry import retrying


def failing_as(error: type[psycopg.Error]) -> OperationalError:
    wrapped = OperationalError("as the database says it")
    wrapped.__cause__ = error()
    return wrapped


@pytest.mark.parametrize("error", [psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure])
def test_a_victim_is_tried_three_times(error: type[psycopg.Error]) -> None:
    calls: list[int] = []

    def service() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise failing_as(error)
        return "done"

    assert retrying(service) == "done"
    assert len(calls) == 3


def test_after_the_third_time_the_error_is_the_callers() -> None:
    calls: list[int] = []

    def service() -> None:
        calls.append(1)
        raise failing_as(psycopg.errors.DeadlockDetected)

    with pytest.raises(OperationalError):
        retrying(service)
    assert len(calls) == 3


@pytest.mark.parametrize(
    "error", [failing_as(psycopg.errors.LockNotAvailable), Refused("No."), OperationalError("gone")]
)
def test_any_other_error_is_not_tried_again(error: Exception) -> None:
    calls: list[int] = []

    def service() -> None:
        calls.append(1)
        raise error

    with pytest.raises(type(error)):
        retrying(service)
    assert len(calls) == 1


@pytest.mark.django_db
def test_inside_a_transaction_nothing_is_tried_again() -> None:
    calls: list[int] = []

    def service() -> None:
        calls.append(1)
        raise failing_as(psycopg.errors.DeadlockDetected)

    with pytest.raises(OperationalError):
        retrying(service)
    assert len(calls) == 1


def test_two_people_who_lock_crosswise_both_get_through(committed_db: str) -> None:
    for key in ("a", "b"):
        IdempotencyKey.objects.create(scope="x", key=key, digest="", status=200)
    crossed = Barrier(2)
    failures: list[BaseException] = []

    def work(first: str, second: str) -> None:
        tries: list[int] = []

        @transaction.atomic
        def service() -> None:
            IdempotencyKey.objects.select_for_update().get(key=first)
            if not tries:
                tries.append(1)
                crossed.wait()
            IdempotencyKey.objects.select_for_update().get(key=second)

        try:
            retrying(service)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=work, args=pair) for pair in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.django_db
def test_a_rule_of_the_database_comes_back_as_its_sentence() -> None:
    with pytest.raises(Refused) as refused, refusals(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DO $$ BEGIN RAISE 'Not past the limit.' USING ERRCODE = 'LF003'; END $$")
    assert (str(refused.value), refused.value.code) == ("Not past the limit.", "LF003")


@pytest.mark.django_db
def test_any_other_error_of_the_database_stays_what_it_is() -> None:
    with (
        pytest.raises(DatabaseError) as error,
        refusals(),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT 1 / 0")
    assert sqlstate(error.value) == "22012"
