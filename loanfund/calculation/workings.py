"""What every step of the fold works on: the state, the factors of one reading of the fixings, and the record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from loanfund.calculation.growth import Factors
from loanfund.calculation.history import Record
from loanfund.calculation.money import decimal_to_minor
from loanfund.calculation.state import LoanState, State

Tranches = Mapping[str, tuple[tuple[int, date], ...]]
"""By the key of a due: (amount in minor units, day) of each part that a later correction added, late from its day."""


class Refusal(ValueError):
    """An event that cannot be: the sentence says why."""


@dataclass(slots=True)
class Workings:
    """One run of the fold. ``proposed`` are the ids of events that nothing was learnt after.

    A proposal that cannot be is refused. What was agreed when it was right, and of which a later correction left less,
    is carried out as far as it goes, with a note: facts always post.
    """

    state: State
    factors: Factors
    record: Record
    tranches: Tranches = field(default_factory=dict)
    proposed: frozenset[str] | None = None

    def minor(self, amount: Decimal) -> int:
        """An amount of an event in minor units."""
        return decimal_to_minor(amount, self.state.terms.currency)

    def refuse(self, event_id: str, sentence: str) -> None:
        """Refuse a proposal; of what was agreed before, note why it has no, or less, effect."""
        if self.proposed is None or event_id in self.proposed:
            raise Refusal(sentence)
        self.record.notes.append((self.state.day, f"{event_id}: {sentence}"))

    def loan_of(self, event_id: str, name: str) -> LoanState | None:
        """The loan that an event is about; refused, or None with a note, when there is none."""
        loan = self.state.loans.get(name)
        if loan is None:
            self.refuse(event_id, f"There is no loan {name} on {self.state.day}.")
        return loan
