"""Workbooks worked out again by another program: openpyxl drops every stored result, LibreOffice computes them anew."""

import io
import subprocess
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl

SECONDS = 180


def recalculated(workbooks: Mapping[str, bytes], place: Path) -> dict[str, Any]:
    """Each workbook by its name, as LibreOffice saves it after it has computed every formula.

    Raises CalledProcessError when LibreOffice cannot, and FileNotFoundError when it is not installed.
    """
    bare, done = place / "bare", place / "done"
    bare.mkdir()
    for name, content in workbooks.items():
        openpyxl.load_workbook(io.BytesIO(content)).save(bare / f"{name}.xlsx")
    subprocess.run(
        [
            "soffice",
            f"-env:UserInstallation=file://{place / 'profile'}",
            "--headless",
            "--convert-to",
            "xlsx:Calc MS Excel 2007 XML",
            "--outdir",
            str(done),
            *sorted(str(path) for path in bare.iterdir()),
        ],
        check=True,
        capture_output=True,
        timeout=SECONDS,
    )
    return {name: openpyxl.load_workbook(done / f"{name}.xlsx", data_only=True) for name in workbooks}


def formulas(content: bytes) -> Iterator[tuple[str, str, str]]:
    """Each formula of a workbook: its sheet, its cell, and the exact total that stands as text beneath it."""
    for sheet in openpyxl.load_workbook(io.BytesIO(content)).worksheets:
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f":
                    yield sheet.title, cell.coordinate, str(sheet.cell(cell.row + 1, cell.column).value)


def apart(content: bytes, again: Any) -> list[str]:
    """What LibreOffice computes otherwise than the exact text beside it says, to the last decimal of that text."""
    found = []
    for sheet, cell, exact in formulas(content):
        value = again[sheet][cell].value
        number = Decimal(repr(value)) if isinstance(value, int | float) else None
        if number is None or number.quantize(Decimal(exact)) != Decimal(exact):
            found.append(f"{sheet}!{cell}: {value!r}, the exact total is {exact}")
    return found
