"""One statement, three renderings: the same figures in each, the same bytes every time."""

from __future__ import annotations

import csv
import io
import subprocess
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from loanfund.reporting import csv_format, pdf_format, xlsx_format
from loanfund.reporting.statement import (
    AllocationLine,
    Balances,
    DueLine,
    InterestLine,
    Line,
    LineKind,
    Statement,
)

FIRST = date(2026, 1, 1)


def statement_of(months: int) -> Statement:
    """Five million at 3 %, billed and paid monthly, with a partner who pays a cent less each time."""
    owed = Decimal("5000000.00")
    lines: list[Line] = []
    interest: list[InterestLine] = []
    for month in range(months):
        day = FIRST + timedelta(days=30 * month)
        owed += Decimal("12500.00")
        text = f"Interest of nights {day} on"
        lines.append(
            Line(
                day,
                day,
                "FAC-0003",
                "LN-0007",
                LineKind.INTEREST,
                text,
                Decimal("12500.00"),
                Decimal(0),
                owed,
            )
        )
        owed -= Decimal("12499.99")
        lines.append(
            Line(
                day + timedelta(days=1),
                day,
                "FAC-0003",
                "",
                LineKind.RECEIPT,
                "=HYPERLINK(1) receipt",
                Decimal(0),
                Decimal("12499.99"),
                owed,
                "-REF 1",
            )
        )
        interest.append(
            InterestLine(
                "FAC-0003",
                "LN-0007",
                day,
                day + timedelta(days=29),
                30,
                Decimal("5000000.00"),
                Decimal("0.03"),
                "ACT/360",
                30,
                360,
                Decimal("12500.000000000000"),
                Decimal("12500.00"),
            )
        )
    return Statement(
        fund="Harbour Recovery Fund",
        partner_number="P-0007",
        partner_name="Northlight Trading Ltd",
        scope="FAC-0003",
        currency="USD",
        decimals=2,
        first_day=FIRST,
        last_day=date(2026, 6, 30),
        business_date=date(2026, 8, 21),
        opening=Balances(principal=Decimal("5000000.00")),
        closing=Balances(principal=Decimal("5000000.00"), interest_due=owed - Decimal("5000000.00")),
        lines=tuple(lines),
        interest=tuple(interest),
        allocations=tuple(
            AllocationLine("RC-0012", FIRST, "Interest", "LN-0007", FIRST, Decimal("12499.99"))
            for _ in range(months)
        ),
        dues=(DueLine(date(2026, 9, 30), "FAC-0003", "LN-0007", "Interest", Decimal("37500.00")),)
        if months
        else (),
    )


def pdf_text(pdf: bytes, tmp_path: Path) -> str:
    path = tmp_path / "statement.pdf"
    path.write_bytes(pdf)
    done = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_sample_statement_ties_out() -> None:
    assert statement_of(6).problems() == []


def test_a_statement_whose_lines_do_not_make_its_closing_balance_says_so() -> None:
    sound = statement_of(2)
    torn = replace(sound, closing=Balances(principal=Decimal("5000000.03")))
    assert any("closing balance is 5000000.03" in problem for problem in torn.problems())


def test_a_line_with_a_wrong_running_balance_is_named() -> None:
    sound = statement_of(1)
    torn = replace(sound, lines=(replace(sound.lines[0], balance=Decimal("1.00")), *sound.lines[1:]))
    assert any("2026-01-01 is 1.00" in problem for problem in torn.problems())


@pytest.mark.parametrize("render", [csv_format.render, xlsx_format.render, pdf_format.render])
def test_the_same_statement_twice_is_the_same_bytes(render) -> None:  # type: ignore[no-untyped-def]
    assert render(statement_of(3)) == render(statement_of(3))


def test_one_cent_changes_the_digest() -> None:
    sound = statement_of(1)
    other = replace(sound, opening=Balances(principal=Decimal("5000000.01")))
    assert sound.digest() != other.digest()


def test_csv_lines_add_up_to_the_closing_balance() -> None:
    records = list(csv.DictReader(io.StringIO(csv_format.render(statement_of(6)).decode())))
    lines = [record for record in records if record["record"] == "line"]
    moved = sum(Decimal(record["debit"] or 0) - Decimal(record["credit"] or 0) for record in lines)
    owed = {
        record["record"]: Decimal(record["balance"]) for record in records if record["component"] == "Owed"
    }
    assert len(lines) == 12
    assert owed["opening"] + moved == owed["closing"] == Decimal("5000000.06")


