"""The interest statement of a partner, a facility or a loan, over booking dates."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal

from loanfund.audit.errors import Refused
from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.models import Facility, Fund
from loanfund.facilities.selectors import terms_on
from loanfund.reporting.selectors import details, loans, movements
from loanfund.reporting.selectors.movements import Move
from loanfund.reporting.selectors.scopes import ONE_DAY, Scope, Subject, partner_of, require_closed, scopes_of
from loanfund.reporting.statement import AllocationLine, Balances, DueLine, InterestLine, Line, Statement

ZERO = Decimal(0)


class DoesNotTie(Refused):
    """A statement whose lines do not make its closing balance, or whose balance is not the ledger's: never shown."""


@dataclass
class _Part:
    """What one scope adds to a statement."""

    scope: Scope
    opening: Balances
    closing: Balances
    moves: list[Move]
    interest: list[InterestLine]
    allocations: list[AllocationLine]
    dues: list[DueLine]
    ahead: list[DueLine]


def facility_statement(*, facility: Facility, first_day: date, last_day: date) -> Statement:
    """`statement_for` a facility."""
    return statement_for(subject=facility, first_day=first_day, last_day=last_day)


def statement_for(
    *, subject: Subject, first_day: date, last_day: date, known_at: datetime | None = None
) -> Statement:
    """The interest statement of a partner, facility or loan over booking dates, both included.

    What is booked on a day that is closed never changes, so a statement as known at `known_at` is the one of today, if its
    last day was closed by then; otherwise it is refused, as is a period that is not over or runs backwards. Raises
    DoesNotTie when the lines do not tie to the balances of the book.
    """
    partner = partner_of(subject)
    scopes = scopes_of(subject, last_day)
    fund = Fund.objects.get(pk=scopes[0].facility.fund_id)
    require_closed(fund, first_day, last_day, known_at)
    problems: list[str] = []
    parts = [_part(scope, first_day, last_day, problems) for scope in scopes]
    opening = _added([part.opening for part in parts])
    decimals = currency_of(fund.currency).decimals
    statement = Statement(
        fund=fund.name,
        partner_number=partner.number,
        partner_name=partner.legal_name,
        scope=subject.number,
        currency=fund.currency,
        decimals=decimals,
        first_day=first_day,
        last_day=last_day,
        business_date=last_day,
        opening=opening,
        closing=_added([part.closing for part in parts]),
        lines=_lines(parts, opening.owed, Decimal(1).scaleb(-decimals)),
        interest=tuple(line for part in parts for line in part.interest),
        allocations=tuple(line for part in parts for line in part.allocations),
        dues=_by_day(part.dues for part in parts),
        ahead=_by_day(part.ahead for part in parts),
    )
    problems += statement.problems()
    if problems:
        raise DoesNotTie(
            f"The statement of {subject.number} does not tie to the ledger, so it is not shown. "
            f"{' '.join(problems)} Tell finance.",
            code="does_not_tie",
        )
    return statement


def _part(scope: Scope, first_day: date, last_day: date, problems: list[str]) -> _Part:
    facility, before = scope.facility, first_day - ONE_DAY
    if scope.only:
        opening = _of_loan(scope, before, problems)
        closing = _of_loan(scope, last_day, problems)
        moves = list(loans.loan_moves(scope, scope.only, first_day, last_day))
    else:
        opening, closing = movements.balances(scope, before), movements.balances(scope, last_day)
        moves = [
            *movements.entry_moves(scope, first_day, last_day),
            *movements.accrual_moves(scope, first_day, last_day),
            *movements.beside_moves(scope, first_day, last_day),
        ]
    return _Part(
        scope=scope,
        opening=opening,
        closing=closing,
        moves=moves,
        interest=list(details.interest(scope, terms_on(facility, last_day), first_day, last_day)),
        allocations=list(details.allocations(scope, first_day, last_day)),
        dues=list(details.dues(scope, last_day)),
        ahead=list(details.ahead(scope, last_day)),
    )


def _of_loan(scope: Scope, day: date, problems: list[str]) -> Balances:
    """A loan's balances; a problem where those of all the facility's loans do not make the facility's in the ledger."""
    assert scope.only is not None
    facility = scope.facility
    each = loans.loan_balances(facility, day)
    whole = movements.balances(Scope(facility, dict(facility.loans.values_list("pk", "number"))), day)
    together = _added(list(each.values()))
    for name in ("principal", "capitalised_interest", "accrued_interest", "interest_due"):
        if getattr(together, name) != getattr(whole, name):
            problems.append(
                f"On {day} the loans of {facility.number} have {getattr(together, name)} of "
                f"{name.replace('_', ' ')}, the facility {getattr(whole, name)}."
            )
    return each[scope.only.pk]


def _by_day(parts: Iterable[list[DueLine]]) -> tuple[DueLine, ...]:
    return tuple(sorted((due for part in parts for due in part), key=lambda due: due.due_date))


def _added(parts: list[Balances]) -> Balances:
    return Balances(
        **{field.name: sum((getattr(part, field.name) for part in parts), ZERO) for field in fields(Balances)}
    )


def _lines(parts: list[_Part], owed: Decimal, places: Decimal) -> tuple[Line, ...]:
    moves = [(part.scope.facility.number, move) for part in parts for move in part.moves]
    lines = []
    for facility, move in sorted(moves, key=lambda one: _order(*one)):
        amount = move.amount.quantize(places)
        owed += amount
        lines.append(
            Line(
                booking_date=move.booking_date,
                value_date=move.value_date,
                facility=facility,
                loan=move.loan,
                kind=move.kind,
                text=move.text,
                debit=max(amount, ZERO),
                credit=max(-amount, ZERO),
                balance=owed,
                reference=move.reference,
                estimated=move.estimated,
            )
        )
    return tuple(lines)


def _order(facility: str, move: Move) -> tuple[object, ...]:
    return (
        move.booking_date, move.order, move.value_date, facility, move.loan, move.text, move.reference, move.amount,
    )  # fmt: skip
