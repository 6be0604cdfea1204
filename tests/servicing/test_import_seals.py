"""What a bank's file said cannot be changed afterwards: not by the application, and not unseen by a superuser."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError

from loanfund.audit.invariants import verify_seals
from loanfund.servicing import services
from loanfund.servicing.models import BankImport, BankImportRow
from tests.servicing.world import bullet, make_world

FILE = "reference,amount,currency,value_date,sender\nno idea,75.10,USD,2026-03-02,Somebody\n"


@pytest.fixture
def imported(committed_db: str) -> BankImport:
    world = make_world()
    world.sign(bullet())
    return services.import_payments(
        fund=world.fund, layout="bank", name="march.csv", text=FILE, actor=world.maker, on=world.today
    )


def test_the_application_cannot_change_a_line_nor_the_file(imported: BankImport) -> None:
    for change in (
        lambda: BankImportRow.objects.update(outcome="nothing to see"),
        lambda: BankImport.objects.update(digest="0" * 64),
        lambda: BankImportRow.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError):
            change()
    assert verify_seals().passed


def test_a_line_changed_by_a_superuser_is_found(
    imported: BankImport, superuser_sql: Callable[..., list[tuple[Any, ...]]]
) -> None:
    line = imported.lines.get()
    superuser_sql(
        "SET session_replication_role = replica;"
        " UPDATE servicing_bankimportrow SET cells = jsonb_set(cells, '{amount}', '\"750.10\"')"
    )
    assert [found.object for found in verify_seals().breaks] == [f"servicing_bankimportrow:{line.pk}"]
