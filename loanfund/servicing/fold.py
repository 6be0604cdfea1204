"""Between the rows of a facility and the fold of `calculation`: events in, the picture of its books out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from loanfund.facilities.models import Facility
from loanfund.servicing.models import Event, Instruction, Loan, ReceiptShare, Refund
from loanfund.servicing.picture import Picture


@dataclass(frozen=True)
class NewEvent:
    """An event about to be stored; `document` is calculation's own form of it."""

    kind: str
    key: str
    value_date: date
    document: dict[str, Any]
    loan_id: int | None = None
    reverses: Event | None = None
    cause: str = ""


def disbursed(loan: Loan) -> NewEvent:
    return NewEvent("disbursed", f"{loan.number}:disbursed", loan.disbursed_on, {}, loan_id=loan.pk)


def received(share: ReceiptShare) -> NewEvent:
    return NewEvent("received", f"{share.receipt.number}:{share.pk}", share.receipt.value_date, {})


def refunded(refund: Refund, on: date) -> NewEvent:
    return NewEvent("refunded", refund.number, on, {})


def reversed_event(event: Event, *, cause: str = "") -> NewEvent:
    return NewEvent("reversed", f"{event.key}:reversed", event.value_date, {}, reverses=event, cause=cause)


def from_instruction(instruction: Instruction) -> NewEvent:
    return NewEvent(instruction.kind, instruction.number, instruction.value_date, {})


def draw_picture(
    facility: Facility, *, through: date, end_of_day: bool = False, extra: Sequence[NewEvent] = ()
) -> Picture:
    raise NotImplementedError
