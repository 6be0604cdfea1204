"""Ten thousand of everything cost a page no more queries than ten do, and never more than is written here."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from loanfund.origination import services
from loanfund.parties import roles
from tests.office.committee.room import queries
from tests.office.desks import sign_in, text_of
from tests.origination.cast import Cast, make_cast, make_user

Sql = Callable[..., list[tuple[Any, ...]]]
FEW, MANY = 10, 10_000
CHANGED = {
    "origination_application": {"id": "id + {n}", "number": "'APP-' || (1000 + {n})"},
    "origination_proposal": {
        "id": "id + {n}", "number": "'PRP-' || (1000 + {n})", "application_id": "application_id + {n}",
        "meeting_id": "meeting_id + {n}",
    },
    "origination_meeting": {"id": "id + {n}", "title": "'Meeting ' || {n}"},
    "origination_committeemember": {"id": "id + {n}", "user_id": "user_id + {n}"},
    "parties_user": {"id": "id + {n}", "email": "{n} || email"},
    "origination_decision": {
        "id": "id + {n}", "number": "'DEC-' || (1000 + {n})", "proposal_id": "proposal_id + {n}",
    },
    "audit_auditevent": {"id": "id + {n}"},
}  # fmt: skip
"""What differs between a row and its copies, by table; a copy is its original moved up by thousands of places."""
PAGES = {
    "/office/": 67,
    "/office/applications/": 26,
    "/office/applications/?state=all&sort=largest&q=P-9": 26,
    "/office/proposals/": 25,
    "/office/proposals/?state=decided": 25,
    "/office/reserved-matters/": 30,
    "/office/committee/": 28,
    "/office/log/": 25,
    "/office/log/?q=Anna": 25,
}
"""The most queries that each list may take, for somebody who holds every role and so is shown all there is."""


def copies(superuser_sql: Sql, first: int, last: int) -> None:
    """Copies the newest row of each table so many times, past every rule: what is measured is reading."""
    for table, changed in CHANGED.items():
        with connection.cursor() as cursor:
            names = [one.name for one in connection.introspection.get_table_description(cursor, table)]
        moved = [changed.get(name, f'"{name}"').format(n="(n * 1000)") for name in names]
        listed = ", ".join(f'"{name}"' for name in names)
        superuser_sql(
            "SET session_replication_role = replica;"
            f" INSERT INTO {table} ({listed}) OVERRIDING SYSTEM VALUE SELECT {', '.join(moved)} FROM"  # noqa: S608
            f" (SELECT * FROM {table} WHERE id < 1000 ORDER BY id DESC LIMIT 1) newest,"
            f" generate_series({first}, {last}) n"
        )


@pytest.fixture
def filled(committed_db: str) -> Cast:
    """A committee with a meeting that decided one proposal and votes on another."""
    cast = make_cast()
    cast.approved("700000")
    meeting = services.schedule_meeting(
        committee=cast.committee, held_on=cast.day, title="First", actor=cast["carl"], on=cast.day
    )
    application = cast.checking("600000")
    proposal = services.table_proposal(
        application=application, committee=cast.committee, actor=cast["anna"], on=cast.day, summary="Lend.",
        meeting=meeting,
    )  # fmt: skip
    services.open_voting(proposal=proposal, actor=cast["carl"], on=cast.day)
    return cast


def test_each_list_takes_the_same_queries_for_ten_rows_and_for_ten_thousand(
    filled: Cast, superuser_sql: Sql
) -> None:
    everybody = sign_in(make_user("everybody", roles.ALL))
    for address in PAGES:
        everybody.get(address)
    costs = []
    for first, last in ((1, FEW), (FEW + 1, MANY)):
        copies(superuser_sql, first, last)
        costs.append({address: queries(everybody, address) for address in PAGES})
    assert "Page 1 of 251" in text_of(everybody.get("/office/applications/?state=all"))
    assert costs[0] == costs[1]
    assert {address: cost for address, cost in costs[1].items() if cost > PAGES[address]} == {}
