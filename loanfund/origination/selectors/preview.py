"""What a loan on given terms would cost, by the function that books it: a replay of a drawing paid on every due day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from loanfund.audit.errors import Refused
from loanfund.calculation.calendars import Calendar
from loanfund.calculation.events import Disbursed, Received
from loanfund.calculation.facility import Refusal, replay
from loanfund.calculation.money import minor_to_decimal
from loanfund.calculation.rates import FixingMissing, Fixings, OvernightRate, ZeroUntil
from loanfund.calculation.terms import Component, FacilityTerms
from loanfund.calculation.yields import NoRate, xirr
from loanfund.facilities.models import Fund
from loanfund.facilities.selectors import policy_in_force
from loanfund.origination.terms import checked_deal, facility_terms
from loanfund.reference.selectors import calendar, fixings

LOAN = "preview"


@dataclass(frozen=True)
class PreviewRow:
    """What falls due on one day, in the fund's currency, and the principal that is left after it."""

    number: int
    due_on: date
    principal: Decimal
    interest: Decimal
    fees: Decimal
    payment: Decimal
    balance: Decimal


@dataclass(frozen=True)
class Preview:
    """The whole schedule of one drawing of everything on `drawn_on`, and what it adds up to, in the fund's currency.

    `effective_rate` is the fraction a year at which all that is paid is worth what is lent (ACT/365F); None when there is
    none. `estimated` says that a floating rate was carried forward at its last published value.
    """

    rows: tuple[PreviewRow, ...]
    drawn_on: date
    amount: Decimal
    total_principal: Decimal
    total_interest: Decimal
    total_fees: Decimal
    effective_rate: Decimal | None
    estimated: bool

    @property
    def total_paid(self) -> Decimal:
        return self.total_principal + self.total_interest + self.total_fees

    def to_document(self) -> dict[str, Any]:
        """The schedule as plain values, for an offer's text."""
        return {
            "drawn_on": self.drawn_on,
            "rows": [vars(row) for row in self.rows],
            "total_principal": self.total_principal,
            "total_interest": self.total_interest,
            "total_fees": self.total_fees,
            "effective_rate": self.effective_rate,
            "estimated": self.estimated,
        }


def preview_terms(
    *,
    fund: Fund,
    amount: Decimal,
    tenor_months: int,
    profile: str,
    on: date,
    changes: Mapping[str, Any] | None = None,
) -> Preview:
    """The schedule of `amount` (fund currency) over `tenor_months` by an application's `profile`, drawn at once.

    Everything else is the policy's pricing, or `changes` (see terms.DEAL: rate, reference and margin, period, fees ...).
    Refused, naming the field, when the terms cannot be.
    """
    pricing = policy_in_force(fund, on).pricing
    asked = {"tenor_months": tenor_months, "profile": profile, "revolving": False}
    deal = checked_deal({**pricing, **asked, **(changes or {})})
    return preview_deal(fund=fund, amount=amount, deal=deal, signed_on=on)


def preview_deal(*, fund: Fund, amount: Decimal, deal: Mapping[str, Any], signed_on: date) -> Preview:
    """The schedule of a whole deal signed on `signed_on` and drawn after the policy's notice."""
    terms = facility_terms(fund=fund, amount=amount, deal=deal, signed_on=signed_on)
    notice = policy_in_force(fund, signed_on).drawdown_notice_days
    drawn_on = min(calendar(fund.calendar).add_business_days(signed_on, notice), terms.availability_end)
    return preview_facility(terms, drawn_on=drawn_on)


def preview_facility(terms: FacilityTerms, *, drawn_on: date) -> Preview:
    """The schedule of drawing a facility's whole commitment on `drawn_on` and paying every due on its day."""
    # Money paid in ahead stays unapplied and pays each due on its own day: so the replay is that of a punctual payer.
    events = [
        Received(id="paid", value_date=terms.signed_on, amount=terms.commitment * 10),
        Disbursed(id="drawn", value_date=drawn_on, loan=LOAN, amount=terms.commitment),
    ]
    through = terms.payment_calendar.add_business_days(terms.maturity, 5)
    known, estimated = _projected(terms, through)
    try:
        history = replay(terms, events, known, through)
    except (Refusal, FixingMissing, ValueError) as error:
        raise Refused(f"These terms do not work: {error}", field="terms") from error
    minor: dict[date, dict[Component, int]] = {}
    for due in history.dues:
        sums = minor.setdefault(due.due_date, dict.fromkeys(Component, 0))
        sums[due.component] += due.amount
    left, rows = terms.commitment, []
    for number, day in enumerate(sorted(minor), start=1):
        owed = {part: minor_to_decimal(amount, terms.currency) for part, amount in minor[day].items()}
        interest = owed[Component.INTEREST] + owed[Component.DEFAULT_INTEREST]
        fees = owed[Component.FEES] + owed[Component.COSTS]
        principal = owed[Component.PRINCIPAL]
        left -= principal
        rows.append(PreviewRow(number, day, principal, interest, fees, principal + interest + fees, left))
    zero = minor_to_decimal(0, terms.currency)
    return Preview(
        rows=tuple(rows),
        drawn_on=drawn_on,
        amount=terms.commitment,
        total_principal=sum((row.principal for row in rows), zero),
        total_interest=sum((row.interest for row in rows), zero),
        total_fees=sum((row.fees for row in rows), zero),
        effective_rate=_effective_rate(drawn_on, terms.commitment, rows),
        estimated=estimated,
    )


def _effective_rate(drawn_on: date, amount: Decimal, rows: Sequence[PreviewRow]) -> Decimal | None:
    """To six decimals: it is shown, never booked."""
    flows = [(drawn_on, -amount), *((row.due_on, row.payment) for row in rows if row.payment)]
    try:
        return xirr(flows).rate.quantize(Decimal("0.000001"))
    except NoRate:
        return None


def _projected(terms: FacilityTerms, through: date) -> tuple[Fixings, bool]:
    """The fixings that the terms need, the last published value standing for every day to come."""
    rate = terms.rate.then if isinstance(terms.rate, ZeroUntil) else terms.rate
    if not isinstance(rate, OvernightRate):
        return Fixings(), False
    published = dict(fixings(rate.reference).values[rate.reference])
    if not published:
        raise Refused(f"No fixing of {rate.reference} is known yet. Import them first.", field="reference")
    newest = max(published)
    for day in _business_days(rate.publication_calendar, newest, through):
        published[day] = published[newest]
    return Fixings({rate.reference: published}), newest < through


def _business_days(days: Calendar, after: date, through: date) -> list[date]:
    span = (after + timedelta(days=n) for n in range(1, (through - after).days + 1))
    return [day for day in span if days.is_business_day(day)]
