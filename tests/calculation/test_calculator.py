"""The calculator command, and every example of its page."""

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from loanfund.calculation.__main__ import main
from loanfund.calculation.events import KINDS as EVENTS
from loanfund.calculation.questions import KINDS, answer, answers
from loanfund.calculation.terms import FacilityTerms
from tests.calculation.data import sofr, sofr_index

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "calculator.md").read_text()
EXAMPLES = re.findall(r"```json question\n(.*?)```\s*```json answer\n(.*?)```", PAGE, re.DOTALL)
NINETY_DAYS = {
    "kind": "schedule",
    "principal": "10000000",
    "currency": "USD",
    "rate": {"kind": "fixed", "rate": "0.03"},
    "start": "2026-01-15",
    "instalments": 1,
    "period_tenor": "90D",
}


def run(text: str) -> tuple[int, str, str]:
    told, complaints = io.StringIO(), io.StringIO()
    return main(io.StringIO(text), told, complaints), told.getvalue(), complaints.getvalue()


@pytest.mark.parametrize(("asked", "told"), EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_example_of_the_page_is_answered_as_it_says(asked: str, told: str) -> None:
    assert answers(json.loads(asked)) == json.loads(told)


def test_the_page_has_an_example_of_each_kind_of_question() -> None:
    asked = {question["kind"] for text, _ in EXAMPLES for question in json.loads(text)}
    assert asked == set(KINDS)


def test_the_page_names_every_term_and_every_kind_of_event() -> None:
    names = {item.name for item in fields(FacilityTerms)} | set(EVENTS)
    names |= {item.name for kind in EVENTS.values() for item in fields(kind)}
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []


def test_the_command_needs_no_settings_and_loads_no_framework() -> None:
    text = (
        "import sys, json, io\n"
        "from loanfund.calculation.__main__ import main\n"
        "code = main(sys.stdin, sys.stdout, sys.stderr)\n"
        "loaded = {'django', 'celery', 'rest_framework', 'psycopg'} & set(sys.modules)\n"
        "sys.exit(code or len(loaded))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text],
        input='[{"kind": "xirr", "flows": ["-1", "2"]}]',
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [{"rate": "1.0", "roots": ["1.0"]}]


def test_a_wrong_question_leaves_the_others_answered() -> None:
    code, told, _ = run(json.dumps([{"kind": "xirr"}, NINETY_DAYS, {"kind": "guess"}, "what?"]))
    first, second, third, fourth = json.loads(told)
    assert code == 0
    assert first == {"error": "flows: it is missing."}
    assert second["totals"]["interest"] == "75000.00"
    assert third["error"].startswith("kind: 'guess' is none of day_count")
    assert fourth == {"error": "question: it is a JSON object with named fields."}


@pytest.mark.parametrize("text", ["", "{", '{"kind": "xirr"}', "3"])
def test_input_that_is_no_array_of_questions_is_refused_as_a_whole(text: str) -> None:
    code, told, complaints = run(text)
    assert (code, told) == (2, "")
    assert complaints


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"principal": 10.5}, "principal: write 10.5 as a string."),
        ({"principal": "ten"}, "principal: it is not a number."),
        ({"principal": "NaN"}, "principal: NaN is not a number."),
        ({"principal": "1e4000"}, "principal: 1e4000 is not of a size"),
        ({"rate": {"kind": "fixed", "rate": "1e999999999"}}, "rate: 1e999999999 is not of a size"),
        ({"currency": "XYZ"}, "currency: No currency is known by the code 'XYZ'."),
        ({"start": "2026-13-01"}, "start: '2026-13-01' is not a day such as 2026-01-31."),
        ({"start": 20260101}, "start: 20260101 is not a day"),
        ({"period_tenor": "3 months"}, "period_tenor: A tenor is"),
        ({"rate": {"kind": "fixed"}}, "rate: 'rate' is missing."),
        ({"rate": {"kind": "overnight", "reference": "SOFR"}}, "rate.kind: a schedule needs a rate"),
        ({"instalments": None}, "maturity: give it, or the number of instalments."),
        ({"instalments": True}, "instalments: True is not a whole number."),
        ({"day_count": "31/360"}, "day_count: '31/360' is none of"),
        ({"profile": []}, "profile: it is a JSON object"),
        ({"profile": {"kind": "bulet"}}, "profile.kind: 'bulet' is none of bullet"),
        ({"profile": {"baloon": "5"}}, "profile.baloon: there is no such field here."),
        ({"profile": {"kind": "custom", "table": ["0.5", "0.4"]}}, "profile.table: the shares add up to 0.9"),
        ({"prepayments": [{"on": "2026-02-01"}]}, "prepayments[0].amount: it is missing."),
        ({"prepayments": {"on": "2026-02-01"}}, "prepayments: it is a list."),
        ({"princpal": "1"}, "princpal: there is no such field here."),
        ({"payment_calendar": "Mars"}, "payment_calendar: the calendar 'Mars' has to be given"),
        ({"adjust_periods": "no"}, "adjust_periods: it is true or false."),
    ],
)
def test_a_wrong_field_is_named(changed: dict[str, Any], error: str) -> None:
    told = answer(NINETY_DAYS | changed)
    assert list(told) == ["error"]
    assert told["error"].startswith(error), told


