"""What a superuser turned into nothing that a program can read stops no check: it is named like any other change."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

from loanfund.reporting.verification import verify_books
from tests.servicing.world import BENEATH, OPENED, assert_books_hold, bullet, make_world

D = Decimal
CHANGES = [
    ("facilities_facility", "currency", "'XXX'"),
    ("facilities_facility", "fund_id", "fund_id + 1"),
    ("facilities_fund", "currency", "'XXX'"),
    ("facilities_facilityterms", "facility_id", "facility_id + 1"),
    ("servicing_loan", "number", "'LN-9'"),
    ("servicing_controlposting", "kind", "'NONE'"),
    ("servicing_closerun", "chain_head", "chain_head || 'x'"),
    ("servicing_closerun", "chain_head", "'9' || repeat('9', 30) || ':00'"),
    ("reference_referencerate", "calendar", "'nowhere'"),
]


def test_what_cannot_be_read_is_located_and_the_other_checks_go_on(
    committed_db: str, superuser_sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    world = make_world()
    world.sign(bullet(months=1, commitment_fee="0.01"))
    world.draw(D(1_000_000))
    world.close_through(OPENED + timedelta(days=40))
    assert_books_hold()
    sound = [finding.check for finding in verify_books(apps=BENEATH)]
    past = "SET session_replication_role = replica; "
    for table, column, value in CHANGES:
        superuser_sql(f"CREATE TABLE kept AS TABLE {table}")
        row = f"{table} WHERE id = (SELECT min(id) FROM {table})"
        superuser_sql(f"{past} UPDATE {row.replace(' WHERE', f' SET {column} = {value} WHERE')}")
        findings = verify_books(apps=BENEATH)
        assert len(findings) == len(sound)
        named = {broken.object for finding in findings for broken in finding.breaks}
        assert any(place.startswith(f"{table}:") for place in named), (table, column, named)
        superuser_sql(f"{past} DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept; DROP TABLE kept")
    assert_books_hold()
