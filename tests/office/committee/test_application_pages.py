"""The queue and the page of an application: what an analyst finds there and may do."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loanfund.origination.models import Application
from loanfund.origination.models.states import State
from tests.office.desks import offers, said, send, sign_in, text_of
from tests.origination.cast import Cast, make_cast

pytestmark = pytest.mark.django_db
QUEUE = "/office/applications/"


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def submitted(cast: Cast, **values: Any) -> tuple[Application, str]:
    from loanfund.origination import services

    application = cast.application(**values)
    services.submit_application(application=application, actor=cast["pia"], on=cast.day)
    application.refresh_from_db()
    return application, f"{QUEUE}{application.number}/"


def test_an_analyst_takes_an_application_up_and_asks_and_the_partner_is_awaited(cast: Cast) -> None:
    application, path = submitted(cast)
    anna = sign_in(cast["anna"])
    assert application.number in text_of(anna.get(QUEUE))
    assert "is in your check" in said(anna, send(anna, path, "start"))
    page = said(anna, send(anna, path, "ask", text="Which venue holds the rest?", due_on=""))
    assert "The partner is asked" in page
    assert "Which venue holds the rest?" in page
    application.refresh_from_db()
    assert (application.state, application.analyst) == (State.INFORMATION_REQUESTED, cast["anna"])
