"""The long run of `make torture`: twenty kills amid a close of 2,000 loans, and the same books in the end."""

from typing import Any

import pytest

from tests.servicing.test_kills import kills

TIMES = 20


@pytest.mark.torture
def test_twenty_kills_of_a_close_of_two_thousand_loans(django_db_setup: None, django_db_blocker: Any) -> None:
    with django_db_blocker.unblock():
        amid = kills(facilities=200, loans_each=10, times=TIMES)
    said = (
        f"{TIMES} kills, {amid} of them while a batch was open; the books are those of an undisturbed close"
    )
    print(said)  # noqa: T201 - the count that is asked for
    assert amid > TIMES // 2
