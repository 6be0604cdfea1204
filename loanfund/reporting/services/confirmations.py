"""Confirming balances to a borrower's auditors: made from a statement that ties, kept by its digest, given as the answer."""

import io
from datetime import date, datetime

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.parties.models import User
from loanfund.parties.services import store_file
from loanfund.reporting.confirmation_pdf import render
from loanfund.reporting.selectors import statement_for
from loanfund.servicing.models import BorrowerRequest
from loanfund.servicing.rights import must_take
from loanfund.servicing.services import answer_request


@transaction.atomic
def confirm_balance(
    *, request: BorrowerRequest, answer: str, actor: User, on: date, now: datetime
) -> BorrowerRequest:
    """Make the confirmation that a borrower asked for and answer with it. Refused when the books of the day do not tie."""
    if request.kind != BorrowerRequest.Kind.BALANCE_CONFIRMATION:
        raise Refused(f"{request.number} asks for no confirmation.")
    must_take("answer_request", request, actor=actor)
    facility = request.facility
    statement = statement_for(subject=facility, first_day=request.day, last_day=request.day)
    content = render(facility=facility, statement=statement, number=request.number, purpose=request.text)
    stored = store_file(
        name=f"confirmation-{request.number}-{request.day.isoformat()}.pdf",
        size=len(content),
        content=io.BytesIO(content),
        partner=facility.partner,
        actor=actor,
        on=on,
        now=now,
    )
    return answer_request(request=request, answer=answer, confirmation=stored, actor=actor, on=on)
