"""Sixty-four clients ask for the fund's last million at once; the database gives it to as many as it holds."""

import threading
from collections import Counter
from decimal import Decimal

from django.db import connection

from loanfund.audit.errors import Refused
from loanfund.audit.retry import retrying
from loanfund.facilities import invariants
from loanfund.facilities.models import Promise
from loanfund.facilities.selectors import fund_position
from loanfund.facilities.services import reserve
from tests.origination.cast import Cast, make_cast, make_partner

OPEN = {"partner_limit": None, "group_limit": None, "segment_limits": {}, "tenor_limits": {}}


def ask_together(cast: Cast, amount: str, clients: int = 64) -> Counter[str]:
    """What each client is told when all ask for `amount` at the same moment."""
    told: Counter[str] = Counter()
    start, lock = threading.Barrier(clients), threading.Lock()

    def ask(number: int) -> None:
        try:
            start.wait(timeout=60)
            retrying(
                lambda: reserve(
                    fund=cast.fund, partner=cast.partner, reference=f"application:{9000 + number}",
                    amount=Decimal(amount), tenor_months=12, actor=cast["ada"], on=cast.day,
                )
            )  # fmt: skip
            answer = "reserved"
        except Refused as refused:
            answer = refused.sentence
        except Exception as error:
            answer = repr(error)
        finally:
            connection.close()
        with lock:
            told[answer] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def test_of_64_who_ask_for_the_last_million_ten_get_a_tenth_and_54_the_sentence(committed_db: str) -> None:
    cast = make_cast(size="1000000", **OPEN)
    told = ask_together(cast, "100000")
    assert told.pop("reserved") == 10
    assert sum(told.values()) == 54
    assert all(answer.startswith("Test fund has 0.00 USD left to promise") for answer in told), told
    position = fund_position(cast.fund)
    assert (position.available, position.reserved, position.adds_up) == (Decimal(0), Decimal(1_000_000), True)
    assert Promise.objects.count() == 10
    for check in (invariants.fund_adds_up, invariants.reservations_agree, invariants.headroom_agrees):
        assert check().passed, check()


def test_a_partners_limit_binds_while_the_fund_has_plenty(committed_db: str) -> None:
    cast = make_cast(**{**OPEN, "partner_limit": "250000"})
    told = ask_together(cast, "100000", clients=16)
    assert told.pop("reserved") == 2
    assert all("The limit of Fictional P-9001 leaves 50,000.00 USD" in answer for answer in told), told
    other = make_partner([cast["eve"]], number="P-9002")
    reserve(
        fund=cast.fund, partner=other, reference="application:1", amount=Decimal(250_000), tenor_months=12,
        actor=cast["ada"], on=cast.day,
    )  # fmt: skip
    assert fund_position(cast.fund).reserved == Decimal(450_000)
