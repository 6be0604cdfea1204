"""An interest statement as JSON: its canonical document, every number a string, with the digest over it."""

from __future__ import annotations

import json

from loanfund.reporting.statement import Statement


def render(statement: Statement) -> bytes:
    """The statement as UTF-8 JSON with sorted names; the same statement gives the same bytes."""
    document = {**statement.document(), "digest": statement.digest()}
    return json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1).encode()