def test_csv_text_that_looks_like_a_formula_is_escaped_and_numbers_are_not() -> None:
    records = list(csv.DictReader(io.StringIO(csv_format.render(statement_of(1)).decode())))
    receipt = next(
        record for record in records if record["component"] == "Receipt" and record["record"] == "line"
    )
    assert receipt["text"] == "'=HYPERLINK(1) receipt"
    assert receipt["reference"] == "'-REF 1"
    assert receipt["credit"] == "12499.99"


def test_xlsx_cells_are_typed_and_totals_are_formulas_beside_exact_text() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx_format.render(statement_of(2))))
    sheet = book["Movements"]
    assert sheet.freeze_panes == "A2"
    assert sheet["A2"].value.date() == FIRST
    assert sheet["G2"].value == 12500
    assert sheet["F3"].data_type == "s"
    assert sheet["G6"].value == "=SUM(G2:G5)"
    assert sheet["G7"].value == "25000.00"
    assert sheet["H7"].value == "24999.98"


def test_xlsx_of_an_empty_period_says_so() -> None:
    book = openpyxl.load_workbook(io.BytesIO(xlsx_format.render(statement_of(0))))
    assert book["Movements"]["A2"].value == "Nothing in this period."


def test_pdf_shows_the_figures_of_the_statement_and_its_digest(tmp_path: Path) -> None:
    sound = statement_of(6)
    text = pdf_text(pdf_format.render(sound), tmp_path)
    assert "5,000,000.06" in text
    assert "75,000.00" in text
    assert "74,999.94" in text
    assert sound.digest() in text


def test_pdf_runs_over_as_many_pages_as_it_needs_and_repeats_the_header(tmp_path: Path) -> None:
    text = pdf_text(pdf_format.render(statement_of(60)), tmp_path)
    pages = text.split("\f")[:-1]
    assert len(pages) > 3
    assert all("Page" in page and "Northlight" in pages[0] for page in pages)
    assert sum("Owed after" in page for page in pages) > 1


def test_no_page_begins_with_a_total_that_stands_alone(tmp_path: Path) -> None:
    """Over a page's worth of lengths, so that each table ends at each place of a page."""
    for months in range(1, 28):
        for page in pdf_text(pdf_format.render(statement_of(months)), tmp_path).split("\f")[1:-1]:
            lines = [line.strip() for line in page.splitlines() if line.strip()]
            assert not lines[2].startswith("Total"), (months, lines[:4])
            assert "Amount" not in lines[-2], (months, lines[-3:])


def test_pdf_says_when_a_figure_rests_on_an_estimated_fixing(tmp_path: Path) -> None:
    sound = statement_of(1)
    guessed = replace(sound, interest=(replace(sound.interest[0], estimated=True),))
    assert "rest on an estimated fixing" in pdf_text(pdf_format.render(guessed), tmp_path)
    assert "rest on an estimated fixing" not in pdf_text(pdf_format.render(sound), tmp_path)


def test_the_pdf_is_tagged_and_titled(tmp_path: Path) -> None:
    path = tmp_path / "statement.pdf"
    path.write_bytes(pdf_format.render(statement_of(2)))
    told = subprocess.run(["pdfinfo", str(path)], capture_output=True, text=True, check=True).stdout
    facts = {line.partition(":")[0]: line.partition(":")[2].strip() for line in told.splitlines()}
    assert facts["Tagged"] == "yes"
    assert facts["Title"] == "Interest statement FAC-0003, 2026-01-01 to 2026-06-30"
    assert "CreationDate" not in facts or facts["CreationDate"].endswith("1970 UTC")


def test_an_overnight_rates_runs_are_one_line_on_paper_and_each_a_row_in_the_csv(tmp_path: Path) -> None:
    sound = statement_of(1)
    day = sound.interest[0]
    runs = tuple(
        replace(
            day,
            first_day=FIRST + timedelta(days=n),
            last_day=FIRST + timedelta(days=n),
            days=1,
            rate=Decimal("0.03") + Decimal(n) / 1000,
            numerator=1,
            interest_exact=(Decimal("0.03") + Decimal(n) / 1000) * Decimal(5_000_000) / 360,
            interest=Decimal("416.67"),
            period_start=FIRST,
        )
        for n in range(3)
    )
    floating = replace(sound, interest=runs)
    shown = pdf_text(pdf_format.render(floating), tmp_path)
    assert "3.1000 %" in shown
    assert shown.count("average rate") == 1
    rows = [row for row in csv_format.rows(floating) if row["record"] == "interest"]
    assert [row["rate"] for row in rows] == ["0.03", "0.031", "0.032"]
