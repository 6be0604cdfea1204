"""The page that an accountant signs and the code that posts say the same, row by row."""

import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from loanfund.facilities import postings as promises
from loanfund.ledger.chart import NEVER_NEGATIVE, OVER_LIMIT, Leg, family, normal_side
from loanfund.ledger.models import AccountKind, Family
from loanfund.servicing import postings as money
from tests.ledger.examples import EXAMPLES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "postings.md").read_text()
BY_LABEL = {kind.label: kind for kind in AccountKind}
NAMES_OF_OWNERS_AND_PARTS = {
    "facility_owner", "loan_owner", "application_owner", "partner_owner", "group_owner", "segment_owner", "tenor_owner",
    "moved", "headroom_used",
}  # fmt: skip


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def event_rows() -> dict[str, list[str]]:
    rows = [cells(line) for line in PAGE.splitlines() if re.match(r"\| [^|]+ \| `\w+` \|", line)]
    return {row[1].strip("`"): row for row in rows}


def chart_rows() -> dict[str, list[str]]:
    chart = PAGE.partition("## Chart of accounts")[2].partition("## Promises")[0]
    rows = [cells(line) for line in chart.splitlines() if line.startswith("| ")][2:]
    return {row[0]: row for row in rows}


def functions_of(module: ModuleType) -> set[str]:
    found = {
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    return found - NAMES_OF_OWNERS_AND_PARTS


def kinds(cell: str) -> set[AccountKind]:
    """The accounts a cell names: each part starts with an account's name, a remark may follow after a comma."""
    found = set()
    for part in cell.split("; "):
        named = [label for label in BY_LABEL if part == label or part.startswith(f"{label},")]
        assert named, f"{part!r} starts with no account of the chart"
        found.add(BY_LABEL[max(named, key=len)])
    return found


def movements(cell: str) -> tuple[set[AccountKind], set[AccountKind]]:
    """The accounts that a memorandum cell debits and credits."""
    debits: set[AccountKind] = set()
    credits_: set[AccountKind] = set()
    for part in cell.split("; ") if cell != "-" else []:
        source, target = part.split(" -> ")
        credits_ |= kinds(source)
        debits |= kinds(target)
    return debits, credits_


def moved_by(legs: tuple[Leg, ...], side: str, *, money_accounts: bool) -> set[AccountKind]:
    return {
        leg.account.kind
        for leg in legs
        if leg.side == side and (family(leg.account.kind) == Family.MONEY) == money_accounts
    }


def test_every_function_stands_on_the_page_and_every_row_has_its_function() -> None:
    assert set(event_rows()) == functions_of(promises) | functions_of(money)
    assert set(EXAMPLES) == set(event_rows())


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - {"correction"}))
def test_the_page_names_exactly_the_accounts_that_the_function_moves(name: str) -> None:
    _, _, debit, credit, memorandum = event_rows()[name]
    legs = EXAMPLES[name]
    assert moved_by(legs, "D", money_accounts=True) == (kinds(debit) if debit != "-" else set())
    assert moved_by(legs, "C", money_accounts=True) == (kinds(credit) if credit != "-" else set())
    debits, credits_ = movements(memorandum)
    assert moved_by(legs, "D", money_accounts=False) == debits
    assert moved_by(legs, "C", money_accounts=False) == credits_


def test_the_page_gives_each_account_its_side_its_limit_and_where_the_excess_goes() -> None:
    rows = chart_rows()
    assert set(rows) == set(BY_LABEL)
    for label, (_, side, _, never_negative, over) in rows.items():
        kind = BY_LABEL[label]
        assert side == {"D": "debit", "C": "credit"}[normal_side(kind)], label
        assert never_negative == ("yes" if kind in NEVER_NEGATIVE else "no"), label
        assert over == (OVER_LIMIT[kind].label if kind in OVER_LIMIT else "-"), label
