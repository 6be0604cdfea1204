"""Opening a fund."""

import pytest

from loanfund.facilities.models import Fund


@pytest.mark.django_db
def test_no_fund_is_open_in_a_new_database() -> None:
    assert not Fund.objects.exists()
