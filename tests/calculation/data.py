"""Where the published figures are: the folders CASES and RATES name, else those of the repository."""

import csv
import json
import os
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).resolve().parents[1] / "data"
CASES = Path(os.environ.get("CASES") or _HERE / "cases")
RATES = Path(os.environ.get("RATES") or _HERE / "rates")


def published_cases(*families: str) -> list[dict[str, Any]]:
    """Every case of the named families (of all, without a name), each with its family and meta beside it."""
    found = []
    for path in sorted(CASES.glob("*.json")):
        document = json.loads(path.read_text())
        family = document["meta"].get("family", path.stem)
        if not families or family in families:
            found += [
                {**case, "family": family, "meta": document["meta"], "file": path.name}
                for case in document["cases"]
            ]
    return found


@cache
def sofr() -> dict[date, Decimal]:
    """The published SOFR fixings as fractions a year by day."""
    with (RATES / "sofr.csv").open() as file:
        return {
            date.fromisoformat(row["date"]): Decimal(row["rate_percent"]) / 100
            for row in csv.DictReader(file)
        }


@cache
def sofr_index() -> list[dict[str, str]]:
    """The published SOFR Index and averages, one row a business day, as text."""
    with (RATES / "sofr_index.csv").open() as file:
        return list(csv.DictReader(file))