def test_events_and_terms_that_are_wrong_are_named() -> None:
    terms = {
        "currency": "USD",
        "commitment": "1000000",
        "signed_on": "2026-01-01",
        "availability_end": "2026-02-01",
        "maturity": "2026-06-30",
        "rate": {"kind": "fixed", "rate": "0.036"},
    }
    asked = {
        "kind": "replay",
        "terms": terms,
        "events": [{"kind": "received", "id": "1"}],
        "through": "2026-01-07",
    }
    assert answer(asked)["error"].startswith("events[0].received: ")
    assert answer(asked | {"terms": terms | {"commitment": "0"}})["error"].startswith("terms: commitment: ")
    unknown = asked | {"terms": terms | {"colour": "red"}}
    assert answer(unknown)["error"] == "terms: colour: there is no such term."


def test_an_absent_fixing_is_named_by_its_day() -> None:
    asked = {
        "kind": "overnight_rate",
        "start": "2026-01-09",
        "end": "2026-01-13",
        "rate": {"kind": "overnight", "reference": "SOFR", "lookback_days": 0},
        "fixings": {"SOFR": {"2026-01-09": "0.036"}},
    }
    assert answer(asked) == {"error": "fixings: The fixing of SOFR for 2026-01-12 is due and was not found."}
    estimated = answer(asked | {"as_of": "2026-01-12"})
    assert [night["estimated"] for night in estimated["days"]] == [False, False, False, True]


def test_interest_on_a_principal_that_changes_within_the_period() -> None:
    """10 million at a flat 5 %, 91 days all business days, 4 million repaid on day 45: 101,385.79."""
    asked = {
        "kind": "overnight_rate",
        "start": "2026-01-01",
        "end": "2026-04-02",
        "rate": {
            "kind": "overnight",
            "reference": "SOFR",
            "lookback_days": 0,
            "publication_calendar": "every day",
        },
        "fixings": {
            "SOFR": {f"2026-{m:02}-{d:02}": "0.05" for m in (1, 2, 3, 4) for d in range(1, 32) if real(m, d)}
        },
        "principal": "10000000",
        "currency": "USD",
        "changes": [{"on": "2026-02-15", "principal": "6000000"}],
    }
    assert answer(asked)["interest"]["amount"] == "101385.79"


def real(month: int, day: int) -> bool:
    return day <= {2: 28, 4: 30}.get(month, 31)


def test_the_published_index_can_be_asked_for() -> None:
    last = sofr_index()[-1]
    asked = {
        "kind": "index",
        "fixings": {"SOFR": {day.isoformat(): str(value) for day, value in sofr().items()}},
        "through": last["date"],
    }
    (told,) = answer(asked)["values"]
    assert told["index"] == last["sofr_index"]
    published = {n: last[f"avg_{n}d"] for n in ("30", "90", "180") if last[f"avg_{n}d"]}
    assert published
    assert published.items() <= told["averages"].items()
