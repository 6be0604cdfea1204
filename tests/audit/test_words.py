"""Whoever reads the log reads words: every act that a service records has its own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from loanfund.audit.templatetags.acts import kind_of_object
from loanfund.audit.words import WORDS, words_of
from loanfund.calculation.events import KINDS
from loanfund.origination.models.states import TRANSITIONS
from loanfund.servicing.models import BorrowerRequest, CashPair, Drawdown, HandJournal, Instruction

MADE_UP = {
    "application.": set(TRANSITIONS),
    "drawdown.": set(Drawdown.State.values),
    "event.": set(KINDS),
    "fund.": {"capital_paid_in", "capital_paid_out"},
    "instruction.": set(Instruction.State.values),
    "journal.": set(HandJournal.State.values),
    "pair.": {CashPair.State.REFUSED.value, CashPair.State.WITHDRAWN.value},
    "request.": set(BorrowerRequest.State.values) - {"open"},
}
"""What follows where a service puts a code together."""


BY_THE_DATABASE = {"ledger.posted"}
"""What the database's own functions record."""


def recorded() -> Iterator[tuple[Path, ast.expr]]:
    """What every call with an `action` gives for it."""
    for path in sorted(Path("loanfund").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {"record", "_record"}:
                for given in node.keywords:
                    if given.arg == "action":
                        yield path, given.value


def codes(given: ast.expr) -> set[str]:
    if isinstance(given, ast.Constant):
        return {str(given.value)}
    if isinstance(given, ast.IfExp):
        return codes(given.body) | codes(given.orelse)
    if isinstance(given, ast.JoinedStr) and isinstance(given.values[0], ast.Constant):
        beginning = str(given.values[0].value)
        return {beginning + end for end in MADE_UP[beginning]}
    return set()


def test_every_act_that_is_recorded_has_words_and_no_words_are_for_nothing() -> None:
    found = set(BY_THE_DATABASE)
    for path, given in recorded():
        these = codes(given)
        assert these, f"{path}: {ast.unparse(given)}"
        found |= these
    assert len(found) > 120
    assert sorted(found - set(WORDS)) == []
    assert sorted(set(WORDS) - found) == []


def test_what_the_database_records_is_known_too() -> None:
    written = "".join(path.read_text() for path in Path("loanfund").glob("*/migrations/*.py"))
    for code in BY_THE_DATABASE:
        assert f"'{code}'" in written


@pytest.mark.parametrize("words", WORDS.values())
def test_they_read_like_words(words: str) -> None:
    assert words[0].isupper()
    assert not set("._") & set(words)


def test_an_act_without_words_is_still_readable() -> None:
    assert words_of("light.switched_off") == "Light switched off"


def test_an_object_is_called_by_its_name() -> None:
    assert kind_of_object("parties.settlementaccount") == "settlement account"
    assert kind_of_object("nothing.known") == "nothing.known"
