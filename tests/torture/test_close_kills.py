"""The long run of `make torture`: twenty kills amid closes of 2,000 loans, and the same books in the end."""

from collections import Counter
from typing import Any

import pytest

from tests.servicing.test_kills import VICTIMS, kills

TIMES = 20


@pytest.mark.torture
def test_twenty_kills_of_a_close_of_two_thousand_loans(django_db_setup: None, django_db_blocker: Any) -> None:
    victims = [tuple(VICTIMS)[place % len(VICTIMS)] for place in range(TIMES)]
    with django_db_blocker.unblock():
        amid = kills(facilities=200, loans_each=10, victims=victims)
    killed = ", ".join(f"{name} {times}" for name, times in Counter(victims).items())
    said = (
        f"{TIMES} kills ({killed}), {amid} of them while a batch was open; each close finished by itself, and the books"
        " are those of undisturbed closes"
    )
    print(said)  # noqa: T201 - the count that is asked for
    assert amid > TIMES // 2
