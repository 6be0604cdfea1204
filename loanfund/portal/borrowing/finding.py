"""Finding what belongs to the partner of a page: anybody else's is a 404, as a number that does not exist."""

from django.shortcuts import get_object_or_404

from loanfund.facilities.models import Facility
from loanfund.portal.access import Visit
from loanfund.servicing.models import Drawdown, Instruction, Loan


def facility_of(visit: Visit, number: str) -> Facility:
    """The partner's facility of a number."""
    found = Facility.objects.select_related("fund", "partner", "promise")
    return get_object_or_404(found, number=number, partner=visit.partner)


def loan_of(visit: Visit, number: str) -> Loan:
    """The partner's loan of a number."""
    found = Loan.objects.select_related("facility__fund", "facility__partner")
    return get_object_or_404(found, number=number, facility__partner=visit.partner)


def drawdown_of(visit: Visit, number: str) -> Drawdown:
    """The partner's drawdown of a number."""
    found = Drawdown.objects.select_related(
        "facility__fund", "facility__partner", "settlement_account", "requested_by"
    )
    return get_object_or_404(found, number=number, facility__partner=visit.partner)


def instruction_of(visit: Visit, facility: str, number: str) -> Instruction:
    """The instruction of a number under the partner's facility."""
    found = Instruction.objects.select_related("facility__fund", "facility__partner", "loan", "maker")
    return get_object_or_404(found, number=number, facility__number=facility, facility__partner=visit.partner)
