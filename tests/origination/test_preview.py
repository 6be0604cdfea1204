"""What an applicant is shown before asking: the schedule that would be booked."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from loanfund.audit.errors import Refused
from loanfund.origination.selectors import preview_terms
from loanfund.reference.services import ensure_shipped_fixings
from tests.origination.cast import Cast, make_cast

D = Decimal


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_a_bullet_pays_interest_each_quarter_and_all_principal_at_the_end(cast: Cast) -> None:
    shown = preview_terms(
        fund=cast.fund, amount=D("1000000"), tenor_months=12, profile="bullet", on=cast.day,
        changes={"rate": "0.03", "arrangement_fee": "0.005", "commitment_fee": "0"},
    )  # fmt: skip
    assert shown.drawn_on == date(2025, 10, 16)
    assert shown.total_principal == D("1000000.00")
    # 16 October 2025 to 14 October 2026 is 363 nights: 1,000,000 x 3 % x 363/360.
    assert shown.total_interest == D("30250.00")
    assert shown.total_fees == D("5000.00")
    assert shown.rows[-1].balance == 0
    assert [row.principal for row in shown.rows if row.principal] == [D("1000000.00")]


def test_equal_parts_of_principal_after_six_months_of_interest_only(cast: Cast) -> None:
    shown = preview_terms(
        fund=cast.fund, amount=D("900000"), tenor_months=18, profile="interest_only", on=cast.day,
        changes={"interest_only_months": 6},
    )  # fmt: skip
    parts = [row.principal for row in shown.rows if row.principal]
    assert parts == [D("225000.00")] * 4
    assert sum(parts) == D("900000.00")


def test_a_floating_offer_says_that_it_rests_on_the_last_published_rate(cast: Cast) -> None:
    ensure_shipped_fixings(known_at=datetime(2026, 8, 22, tzinfo=UTC), on=cast.day)
    shown = preview_terms(
        fund=cast.fund, amount=D("1000000"), tenor_months=12, profile="bullet", on=date(2026, 8, 21),
        changes={"reference": "SOFR", "margin": "0.01", "commitment_fee": "0", "arrangement_fee": "0"},
    )  # fmt: skip
    assert shown.estimated
    assert D("40000") < shown.total_interest < D("50000")


def test_a_tenor_shorter_than_its_availability_is_refused_naming_the_field(cast: Cast) -> None:
    with pytest.raises(Refused, match="ends by the maturity") as told:
        preview_terms(fund=cast.fund, amount=D("1000000"), tenor_months=2, profile="bullet", on=cast.day)
    assert told.value.field == "availability_months"
