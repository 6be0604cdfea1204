"""A statement's interest worked out again from its own CSV, with the calculator as its only helper."""

import csv
import io
import json
import subprocess
import sys
from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from tests.servers import ROOT

ONE_DAY = timedelta(days=1)
CENT = Decimal("0.01")


def calculated(questions: list[dict[str, str]]) -> list[dict[str, str]]:
    """Ask `python -m loanfund.calculation`, as anyone can."""
    done = subprocess.run(
        [sys.executable, "-m", "loanfund.calculation"],
        input=json.dumps(questions),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    answers: list[dict[str, str]] = json.loads(done.stdout)
    return answers


def added_up(rows: list[dict[str, str]]) -> list[str]:
    """Which sums of a statement's CSV do not come out: what is owed from its components, each balance and the closing one
    from the lines before it, and each loan's lines of interest from the runs of nights."""
    found: list[str] = []
    owed: dict[str, Decimal] = {}
    for record in ("opening", "closing"):
        parts = {row["component"]: Decimal(row["balance"]) for row in rows if row["record"] == record}
        owed[record] = parts.pop("Owed")
        if sum(parts.values(), -2 * parts["Unapplied"]) != owed[record]:
            found.append(f"{record}: {owed[record]} is not the sum of {parts}")
    balance = owed["opening"]
    nights: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        moved = Decimal(row["debit"] or 0) - Decimal(row["credit"] or 0)
        if row["record"] == "line":
            balance += moved
            nights[row["loan"]] -= moved if row["component"] == "Interest" else 0
            if balance != Decimal(row["balance"]):
                found.append(f"{row['booking_date']} {row['text']}: {row['balance']} should be {balance}")
        elif row["record"] == "interest" and "correction" not in row["note"]:
            nights[row["loan"]] += moved
    if balance != owed["closing"]:
        found.append(f"closing: {owed['closing']} should be {balance}")
    return found + [f"{loan}: interest is {apart} apart" for loan, apart in nights.items() if apart]


def differences(content: bytes) -> list[str]:
    """What in a statement's CSV cannot be worked out again to the cent; empty when all can.

    For each run of nights: its fraction is that of the calculator, measured from the start of the interest period; its exact
    interest is principal x rate x fraction; and what was posted up to its end is the exact sum, rounded. The last is asked
    of periods that begin within the statement, since the earlier nights of others are not in it.
    """
    rows = list(csv.DictReader(io.StringIO(content.decode())))
    first_day = date.fromisoformat(rows[0]["first_day"])
    runs = [row for row in rows if row["record"] == "interest" and "correction" not in row["note"]]
    corrected = {row["loan"] for row in rows if row["record"] == "interest" and "correction" in row["note"]}
    asked = []
    for row in runs:
        for end in (row["first_day"], str(date.fromisoformat(row["last_day"]) + ONE_DAY)):
            if end != row["period_start"]:
                asked.append(
                    {"kind": "day_count", "day_count": row["basis"], "start": row["period_start"], "end": end}
                )
    answers = iter(calculated(asked)) if asked else iter(())
    found = added_up(rows)
    sums: dict[tuple[str, str], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in runs:
        where = f"{row['loan']} from {row['first_day']}"
        before = (
            Fraction(0) if row["first_day"] == row["period_start"] else Fraction(next(answers)["fraction"])
        )
        length = Fraction(next(answers)["fraction"]) - before
        if length != Fraction(row["fraction"]):
            found.append(f"{where}: the calculator's fraction is {length}, not {row['fraction']}")
        again = Fraction(row["principal"]) * Fraction(row["rate"]) * length
        if abs(again - Fraction(row["interest_exact"])) >= Fraction(1, 200):
            found.append(f"{where}: {row['interest_exact']} should be {again}")
        total = sums[row["loan"], row["period_start"]]
        total[0] += Decimal(row["interest_exact"])
        total[1] += Decimal(row["debit"])
        whole = date.fromisoformat(row["period_start"]) >= first_day and row["loan"] not in corrected
        if whole and total[1] != total[0].quantize(CENT, ROUND_HALF_UP):
            found.append(f"{where}: posted {total[1]} of {total[0]}")
    return found
