"""The statements of a month: made once its last day is closed, kept byte for byte, and announced.

Done on a worker after the close, so that no close waits for it. Each partner's month is one transaction with its files and
its notices, under a key that is kept (`audit.idempotency.once`): a task that runs twice makes nothing twice, and the next
one goes on where a killed one was.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from loanfund.audit.errors import InFlight, Refused
from loanfund.audit.idempotency import Answer, content_digest, once
from loanfund.audit.services import record
from loanfund.calculation.money import currency
from loanfund.facilities.models import Facility, Fund
from loanfund.parties.models import Partner, User
from loanfund.parties.services import notify_partner
from loanfund.reporting.models import MonthFile, MonthStatement, StatementExport
from loanfund.reporting.selectors import statement_for
from loanfund.reporting.selectors.monthly import MADE, closed_when, made_already, made_key, months_over
from loanfund.reporting.services.statements import FORMATS, Export, hand_out, require_reader
from loanfund.reporting.statement import LAYOUT, Balances, Statement

KEPT = ("pdf", "xlsx", "csv")
"""The forms in which a month's statement is kept."""
MADE_UP_FOR = ("csv",)
"""The forms made at once for a month before the newest; its others are made when first taken out, and kept then."""
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Month:
    fund: Fund
    last_day: date
    known_at: datetime
    on: date
    newest: bool

    @property
    def first_day(self) -> date:
        return self.last_day.replace(day=1)


def make_months(*, fund: Fund, on: date, most: int) -> bool:
    """Make what is missing of the statements of the months closed before business date `on`, the newest month first.

    At most `most` partners are taken up in one go; False while something is left. Only the newest month is announced. A
    statement that does not tie is not made: it is logged, holds up nobody, and is tried again.
    """
    months = months_over(fund)
    whole = {last: f"month:{fund.pk}:{last:%Y-%m}" for last in months}
    done = made_already(whole.values())
    for last in months:
        known_at = closed_when(fund, last)
        if whole[last] in done or known_at is None:
            continue
        month = _Month(fund, last, known_at, on, newest=last == months[0])
        left = _left(month)
        sound = [_once(key, partner, month) for key, partner in left[:most]]
        most -= len(sound)
        if len(sound) < len(left) or not all(sound):
            return False
        once(scope=MADE, key=whole[last], digest=content_digest(whole[last]), act=lambda: Answer(200, None))
    return True


def _left(month: _Month) -> list[tuple[str, Partner]]:
    signed = Partner.objects.filter(facilities__fund=month.fund, facilities__signed_on__lte=month.last_day)
    keys = {
        made_key(partner.pk, month.fund.pk, month.last_day): partner
        for partner in signed.distinct().order_by("pk")
    }
    done = made_already(keys)
    return [(key, partner) for key, partner in keys.items() if key not in done]


def _once(key: str, partner: Partner, month: _Month) -> bool:
    """Whether the partner's month is seen to, now or before; not while another worker is at it, or what it states does
    not tie."""

    def act() -> Answer:
        made = [_make(subject, month) for subject in _subjects(partner, month)]
        found = [one for one in made if one is not None]
        if found and month.newest:
            _announce(partner, found, month)
        return Answer(200, None)

    try:
        once(scope=MADE, key=key, digest=content_digest(key), act=act)
    except InFlight:
        return False
    except Refused as refused:
        logger.error(
            "statement of %s for %s is not made: %s", partner.number, month.last_day, refused.sentence
        )
        return False
    return True


def _subjects(partner: Partner, month: _Month) -> list[Partner] | list[Facility]:
    """The partner; each of its facilities in this fund, when it borrows from several."""
    signed = partner.facilities.filter(signed_on__lte=month.last_day)
    if signed.values("fund").distinct().count() == 1:
        return [partner]
    return list(signed.filter(fund=month.fund).order_by("number"))


