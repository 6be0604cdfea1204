"""Events of `calculation` about to be stored: one maker for each thing that can happen to a facility.

The sender's id is the human number of what caused the event, so that it is the same however often it is tried.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from loanfund.audit.errors import Refused
from loanfund.calculation import events as of
from loanfund.calculation.events import event_from_document
from loanfund.calculation.profiles import PrepaymentEffect
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.reference.selectors import calendar
from loanfund.servicing.models import Event, Instruction, Loan, ReceiptShare, Refund

Kind = Instruction.Kind


@dataclass(frozen=True)
class NewEvent:
    """An event about to be stored, with the rows that it is about."""

    event: of.Event
    loan_id: int | None = None
    reverses: Event | None = None
    cause: str = ""

    @property
    def document(self) -> dict[str, Any]:
        return self.event.to_document()


def stored(row: Event) -> of.Event:
    """The calculation's event of a stored row, with when it was booked and known."""
    return event_from_document(
        row.document | {"booked_on": row.booking_date.isoformat(), "known_at": row.known_at.isoformat()},
        calendar,
    )


def disbursed(loan: Loan) -> NewEvent:
    """The loan begins."""
    event = of.Disbursed(
        id=f"{loan.number}:disbursed",
        value_date=loan.disbursed_on,
        loan=loan.number,
        amount=loan.amount,
        maturity=loan.maturity,
    )
    return NewEvent(event, loan_id=loan.pk, cause=f"drawdown:{loan.drawdown_id}")


def received(share: ReceiptShare) -> NewEvent:
    """One facility's share of a receipt."""
    event = of.Received(
        id=f"{share.receipt.number}:{share.pk}", value_date=share.receipt.value_date, amount=share.amount
    )
    return NewEvent(event, cause=f"receipt:{share.receipt_id}")


def refunded(refund: Refund, on: date) -> NewEvent:
    """Unapplied money is to be sent back."""
    return NewEvent(
        of.Refunded(id=refund.number, value_date=on, amount=refund.amount), cause=f"refund:{refund.pk}"
    )


def reversed_event(event: Event, *, cause: str = "") -> NewEvent:
    """An event that never was."""
    undo = of.Reversed(id=f"{event.key}:reversed", value_date=event.value_date, of=event.key)
    return NewEvent(undo, loan_id=event.loan_id, reverses=event, cause=cause)


def _loan(instruction: Instruction) -> str:
    if instruction.loan is None:
        raise Refused("Name the loan.", field="loan")
    return instruction.loan.number


def _amount(instruction: Instruction) -> Decimal:
    if instruction.amount is None:
        raise Refused("Give the amount.", field="amount")
    return instruction.amount


def _prepayment(instruction: Instruction, base: dict[str, Any]) -> of.Event:
    effect = instruction.details.get("effect")
    return of.PrepaymentNotice(
        **base,
        loan=_loan(instruction),
        amount=_amount(instruction),
        effect=PrepaymentEffect(effect) if effect else None,
    )


def _holiday(instruction: Instruction, base: dict[str, Any]) -> of.Event:
    return of.PaymentHoliday(
        **base,
        loan=_loan(instruction),
        until=date.fromisoformat(instruction.details["until"]),
        capitalise_interest=bool(instruction.details.get("capitalise_interest", False)),
    )


def _waiver(instruction: Instruction, base: dict[str, Any]) -> of.Event:
    return of.Waived(
        **base,
        component=Component(instruction.details["component"]),
        amount=_amount(instruction),
        loan=instruction.loan.number if instruction.loan else "",
    )


def _reversal(instruction: Instruction, base: dict[str, Any]) -> of.Event:
    return of.Reversed(**base, of=instruction.details["event"])


_MAKERS: dict[str, Callable[[Instruction, dict[str, Any]], of.Event]] = {
    Kind.PREPAYMENT: _prepayment,
    Kind.CANCELLATION: lambda i, base: of.CommitmentCancelled(**base, amount=_amount(i)),
    Kind.AMENDMENT: lambda i, base: of.Amended(
        **base, terms=FacilityTerms.from_document(i.details["terms"], calendar)
    ),
    Kind.PAYMENT_HOLIDAY: _holiday,
    Kind.CAPITALISATION: lambda i, base: of.Capitalised(**base, loan=_loan(i)),
    Kind.WAIVER: _waiver,
    Kind.COST: lambda i, base: of.Charged(
        **base, component=Component(i.details.get("component", "costs")), amount=_amount(i)
    ),
    Kind.ACCELERATION: lambda i, base: of.Accelerated(**base),
    Kind.NON_ACCRUAL: lambda i, base: of.NonAccrual(**base, on=bool(i.details["on"])),
    Kind.WRITE_OFF: lambda i, base: of.WrittenOff(**base, loan=i.loan.number if i.loan else ""),
    Kind.RECOVERY: lambda i, base: of.Recovered(**base, amount=_amount(i)),
    Kind.REVERSAL: _reversal,
}


def from_instruction(instruction: Instruction) -> NewEvent:
    """The event of an instruction. Its details: prepayment {effect}; amendment {terms}; payment_holiday {until,
    capitalise_interest}; waiver and cost {component}; non_accrual {on}; reversal {event}. Refused, naming what is wrong."""
    base = {"id": instruction.number, "value_date": instruction.value_date}
    try:
        event = _MAKERS[instruction.kind](instruction, base)
    except KeyError as error:
        raise Refused(f"Give {error.args[0]}.", field=str(error.args[0])) from error
    except ValueError as error:
        raise Refused(f"This cannot be: {error}") from error
    reverses = None
    if instruction.kind == Kind.REVERSAL:
        reverses = Event.objects.get(facility=instruction.facility, key=instruction.details["event"])
        undoing = Event.objects.filter(reverses=reverses).first()
        if undoing is not None:
            raise Refused(
                f"{reverses.key} was undone by {undoing.key} on {undoing.booking_date:%d %B %Y}. To have it count again, "
                f"undo {undoing.key}."
            )
    return NewEvent(
        event, loan_id=instruction.loan_id, reverses=reverses, cause=f"instruction:{instruction.pk}"
    )
