"""Proof of loss: a CSV taken whole or not at all, and what it comes to under the policy."""

import time
from decimal import Decimal

import pytest
from django.db import DatabaseError, transaction

from loanfund.audit.errors import Refused
from loanfund.origination import services
from loanfund.origination.liquidation_files import BadLiquidations, read_liquidations, template
from loanfund.origination.models import Application, LiquidationRecord, LiquidationUpload
from tests.origination.cast import CSV, Cast, make_cast, make_partner

HEADER = CSV.splitlines()[0].decode()
ROW = "2025-10-10T21:20:05Z,VENUE,main,R-{n},futures,BTC-PERP,long,1,100.5,10.25"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def one(**changes: str) -> bytes:
    cells = dict(zip(HEADER.split(","), ROW.format(n=1).split(","), strict=True))
    return f"{HEADER}\n{','.join({**cells, **changes}.values())}\n".encode()


def upload(cast: Cast, application: Application, content: bytes) -> LiquidationUpload:
    return services.import_liquidations(
        application=application, content=content, file_name="new.csv", actor=cast["pia"], on=cast.day
    )


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"time_utc": "2025-10-10 21:20"}, "time_utc"),
        ({"time_utc": "2025-10-10T21:20:05+02:00"}, "time_utc"),
        ({"venue": ""}, "venue"),
        ({"venue": "EXAMPLE"}, "venue"),
        ({"reference": "x" * 81}, "reference"),
        ({"market": "spot"}, "market"),
        ({"side": "both"}, "side"),
        ({"quantity": "0"}, "quantity"),
        ({"price": "1e5"}, "price"),
        ({"loss": "-5"}, "loss"),
        ({"loss": "1" * 30}, "loss"),
        ({"loss": "1.0000000000001"}, "loss"),
        ({"loss": "NaN"}, "loss"),
    ],
)
def test_a_wrong_cell_is_named_by_line_and_column(changes: dict[str, str], column: str) -> None:
    with pytest.raises(BadLiquidations) as told:
        read_liquidations(one(**changes))
    assert [(error.line, error.column) for error in told.value.errors] == [(2, column)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "column time_utc: this column is missing"),
        (one().replace(b",loss", b",lost"), "column lost: this column is not known"),
        (HEADER.encode() + b"\n", "no liquidations beneath its header"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        (one() + b"1,2\n", "Line 3, column (all): this row has 2 cells"),
        (one() + ROW.format(n=1).encode(), "stands on line 2 already; a loss counts once"),
        (template().encode(), "example row; take it out"),
    ],
)
def test_a_wrong_file_is_refused_with_what_to_do(content: bytes, said: str) -> None:
    with pytest.raises(Refused) as told:
        read_liquidations(content)
    assert said in told.value.sentence


def test_nothing_of_a_file_with_one_wrong_row_is_stored_and_the_old_one_still_counts(cast: Cast) -> None:
    application = cast.application()
    good = "\n".join([HEADER, *(ROW.format(n=n) for n in range(50))])
    with pytest.raises(BadLiquidations, match="Line 52, column loss"):
        upload(cast, application, f"{good}\n{ROW.format(n=99).replace('10.25', 'ten')}\n".encode())
    assert application.uploads.count() == 1
    assert LiquidationRecord.objects.count() == 2


def test_the_same_file_again_is_the_upload_already_there(cast: Cast) -> None:
    application = cast.application()
    assert upload(cast, application, CSV) == application.uploads.get()


def test_a_hundred_thousand_rows_are_taken_in_seconds(cast: Cast) -> None:
    application = cast.application()
    content = "\n".join([HEADER, *(ROW.format(n=n) for n in range(100_000))]).encode()
    before = time.monotonic()
    stored = upload(cast, application, content)
    assert stored.records.count() == stored.row_count == 100_000
    assert time.monotonic() - before < 60
    assessed = services.assess_impact(application=application, actor=cast["pia"], on=cast.day)
    assert assessed.loss_in_window == Decimal("1025000.00")


def test_records_are_never_edited(cast: Cast) -> None:
    cast.application()
    with pytest.raises(DatabaseError), transaction.atomic():
        LiquidationRecord.objects.update(loss=1)


def results(lines: list[dict[str, str]]) -> dict[str, str]:
    return {line["rule"]: line["result"] for line in lines}


def test_losses_outside_the_window_are_not_counted_and_compensation_is_subtracted(cast: Cast) -> None:
    application = cast.application(compensation=Decimal(200_000))
    late = ROW.format(n=7).replace("2025-10-10T21:20:05Z", "2025-10-12T00:00:00Z")
    last = ROW.format(n=8).replace("2025-10-10T21:20:05Z", "2025-10-11T23:59:59Z")
    upload(cast, application, CSV + f"{late}\n{last}\n".encode())
    assessed = services.assess_impact(application=application, actor=cast["anna"], on=cast.day)
    assert (assessed.rows_total, assessed.rows_in_window) == (4, 3)
    assert assessed.loss_in_window == Decimal("2200010.25")
    assert assessed.net_loss == Decimal("2000010.25")
    assert assessed.ratio == Decimal("0.400002")
    assert results(assessed.lines) == {
        "window": "met", "min_loss": "met", "min_loss_ratio": "met", "outside": "notice", "compensation": "notice",
    }  # fmt: skip


def test_a_missed_line_informs_and_refuses_nothing(cast: Cast) -> None:
    application = cast.application(net_assets=Decimal(50_000_000), compensation=Decimal(5_000_000))
    assessed = services.assess_impact(application=application, actor=cast["pia"], on=cast.day)
    assert assessed.net_loss == 0
    assert results(assessed.lines)["min_loss_ratio"] == "missed"
    assert (
        services.submit_application(application=application, actor=cast["pia"], on=cast.day).state
        == "submitted"
    )


def test_unknown_net_assets_are_a_notice_not_a_ratio(cast: Cast) -> None:
    assessed = services.assess_impact(
        application=cast.application(net_assets=None), actor=cast["pia"], on=cast.day
    )
    assert assessed.ratio is None
    assert results(assessed.lines)["min_loss_ratio"] == "notice"


def test_a_loss_that_another_applicant_claims_too_is_noticed(cast: Cast) -> None:
    mine = cast.application()
    services.submit_application(application=mine, actor=cast["pia"], on=cast.day)
    cast.partner = make_partner([cast["pia"]], number="P-9002")
    theirs = cast.application()
    assessed = services.assess_impact(application=theirs, actor=cast["pia"], on=cast.day)
    assert results(assessed.lines)["claimed"] == "notice"
