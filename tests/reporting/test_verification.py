"""`verify_books` finds what the chain alone cannot see: that its tail was cut off."""

from collections.abc import Callable
from typing import Any

from loanfund.audit.invariants import verify_chain
from loanfund.audit.selectors import ChainHead
from loanfund.reporting.verification import verify_books
from loanfund.servicing.models import CloseRun
from tests.servicing.world import OPENED, make_world

Sql = Callable[..., list[tuple[Any, ...]]]


def test_a_chain_cut_off_before_a_close_shows_against_the_head_which_that_close_kept(
    committed_db: str, superuser_sql: Sql
) -> None:
    make_world().close_through(OPENED)
    assert not [found for finding in verify_books(apps=["audit"]) for found in finding.breaks]
    head = ChainHead.from_text(CloseRun.objects.get().chain_head)
    cut = f"FROM audit_auditlink WHERE seq >= {head.seq}"
    superuser_sql(
        "SET session_replication_role = replica;"
        f"DELETE FROM audit_auditevent WHERE id IN (SELECT ref {cut} AND source = 'E');"
        f"DELETE FROM audit_seal WHERE id IN (SELECT ref {cut} AND source = 'S');"
        f"DELETE {cut}"
    )
    assert verify_chain().holds, "by itself the chain looks whole"
    found = {one.object for finding in verify_books(apps=["audit"]) for one in finding.breaks}
    assert f"audit_auditlink:{head.seq}" in found
