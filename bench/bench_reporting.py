"""Taking figures out: a million accrual rows as CSV, a hundred thousand as a workbook, a statement on paper.

Rights and the line in the log are included on our side. The rows are the same on both sides.
"""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from bench.harness import Figure, benchmark, best, fresh_database, pair
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.reporting.services import Export, Stream, export_report, export_statement
from tests.servicing.portfolio import facilities_of
from tests.servicing.world import OPENED, World, bullet, make_world, person

LOANS = 1_000
WANTED_KB = 30 * 1024
FIRST_NIGHT = OPENED - timedelta(days=1_000)
COLUMNS = (
    "accrual_date, booking_date, facility_id, loan_id, sequence, principal, rate, num, den, exact, posted, "
    "estimated, suspended"
)

_LOANS = """
INSERT INTO servicing_loan (number, facility_id, currency, amount, disbursed_on, maturity)
SELECT 'LN-B' || n, f.id, 'USD', 100000 + n, %(on)s, %(on)s::date + 900
FROM (SELECT min(id) AS id FROM facilities_facility) f, generate_series(1, %(loans)s) n
"""
_NIGHTS = """
INSERT INTO servicing_accrual (accrual_date, loan_id, sequence, facility_id, batch_id, booking_date, principal, rate,
    num, den, exact, posted, estimated, suspended, accrual_class_id, period_exact, base_num, base_den, base_exact)
SELECT %(first)s::date + n, l.id, 0, l.facility_id, n, %(booked)s, l.amount, 0.0375, 1, 360,
    round(l.amount * 0.0375 / 360, 12), round(l.amount * 0.0375 / 360, 2), false, false, 1, 0, 0, 1, 0
FROM generate_series(0, %(nights)s - 1) n, servicing_loan l
"""


@contextmanager
def desk(rows: int) -> Iterator[tuple[World, User]]:
    """A fund with one facility whose thousand loans have `rows` nights in all, booked on the opening day."""
    with fresh_database():
        world = make_world(size=Decimal(10) ** 12)
        facilities_of(world, 1, Decimal(2_000_000))
        place: dict[str, Any] = {
            "on": OPENED,
            "loans": LOANS,
            "first": FIRST_NIGHT,
            "booked": OPENED,
            "nights": rows // LOANS,
        }
        with connection.cursor() as cursor:
            cursor.execute(_LOANS, place)
            cursor.execute(_NIGHTS, place)
        yield world, person("Finance", roles.FINANCE)


def take(world: World, finance: User, fmt: str) -> Export | Stream:
    given = {"first_day": OPENED, "last_day": OPENED}
    return export_report(actor=finance, on=OPENED, fund=world.fund, slug="accruals", given=given, fmt=fmt)


def sent(world: World, finance: User, fmt: str = "csv") -> int:
    """Take the file and send it nowhere; how many bytes it has."""
    taken = take(world, finance, fmt)
    assert isinstance(taken, Stream)
    return sum(len(block) for block in taken.blocks)


def copied() -> int:
    """A bare COPY of the same columns, read by the same driver."""
    query = f"COPY (SELECT {COLUMNS} FROM servicing_accrual) TO STDOUT WITH (FORMAT csv)"  # nosec B608 # ours
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        return sum(len(block) for block in copy)


def high_water_kb() -> int:
    """The most memory that this process held since the mark was last put back."""
    (line,) = (
        line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")
    )
    return int(line.split()[1])


def weighed(world: World, finance: User, fmt: str) -> tuple[int, int]:
    """The bytes of one export and how many kB more memory it took. Raises AssertionError past what is allowed."""
    Path("/proc/self/clear_refs").write_text("5")
    before = high_water_kb()
    size = sent(world, finance, fmt)
    more = high_water_kb() - before
    if more > WANTED_KB:
        raise AssertionError(f"the export took {more:,} kB more memory; {WANTED_KB:,} are allowed")
    return size, more


@benchmark("csv_1m", max_ratio=1.5)
def csv_1m() -> Figure:
    """A million accrual rows as CSV, with at most 30 MB more memory than before."""
    with desk(1_000_000) as (world, finance):
        copied()
        size, more = weighed(world, finance, "csv")
        ours, floor = pair(lambda: sent(world, finance), copied, rounds=3)
    return Figure(ours, floor, note=f"1,000,000 rows, {size / 1e6:.0f} MB, {more / 1024:.1f} MB more memory")


def bare_xml(rows: list[tuple[Any, ...]]) -> int:
    """A sheet's XML of the same cells, zipped, with nothing around it: no types of cells to tell apart, no formats."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as pack, pack.open("sheet1.xml", "w") as sheet:
        for row in rows:
            cells = "".join(f"<c><v>{cell}</v></c>" for cell in row)
            sheet.write(f"<row>{cells}</row>".encode())
    return len(out.getvalue())


@benchmark("xlsx_100k", max_ratio=12)
def xlsx_100k() -> Figure:
    """A hundred thousand accrual rows as a workbook with typed cells and totals, with at most 30 MB more memory."""
    with desk(100_000) as (world, finance):
        _, more = weighed(world, finance, "xlsx")
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {COLUMNS} FROM servicing_accrual")  # nosec B608 # ours
            rows = cursor.fetchall()
        ours, floor = pair(lambda: sent(world, finance, "xlsx"), lambda: bare_xml(rows), rounds=3)
    return Figure(
        ours, floor, note=f"{len(rows):,} rows of {len(rows[0])} cells, {more / 1024:.1f} MB more memory"
    )


@benchmark("pdf_statement", max_seconds=0.15)
def pdf_statement() -> Figure:
    """A facility's statement of four months on three pages: read from the books, tied out, typeset, logged."""
    with fresh_database():
        world = make_world()
        world.sign(bullet(months=1))
        for amount in range(5):
            world.draw(Decimal(100_000 + amount))
        world.close_through(date(2026, 7, 2))
        finance = person("Finance", roles.FINANCE)

        def typeset() -> Export:
            with transaction.atomic():
                return export_statement(
                    actor=finance,
                    on=world.fund.business_date,
                    subject=world.facility,
                    first_day=date(2026, 3, 1),
                    last_day=date(2026, 3, 31),
                    fmt="pdf",
                )

        world.fund.refresh_from_db()
        pages = typeset().bytes.count(b"/Type /Page\n") + typeset().bytes.count(b"/Type/Page/")
        ours = best(typeset, rounds=7)
    return Figure(ours, note=f"{pages} pages")