def _make(subject: Partner | Facility, month: _Month) -> MonthStatement | None:
    """The month's statement and its files; None when the month had nothing to state."""
    first, last = month.first_day, month.last_day
    statement = statement_for(subject=subject, first_day=first, last_day=last, known_at=month.known_at)
    nothing = Balances()
    if not statement.lines and statement.opening == nothing and statement.closing == nothing:
        return None
    made = MonthStatement.objects.create(
        fund=month.fund,
        partner=subject if isinstance(subject, Partner) else subject.partner,
        of=type(subject).__name__.lower(),
        number=subject.number,
        first_day=first,
        last_day=last,
        known_at=month.known_at,
        layout=LAYOUT,
        document_digest=statement.digest(),
        currency=statement.currency,
        owed=statement.closing.owed,
        made_on=month.on,
    )
    files = [_keep(made, statement, fmt) for fmt in (KEPT if month.newest else MADE_UP_FOR)]
    after = {"number": made.number, "last_day": last, "document_digest": made.document_digest}
    after["files"] = {file.fmt: file.sha256 for file in files}
    record(actor=None, action="month_statement.made", obj=made, on=month.on, after=after)
    return made


def _keep(made: MonthStatement, statement: Statement, fmt: str) -> MonthFile:
    content = FORMATS[fmt][1](statement)
    file = MonthFile(statement=made, fmt=fmt, content=content, sha256=hashlib.sha256(content).hexdigest())
    # Two who are the first to take it out at once render the same bytes; one of them is kept.
    MonthFile.objects.bulk_create([file], ignore_conflicts=True)
    return file


def _announce(partner: Partner, made: list[MonthStatement], month: _Month) -> None:
    owed = ", ".join(
        f"{one.owed:,.{currency(one.currency).decimals}f} {one.currency}"
        + (f" under {one.number}" if one.of == StatementExport.Of.FACILITY else "")
        for one in made
    )
    last = month.last_day
    notify_partner(
        partner=partner,
        kind="statement",
        key=f"statement:{partner.pk}:{last:%Y-%m}"
        if made[0].of == StatementExport.Of.PARTNER
        else f"statement:{partner.pk}:{month.fund.pk}:{last:%Y-%m}",
        subject=f"Your statement of {last:%B %Y} is ready",
        body=f"Interest, payments and balances of {last:%B %Y} are closed. At the end of {last.day} {last:%B %Y} you owed "
        f"{owed}. The statement is kept as PDF, XLSX and CSV.",
        link=f"/partners/{partner.number}/statements/",
        on=month.on,
    )


@transaction.atomic
def take_month(*, statement: MonthStatement, fmt: str, actor: User, on: date) -> Export:
    """The kept file of a month's statement as "pdf", "xlsx" or "csv", for members of the partner and `READERS`.

    Leaves a row and an event like every export. Refused with a sentence: no right, an unknown format, bytes that are not the
    ones that were kept, or a form not made yet whose content the books no longer give.
    """
    require_reader(actor, statement.partner)
    if fmt not in KEPT:
        raise Refused(f"Choose one of {', '.join(KEPT)}.", field="format")
    content = _content(statement, fmt)
    export = StatementExport(
        fund=statement.fund,
        partner=statement.partner,
        of=statement.of,
        number=statement.number,
        first_day=statement.first_day,
        last_day=statement.last_day,
        known_at=statement.known_at,
        fmt=fmt,
        layout=statement.layout,
        document_digest=statement.document_digest,
        made_by=actor,
        made_on=on,
    )
    return hand_out(export=export, content=content)


def _content(kept: MonthStatement, fmt: str) -> bytes:
    file = kept.files.filter(fmt=fmt).first()
    if file is None:
        subject = kept.partner if kept.of == StatementExport.Of.PARTNER else _facility(kept)
        statement = statement_for(
            subject=subject, first_day=kept.first_day, last_day=kept.last_day, known_at=kept.known_at
        )
        if statement.digest() != kept.document_digest:
            raise Refused(
                f"The {fmt.upper()} of {kept} cannot be made: its content differs from what was kept. "
                "Take the CSV, which is kept, and tell the lender."
            )
        file = _keep(kept, statement, fmt)
    content = bytes(file.content)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Refused(f"The {fmt.upper()} of {kept} is not the one that was kept. Tell the lender.")
    return content


def _facility(kept: MonthStatement) -> Facility:
    return Facility.objects.get(number=kept.number, fund=kept.fund)
