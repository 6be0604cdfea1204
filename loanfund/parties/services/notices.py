"""The outbox: what must be told is written with the change itself and sent later, once.

Mail has one moment in which nobody can know whether it went out: docs/adr/0042-a-mail-without-an-answer.md.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime, timedelta
from smtplib import SMTPException, SMTPNotSupportedError, SMTPRecipientsRefused, SMTPResponseException

from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.html import strip_tags

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties.models import Membership, Notice, Partner, User

CLAIM_MINUTES = 5
MOST_ATTEMPTS = 10
IN_DOUBT = timedelta(hours=4)
"""How long a mail that was handed over without an answer is left to an operator before it goes out again."""
TOLD = (Membership.Role.OWNER, Membership.Role.SIGNATORY, Membership.Role.PREPARER)


@transaction.atomic
def notify(
    *,
    recipients: Iterable[User],
    kind: str,
    key: str,
    subject: str,
    body: str,
    on: date,
    partner: Partner | None = None,
    link: str = "",
    by_mail: bool = True,
) -> int:
    """Write one notice a person, in the caller's transaction; the same `key` tells the same person once.

    Returns how many were asked for, whether or not they stood there already.
    """
    rows = [
        Notice(
            key=f"{key}:{person.pk}",
            recipient=person,
            partner=partner,
            kind=kind,
            subject=_line(subject),
            body=strip_tags(body),
            link=link,
            by_mail=by_mail,
            on=on,
        )
        for person in recipients
    ]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _line(subject: str) -> str:
    """A subject as mail can carry it: what people typed may hold line ends."""
    return " ".join(subject.split())[:200]


def notify_partner(
    *,
    partner: Partner,
    kind: str,
    key: str,
    subject: str,
    body: str,
    on: date,
    link: str = "",
    roles: Iterable[str] = TOLD,
) -> int:
    """Tell the people of a partner who act for it."""
    people = User.objects.filter(
        is_active=True,
        memberships__partner=partner,
        memberships__ended_on__isnull=True,
        memberships__role__in=list(roles),
    ).distinct()
    return notify(
        recipients=people, kind=kind, key=key, subject=subject, body=body, on=on, partner=partner, link=link
    )


def notify_address(
    *, address: str, kind: str, key: str, subject: str, body: str, link: str, on: date
) -> None:
    """Write one mail to somebody who may not sign in yet; its link is forgotten once it is sent."""
    row = Notice(
        key=key, address=address, kind=kind, subject=_line(subject), body=strip_tags(body), link=link, on=on
    )
    Notice.objects.bulk_create([row], ignore_conflicts=True)


def claim_notices(*, now: datetime, limit: int = 50) -> list[int]:
    """Claim waiting notices for one sender by conditional UPDATE; a claim that ran out may be taken again, and so may a mail
    that was handed over `IN_DOUBT` ago without an answer.

    Returns their ids; two senders never hold the same one.
    """
    free = Q(state=Notice.State.WAITING, not_before__lte=now) | Q(
        state__in=[Notice.State.CLAIMED, Notice.State.HANDED], claimed_until__lt=now
    )
    with transaction.atomic():
        ids = list(
            Notice.objects.filter(free)
            .select_for_update(skip_locked=True)
            .order_by("not_before", "id")
            .values_list("id", flat=True)[:limit]
        )
        Notice.objects.filter(pk__in=ids).update(
            state=Notice.State.CLAIMED, claimed_until=now + timedelta(minutes=CLAIM_MINUTES)
        )
    return ids


def send_claimed(*, notice_id: int, base_url: str, now: datetime) -> bool:
    """Send one claimed notice by mail and mark it sent; on a refusal it waits longer each time, at last as failed.

    Each step is committed by itself: the mail is marked as handed over before the server can take it, and the server's
    answer is kept as soon as it is here. Without an answer it stays handed over: nobody can know whether it went out.
    """
    notice = (
        Notice.objects.select_related("recipient", "partner")
        .filter(pk=notice_id, state=Notice.State.CLAIMED)
        .first()
    )
    if notice is None:
        return False
    if not notice.by_mail:
        return _hand_over(notice, now) and _sent(notice, now)
    try:
        message = _mail(notice, base_url)
        link = get_connection()
        # Whatever is wrong with the mail itself, or with the way to the server, shows before anything is handed over.
        message.message()
        link.open()
    except Exception as error:  # whatever is wrong with one mail, those behind it go out
        if _hand_over(notice, now):
            _not_sent(notice, error, now)
        return False
    try:
        if not _hand_over(notice, now):
            return False
        link.send_messages([message])
    except (SMTPResponseException, SMTPRecipientsRefused, SMTPNotSupportedError) as error:
        _not_sent(notice, error, now)
        return False
    except Exception as error:  # the line went dead before the answer
        _of(notice).update(last_error=f"No answer from the mail server: {error}"[:300])
        return False
    finally:
        _close(link)
    return _sent(notice, now)


def _hand_over(notice: Notice, now: datetime) -> bool:
    """Whether it is this sender that hands it over; of two whose claims overlap it is the first."""
    claimed = Notice.objects.filter(pk=notice.pk, state=Notice.State.CLAIMED, attempts=notice.attempts)
    notice.attempts += 1
    changes = {"state": Notice.State.HANDED, "attempts": notice.attempts, "claimed_until": now + IN_DOUBT}
    return claimed.update(**changes) == 1


def _of(notice: Notice) -> QuerySet[Notice]:
    """The notice as this sender handed it over, unless somebody has decided about it since."""
    return Notice.objects.filter(pk=notice.pk, state=Notice.State.HANDED, attempts=notice.attempts)


def _sent(notice: Notice, now: datetime) -> bool:
    _of(notice).update(
        state=Notice.State.SENT, sent_at=now, last_error="", claimed_until=None, **_way(notice)
    )
    return True


def _not_sent(notice: Notice, error: Exception, now: datetime) -> None:
    spent = notice.attempts >= MOST_ATTEMPTS
    _of(notice).update(
        state=Notice.State.FAILED if spent else Notice.State.WAITING,
        not_before=now + timedelta(minutes=2**notice.attempts),
        last_error=f"{error}"[:300] or type(error).__name__,
        claimed_until=None,
        **(_way(notice) if spent else {}),
    )


def _way(notice: Notice) -> dict[str, str]:
    """The link once all is done: one to somebody who may not sign in holds the way in for whoever has the mail, and is kept
    no longer than it takes to send it."""
    return {"link": ""} if notice.recipient is None else {}


def _close(link: BaseEmailBackend) -> None:
    # The answer is here already: a line that breaks on saying goodbye changes nothing.
    with suppress(OSError, SMTPException):
        link.close()


def _mail(notice: Notice, base_url: str) -> EmailMessage:
    way = notice.link or (f"/partners/{notice.partner.number}/notices/" if notice.partner else "")
    link = f"\n\n{base_url}{way}" if way else ""
    return EmailMessage(
        subject=notice.subject,
        body=f"{notice.body}{link}\n",
        to=[notice.recipient.email if notice.recipient else notice.address],
        # The same notice has the same id: a mail system that sees it twice can tell.
        headers={"Message-ID": f"<notice-{notice.pk}@loanfund>"},
    )


def in_doubt(now: datetime) -> QuerySet[Notice]:
    """Mails that were handed over so long ago that no sender waits for the answer any more, the oldest first."""
    since = now + IN_DOUBT - timedelta(minutes=CLAIM_MINUTES)
    return Notice.objects.filter(state=Notice.State.HANDED, claimed_until__lt=since).order_by("id")


@transaction.atomic
def settle_in_doubt(*, notice_id: int, arrived: bool, on: date, now: datetime) -> Notice:
    """An operator has looked into the mail server's log: the mail went out, or it did not and is sent at once.

    Refused for a notice that is not in doubt.
    """
    notice = in_doubt(now).select_for_update(of=("self",)).filter(pk=notice_id).first()
    if notice is None:
        raise Refused(f"Mail {notice_id} is not in doubt.", code="state")
    if arrived:
        _sent(notice, now)
    else:
        _of(notice).update(state=Notice.State.WAITING, not_before=now, claimed_until=None)
    record(
        actor=None,
        action="notice.found_sent" if arrived else "notice.found_unsent",
        obj=notice,
        on=on,
        reason="found in the mail server's log",
    )
    notice.refresh_from_db()
    return notice


@transaction.atomic
def mark_read(*, notice: Notice, actor: User, now: datetime) -> None:
    """The recipient has read it."""
    Notice.objects.filter(pk=notice.pk, recipient=actor, read_at__isnull=True).update(read_at=now)


@transaction.atomic
def mark_all_read(*, actor: User, partner: Partner, now: datetime) -> int:
    """The actor has read everything told to them of a partner, and of themselves. How many were new."""
    mine = Notice.objects.filter(Q(partner=partner) | Q(partner=None), recipient=actor, read_at__isnull=True)
    return mine.update(read_at=now)
