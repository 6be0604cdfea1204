"""The committee room in tests: the cast's people at their browsers without script."""

from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from loanfund.origination import services
from loanfund.origination.models import Application, Proposal
from tests.office.desks import send, sign_in
from tests.origination.cast import Cast

ROOM = "/office/applications/"


def at(application: Application) -> str:
    """The page of an application."""
    return f"{ROOM}{application.number}/"


def before(proposal: Proposal) -> str:
    """The page of a proposal."""
    return f"/office/proposals/{proposal.number}/"


def submitted(cast: Cast, **values: Any) -> Application:
    """An application that the partner has just handed in."""
    application = cast.application(**values)
    services.submit_application(application=application, actor=cast["pia"], on=cast.day)
    application.refresh_from_db()
    return application


class Desks:
    """A browser for each of the cast, opened when first asked for."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.open: dict[str, Client] = {}

    def __getitem__(self, name: str) -> Client:
        if name not in self.open:
            self.open[name] = sign_in(self.cast[name])
        return self.open[name]

    def vote(self, name: str, proposal: Proposal, choice: str, reason: str = "as I see it") -> Any:
        """Send one ballot."""
        return send(self[name], before(proposal), "vote", choice=choice, reason=reason, seen=proposal.digest)


def queries(client: Client, address: str) -> int:
    """How many queries a page takes."""
    with CaptureQueriesContext(connection) as caught:
        assert client.get(address).status_code == 200, address
    return len(caught)
