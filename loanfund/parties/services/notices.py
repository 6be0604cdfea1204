"""The outbox: what must be told is written with the change itself and sent later, once."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.utils.html import strip_tags

from loanfund.parties.models import Membership, Notice, Partner, User

CLAIM_MINUTES = 5
MOST_ATTEMPTS = 10
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
    """Claim waiting notices for one sender by conditional UPDATE; a claim that ran out may be taken again.

    Returns their ids; two senders never hold the same one.
    """
    free = Q(state=Notice.State.WAITING, not_before__lte=now) | Q(
        state=Notice.State.CLAIMED, claimed_until__lt=now
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
    """Send one claimed notice by mail and mark it sent; on failure it waits longer each time, at last as failed.

    The row is held locked while the mail goes out, so that a second sender whose claim overlaps finds it sent.
    """
    with transaction.atomic():
        notice = (
            Notice.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("recipient", "partner")
            .filter(pk=notice_id, state=Notice.State.CLAIMED)
            .first()
        )
        if notice is None:
            return False
        notice.attempts += 1
        try:
            if notice.by_mail:
                _mail(notice, base_url)
        except Exception as error:  # whatever is wrong with one mail, those behind it go out
            spent = notice.attempts >= MOST_ATTEMPTS
            notice.state = Notice.State.FAILED if spent else Notice.State.WAITING
            notice.not_before = now + timedelta(minutes=2**notice.attempts)
            notice.last_error = f"{error}"[:300] or type(error).__name__
        else:
            notice.state, notice.sent_at, notice.last_error = Notice.State.SENT, now, ""
        if notice.recipient is None and notice.state != Notice.State.WAITING:
            # It holds the way in for whoever has the mail: kept no longer than it takes to send it.
            notice.link = ""
        notice.claimed_until = None
        notice.save(
            update_fields=[
                "state",
                "attempts",
                "sent_at",
                "not_before",
                "last_error",
                "claimed_until",
                "link",
            ]
        )
    return notice.state == Notice.State.SENT


def _mail(notice: Notice, base_url: str) -> None:
    way = notice.link or (f"/partners/{notice.partner.number}/notices/" if notice.partner else "")
    link = f"\n\n{base_url}{way}" if way else ""
    message = EmailMessage(
        subject=notice.subject,
        body=f"{notice.body}{link}\n",
        to=[notice.recipient.email if notice.recipient else notice.address],
        # The same notice has the same id: a mail system that sees it twice can tell.
        headers={"Message-ID": f"<notice-{notice.pk}@loanfund>"},
    )
    message.send(fail_silently=False)


@transaction.atomic
def mark_read(*, notice: Notice, actor: User, now: datetime) -> None:
    """The recipient has read it."""
    Notice.objects.filter(pk=notice.pk, recipient=actor, read_at__isnull=True).update(read_at=now)


@transaction.atomic
def mark_all_read(*, actor: User, partner: Partner, now: datetime) -> int:
    """The actor has read everything told to them of a partner, and of themselves. How many were new."""
    mine = Notice.objects.filter(Q(partner=partner) | Q(partner=None), recipient=actor, read_at__isnull=True)
    return mine.update(read_at=now)
