"""Who sits at the desk: the person asking, their roles, and the fund's business date."""

from dataclasses import dataclass
from datetime import date
from typing import TypedDict

from django.http import HttpRequest

from loanfund.facilities.models import Fund
from loanfund.office.pages import the_fund
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.servicing.rights import Right, Row, step_of

MAKERS_AND_CHECKERS = (roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER)
DESK = (*MAKERS_AND_CHECKERS, roles.FINANCE)
CREDIT = (roles.ANALYST, roles.COMMITTEE_MEMBER, roles.CHAIR)
"""Who decided on the loans and may see how they run."""


class Gate(TypedDict):
    """Whether the person's roles allow an act, and whether the row is ready for it by this person."""

    right: bool
    ready: bool


@dataclass(frozen=True)
class Seat:
    """One person at a page of the office, read once a request."""

    user: User
    held: frozenset[str]
    fund: Fund

    @property
    def on(self) -> date:
        """The business date, which every service is told."""
        return self.fund.business_date

    def holds(self, *names: str) -> bool:
        """Whether the person has one of these roles."""
        return bool(self.held & set(names))

    def may(self, right: Right) -> bool:
        """Whether the person's roles give them this right of servicing."""
        return self.holds(*right.lender)

    def gate(self, service: str, row: Row) -> Gate:
        """What servicing's table says of one step with one row, without asking the database."""
        step = step_of(service, row, self.user)
        others = [getattr(row, f"{name}_id") for name in step.others]
        return Gate(right=self.may(step.right), ready=row.state in step.states and self.second(*others))

    def barred(self, service: str, row: Row) -> bool:
        """Whether nothing but having acted before keeps this person from the step."""
        step = step_of(service, row, self.user)
        return self.may(step.right) and row.state in step.states and not self.gate(service, row)["ready"]

    def second(self, *others: int | None) -> bool:
        """Whether the person is none of those who acted before."""
        return self.user.pk not in others


def take_seat(request: HttpRequest) -> Seat:
    """The person asking, at the one fund of the office."""
    user = request.user
    assert isinstance(user, User)
    return Seat(user, frozenset(user.groups.values_list("name", flat=True)), the_fund())
