"""The policy that a new fund starts from: the programme's known facts, and our assumptions marked as such."""

import json
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "data" / "programme_policy.json"


@cache
def _file() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = json.loads(FILE.read_text())
    return found


def programme_values() -> dict[str, Any]:
    """The values for `propose_policy`, with `basis` saying of each whether it is known or assumed, and why."""
    values = {name: entry["value"] for name, entry in _file().items()}
    basis = {name: {"kind": entry["kind"], "note": entry["note"]} for name, entry in _file().items()}
    return {**values, "basis": basis}
