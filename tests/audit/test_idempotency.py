"""A request sent twice has one effect and one answer."""

from threading import Event, Thread

import pytest
from django.db import connection

from loanfund.audit.errors import InFlight, OtherContent
from loanfund.audit.idempotency import Answer, content_digest, once
from loanfund.audit.models import IdempotencyKey


class Till:
    """Counts how often it was really asked."""

    def __init__(self) -> None:
        self.sold = 0

    def sell(self) -> Answer:
        self.sold += 1
        return Answer(201, {"number": self.sold})


@pytest.mark.django_db
def test_a_repeated_request_gets_the_first_answer_and_has_no_effect() -> None:
    till = Till()
    first = once(scope="mia", key="k1", digest="d", act=till.sell)
    again = once(scope="mia", key="k1", digest="d", act=till.sell)
    assert (first, again) == (Answer(201, {"number": 1}), Answer(201, {"number": 1}, repeated=True))
    assert till.sold == 1


@pytest.mark.django_db
def test_two_people_may_use_the_same_key() -> None:
    till = Till()
    once(scope="mia", key="k1", digest="d", act=till.sell)
    once(scope="noor", key="k1", digest="d", act=till.sell)
    assert till.sold == 2


@pytest.mark.django_db
def test_a_key_with_another_request_is_refused() -> None:
    till = Till()
    once(scope="mia", key="k1", digest="d", act=till.sell)
    with pytest.raises(OtherContent, match="send a new key"):
        once(scope="mia", key="k1", digest="e", act=till.sell)


@pytest.mark.django_db
def test_a_request_that_failed_may_be_sent_again_under_its_key() -> None:
    def fail() -> Answer:
        raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 - the error is our own, just above
        once(scope="mia", key="k1", digest="d", act=fail)
    assert not IdempotencyKey.objects.exists()
    assert once(scope="mia", key="k1", digest="d", act=Till().sell).status == 201


def test_the_second_of_two_at_once_is_told_to_wait(committed_db: str) -> None:
    begun, finish = Event(), Event()

    def slow() -> Answer:
        begun.set()
        finish.wait(10)
        return Answer(200, None)

    def first() -> None:
        once(scope="mia", key="k1", digest="d", act=slow)
        connection.close()

    thread = Thread(target=first)
    thread.start()
    begun.wait(10)
    try:
        with pytest.raises(InFlight):
            once(scope="mia", key="k1", digest="d", act=Till().sell)
    finally:
        finish.set()
        thread.join()
    assert once(scope="mia", key="k1", digest="d", act=Till().sell).repeated


def test_the_parts_of_a_request_cannot_run_into_one_another() -> None:
    assert content_digest("POST", "/a", b"b") != content_digest("POST", "/ab", b"")
    assert content_digest("POST", "/a", b"b") == content_digest("POST", "/a", "b")
