"""What a statement is about: a partner, a facility or a loan, and the accounts and rows that are its."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Facility, Fund
from loanfund.facilities.postings import facility_owner, loan_owner
from loanfund.parties.models import Partner
from loanfund.servicing.models import CloseRun, Loan

Subject = Partner | Facility | Loan
ONE_DAY = timedelta(days=1)
EARLIEST = 1900
"""A first day before this year is a slip of the keyboard."""


@dataclass(frozen=True)
class Scope:
    """One facility, or one loan of it (`only`), with its loans by id."""

    facility: Facility
    loans: dict[int, str]
    only: Loan | None = None

    @property
    def owners(self) -> list[str]:
        """The owners of the accounts in the ledger."""
        return [facility_owner(self.facility.pk), *(loan_owner(pk) for pk in self.loans)]

    @property
    def number(self) -> str:
        return self.only.number if self.only else self.facility.number


def partner_of(subject: Subject) -> Partner:
    """Whose statement it is."""
    if isinstance(subject, Partner):
        return subject
    return subject.facility.partner if isinstance(subject, Loan) else subject.partner


def scopes_of(subject: Subject, last_day: date) -> list[Scope]:
    """The facilities that make up a statement, by number; a partner's are those signed by `last_day`.

    Refused for a partner without any, or with facilities of several funds: a statement has one currency.
    """
    if isinstance(subject, Loan):
        return [Scope(subject.facility, {subject.pk: subject.number}, subject)]
    if isinstance(subject, Facility):
        return [_whole(subject)]
    signed = subject.facilities.filter(signed_on__lte=last_day).select_related("fund", "partner")
    facilities = list(signed.order_by("number"))
    if not facilities:
        raise Refused(f"{subject.legal_name} had no facility by {last_day:%d %B %Y}.", field="last_day")
    if len({facility.fund_id for facility in facilities}) > 1:
        raise Refused(
            f"{subject.legal_name} borrows from several funds: take a statement of each facility.",
            field="subject",
        )
    return [_whole(facility) for facility in facilities]


def _whole(facility: Facility) -> Scope:
    return Scope(facility, dict(facility.loans.values_list("pk", "number")))


def closed_at(fund: Fund, moment: datetime) -> date | None:
    """The last business date whose close was done at a moment; None before the first."""
    done = CloseRun.objects.filter(fund=fund, state=CloseRun.State.DONE, finished_at__lte=moment)
    return done.order_by("-business_date").values_list("business_date", flat=True).first()


def require_closed(fund: Fund, first_day: date, last_day: date, known_at: datetime | None) -> None:
    """Refuse a period that runs backwards or was not over: today, or at the moment `known_at`."""
    if first_day > last_day:
        raise Refused("The period ends before it begins.", field="last_day")
    if first_day.year < EARLIEST:
        raise Refused(
            f"The fund opened on {fund.opened_on:%d %B %Y}: choose days from then on.", field="first_day"
        )
    if last_day >= fund.business_date:
        raise Refused(
            f"The books are closed through {fund.business_date - ONE_DAY:%d %B %Y}: "
            "choose that day or an earlier one.",
            field="last_day",
        )
    if known_at is None:
        return
    closed = closed_at(fund, known_at)
    if closed is None or last_day > closed:
        then = f"closed through {closed:%d %B %Y}" if closed else "not closed for any day"
        raise Refused(
            f"At {known_at:%d %B %Y %H:%M} UTC the books were {then}: choose a later moment or an earlier day.",
            field="known_at",
        )
