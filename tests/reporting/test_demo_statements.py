"""The interest of every statement of the demo, worked out again from its own CSV with the calculator alone."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import override_settings

from loanfund.facilities.models import Facility, Fund
from loanfund.parties.models import Partner
from loanfund.reporting import csv_format
from loanfund.reporting.selectors import Subject, statement_for
from loanfund.servicing.models import Loan
from tests.reporting.recompute import differences


@pytest.fixture(scope="module")
def demo(module_db: str) -> Fund:
    with override_settings(DEBUG=True):
        call_command("demo", stdout=io.StringIO())
    return Fund.objects.get()


def test_not_a_cent_is_apart_in_any_statement_of_the_demo(demo: Fund) -> None:
    span = {"first_day": demo.opened_on, "last_day": demo.business_date - timedelta(days=1)}
    subjects: list[Subject] = [
        *Facility.objects.order_by("number"),
        *Loan.objects.order_by("number"),
        *Partner.objects.filter(facilities__fund=demo).distinct(),
    ]
    assert len(subjects) > 60
    apart = {
        subject.number: found
        for subject in subjects
        if (found := differences(csv_format.render(statement_for(subject=subject, **span))))
    }
    assert apart == {}
