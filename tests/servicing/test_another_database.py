"""A process that meets another database under the same name, as after a backup was put back, keeps nothing of the first."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from loanfund.reference.models import RateFixing, ReferenceRate
from loanfund.reference.selectors import database_id
from loanfund.servicing.models import Accrual
from loanfund.servicing.outlook import fixings_ahead
from tests import copies
from tests.servicing.world import OPENED, assert_books_hold, bullet, make_world

NAME = "met_twice"


@contextmanager
def met(blocker: Any) -> Iterator[int]:
    """A fresh copy that has always the same name; its number."""
    with blocker.unblock(), copies.fresh(NAME):
        yield database_id()


def lent_at(*rates: str) -> list[Decimal]:
    """Facilities at these rates, each lent on and accrued for a week: what a night of each earns, to the digit."""
    world = make_world()
    for rate in rates:
        world.sign(bullet(rate=rate), commitment=Decimal(4_000_000))
        world.draw(Decimal(3_600_000), facility=world.facilities[-1])
    world.close_through(date(2026, 3, 9))
    assert_books_hold()
    night = Accrual.objects.filter(accrual_date=date(2026, 3, 9)).order_by("loan_id")
    return list(night.values_list("period_exact", flat=True))


def test_what_loans_earn_is_worked_out_from_the_rows_of_the_database_in_use(
    django_db_setup: None, django_db_blocker: Any
) -> None:
    with met(django_db_blocker) as first:
        assert lent_at("0.03") == [Decimal(2_400)]
    with met(django_db_blocker) as second:
        assert lent_at("0.05", "0.03") == [Decimal(4_000), Decimal(2_400)]
    assert first != second


def test_the_fixings_of_the_database_in_use_are_the_ones_seen(
    django_db_setup: None, django_db_blocker: Any
) -> None:
    seen = []
    for value in ("0.0431", "0.0527"):
        with met(django_db_blocker):
            rate, now = ReferenceRate.objects.get(code="SOFR"), datetime(2026, 3, 3, 13, tzinfo=UTC)
            RateFixing.objects.create(
                rate=rate, date=OPENED, value=Decimal(value), published_at=now, known_at=now, source="test"
            )
            seen.append(fixings_ahead(date(2026, 3, 4)).values["SOFR"][OPENED])
    assert seen == [Decimal("0.0431"), Decimal("0.0527")]
