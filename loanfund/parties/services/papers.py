"""KYB papers: put in by the partner, checked by the lender, and the approval that rests on them."""

from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction
from django.db.models import Max

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties import roles
from loanfund.parties.models import KybPaper, Partner, StoredFile, User
from loanfund.parties.selectors import accepted_kinds
from loanfund.parties.services.notices import notify_partner
from loanfund.parties.services.rights import EDITORS, require_place, require_role, require_second_person


@transaction.atomic
def add_paper(
    *,
    partner: Partner,
    kind: str,
    file: StoredFile,
    actor: User,
    on: date,
    issued_on: date | None = None,
    expires_on: date | None = None,
) -> KybPaper:
    """Hand in a paper; an earlier one of its kind stays as an older version."""
    require_place(actor=actor, partner=partner, roles=EDITORS, to="hand in papers")
    if kind not in KybPaper.Kind.values:
        raise Refused("Choose which paper this is.", field="kind")
    if issued_on and issued_on > on:
        raise Refused("The paper cannot be issued after today.", field="issued_on")
    if expires_on and expires_on < on:
        raise Refused(f"The paper ran out on {expires_on}. Hand in one that is in date.", field="expires_on")
    if file.partner_id != partner.pk:
        raise Refused("This file belongs to another partner.", field="file")
    Partner.objects.select_for_update().get(pk=partner.pk)
    newest = KybPaper.objects.filter(partner=partner, kind=kind).aggregate(top=Max("version"))["top"] or 0
    paper = KybPaper.objects.create(
        partner=partner,
        kind=kind,
        version=newest + 1,
        file=file,
        issued_on=issued_on,
        expires_on=expires_on,
        maker=actor,
        proposed_digest=file.sha256,
    )
    record(
        actor=actor,
        action="paper.handed_in",
        obj=partner,
        on=on,
        after={"kind": kind, "version": paper.version, "sha256": file.sha256},
    )
    return paper


@transaction.atomic
def decide_paper(
    *, paper: KybPaper, accept: bool, seen_digest: str, actor: User, on: date, now: datetime, reason: str = ""
) -> KybPaper:
    """Accept or refuse a paper; `seen_digest` is the SHA-256 of the file that the checker looked at."""
    require_role(actor=actor, roles=(roles.ANALYST,), to="check papers")
    paper = KybPaper.objects.select_for_update().select_related("partner").get(pk=paper.pk)
    require_second_person(actor=actor, maker_id=paper.maker_id, what="this paper")
    if paper.state != KybPaper.State.PROPOSED:
        raise Refused(f"This paper is {paper.get_state_display()} already.")
    if paper.proposed_digest != seen_digest:
        raise Refused("The paper changed while you looked at it. Open it again.")
    if not accept and not reason.strip():
        raise Refused("Say what is wrong with it, so that the partner can send a better one.", field="reason")
    paper.state = KybPaper.State.ACCEPTED if accept else KybPaper.State.REFUSED
    paper.refusal_reason = "" if accept else reason.strip()
    paper.checker, paper.checked_at = actor, now
    paper.save(update_fields=["state", "refusal_reason", "checker", "checked_at"])
    record(
        actor=actor,
        action="paper.accepted" if accept else "paper.refused",
        obj=paper.partner,
        on=on,
        after={"kind": paper.kind, "version": paper.version},
        reason=reason.strip(),
    )
    if not accept:
        notify_partner(
            partner=paper.partner,
            kind="paper_refused",
            key=f"paper:{paper.pk}:refused",
            subject=f"A paper has to be replaced: {paper.get_kind_display()}",
            body=f"{paper.get_kind_display().capitalize()} was not accepted: {reason.strip()}",
            link=f"/partners/{paper.partner.number}/company/papers/",
            on=on,
        )
    return paper


@transaction.atomic
def approve_kyb(
    *, partner: Partner, valid_until: date, required: Iterable[str], actor: User, on: date
) -> Partner:
    """Approve what is known of a partner until a day; every required kind of paper is accepted and in date.

    The actor must not have a place at the partner.
    """
    require_role(actor=actor, roles=(roles.ANALYST,), to="approve a partner")
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    if partner.memberships.filter(user=actor).exists():
        raise Refused(
            "You have or had a place at this partner; another analyst has to approve it.", code="four_eyes"
        )
    missing = set(required) - accepted_kinds(partner, on)
    if missing:
        names = ", ".join(str(KybPaper.Kind(kind).label) for kind in sorted(missing))
        raise Refused(f"Still to be accepted: {names}.")
    if valid_until <= on:
        raise Refused("The approval has to last beyond today.", field="valid_until")
    before = {"kyb_status": partner.kyb_status, "kyb_valid_until": partner.kyb_valid_until}
    partner.kyb_status, partner.kyb_valid_until = Partner.KybStatus.APPROVED, valid_until
    partner.save(update_fields=["kyb_status", "kyb_valid_until"])
    record(
        actor=actor,
        action="partner.approved",
        obj=partner,
        on=on,
        before=before,
        after={"kyb_status": partner.kyb_status, "kyb_valid_until": valid_until},
    )
    return partner
