"""Reading published fixings: three layouts, one shape, every fault named by line and column."""

from datetime import date
from decimal import Decimal

import pytest

from loanfund.reference.fixing_files import BadFile, read_fixings

OURS = "date,rate_percent\n2026-08-19,3.62\n2026-08-20,3.63\n"
NEW_YORK_FED = (
    "Effective Date,Rate Type,Rate (%),1st Percentile (%),Volume ($Billions),Footnote ID\n"
    "08/20/2026,SOFRAI,,,,\n"
    "08/20/2026,SOFR,3.6300,3.55,2900,\n"
    "08/20/2026,EFFR,3.58,3.5,100,\n"
    "08/19/2026,SOFR,3.6200,3.55,2800,\n"
    "\n"
    "Footnotes follow the data\n"
)
FRED = "observation_date,SOFR\n2026-08-18,.\n2026-08-19,3.62\n2026-08-20,3.63\n"


@pytest.mark.parametrize(
    "text", [OURS, NEW_YORK_FED, FRED, "\ufeff" + OURS, FRED.replace("observation_date", "DATE")]
)
def test_the_three_layouts_say_the_same(text: str) -> None:
    rows = read_fixings(text, "SOFR")
    assert [(row.date, row.percent) for row in rows] == [
        (date(2026, 8, 19), Decimal("3.62")),
        (date(2026, 8, 20), Decimal("3.63")),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day,value\n", "Line 1: the columns are day, value"),
        ("", "Line 1: the columns are nothing"),
        (OURS.replace("3.63", "three"), "Line 3, column rate_percent: 'three' is not a rate"),
        (OURS.replace("3.63", "NaN"), "Line 3, column rate_percent: 'NaN'"),
        (OURS.replace("3.63", "1e9"), "Line 3, column rate_percent"),
        (OURS.replace("2026-08-20", "2026-02-30"), "Line 3, column date: '2026-02-30' is not a day"),
        (OURS + "2026-08-20,3.64\n", "Line 4, column date: 2026-08-20 stands on line 3 with another rate"),
        (NEW_YORK_FED.replace("3.6300", ""), "Line 3, column Rate (%): ''"),
        ("date,rate_percent\n", "The file has no value of SOFR"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_column(text: str, said: str) -> None:
    with pytest.raises(BadFile) as told:
        read_fixings(text, "SOFR")
    assert any(error.startswith(said) for error in told.value.errors), told.value.errors


def test_every_fault_is_told_at_once() -> None:
    with pytest.raises(BadFile) as told:
        read_fixings("date,rate_percent\nx,1\ny,2\nz,3\n", "SOFR")
    assert len(told.value.errors) == 3
