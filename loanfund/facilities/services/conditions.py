"""Conditions precedent: evidence put forward by one person, checked by another, or waived by the committee."""

from datetime import date

from django.db import transaction
from django.db.models.functions import Now

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.models import ConditionEvidence, ConditionPrecedent
from loanfund.parties import roles
from loanfund.parties.models import StoredFile, User
from loanfund.parties.selectors import has_role
from loanfund.parties.services.rights import EDITORS, require_place, require_role, require_second_person

SHOWERS = (roles.ANALYST, roles.OPERATIONS_MAKER)
"""Who at the lender may put evidence forward that reached it by other ways than the portal."""
CHECKERS = (roles.ANALYST, roles.OPERATIONS_CHECKER)
"""Who may find a condition met."""
Scope, State = ConditionPrecedent.Scope, ConditionPrecedent.State


@transaction.atomic
def show_condition(
    *,
    condition: ConditionPrecedent,
    actor: User,
    on: date,
    file: StoredFile | None = None,
    note: str = "",
    drawdown: str = "",
) -> ConditionEvidence:
    """Put evidence forward that a condition is met: a file, a note, or both. Another person then checks it.

    `drawdown` is the number of the drawdown (such as "DD-0003") for a condition of each drawdown, else empty.
    """
    locked = ConditionPrecedent.objects.select_for_update().get(pk=condition.pk)
    if not has_role(actor, *SHOWERS):
        require_place(actor=actor, partner=locked.facility.partner, roles=EDITORS, to="show a condition")
    each = locked.scope == Scope.EACH
    if locked.state != State.OPEN:
        raise Refused(f"This condition is {locked.get_state_display()} already.")
    if each and not drawdown:
        raise Refused("This condition is shown for each drawdown: name the drawdown.", field="drawdown")
    if not each and drawdown:
        raise Refused("This condition is shown once, not for a drawdown.", field="drawdown")
    if file is None and not note.strip():
        raise Refused("Add the file, or say how the condition is met.", field="file")
    standing = locked.evidence.filter(drawdown=drawdown, state__in=["proposed", "accepted"]).first()
    if standing is not None:
        raise Refused(f"Evidence for this condition is {standing.get_state_display()} already.")
    evidence = ConditionEvidence.objects.create(
        condition=locked, drawdown=drawdown, file=file, note=note.strip(), maker=actor
    )
    after = {
        "condition": locked.text,
        "drawdown": drawdown,
        "file": file.pk if file else None,
        "note": note.strip(),
    }
    record(actor=actor, action="condition.shown", obj=locked.facility, on=on, after=after)
    return evidence


@transaction.atomic
def accept_evidence(*, evidence: ConditionEvidence, actor: User, on: date) -> ConditionEvidence:
    """The second person finds the condition met. A condition of each drawdown stays open for the next one."""
    locked = _proposed(evidence, actor)
    locked.state, locked.checker, locked.checked_at = ConditionEvidence.State.ACCEPTED, actor, Now()
    locked.save(update_fields=["state", "checker", "checked_at"])
    condition = locked.condition
    if condition.scope == Scope.FIRST:
        condition.state = State.SATISFIED
        condition.save(update_fields=["state"])
    after = {"condition": condition.text, "drawdown": locked.drawdown}
    record(actor=actor, action="condition.satisfied", obj=condition.facility, on=on, after=after)
    return locked


@transaction.atomic
def refuse_evidence(*, evidence: ConditionEvidence, reason: str, actor: User, on: date) -> ConditionEvidence:
    """The second person does not find the condition met, and says why; other evidence may follow."""
    if not reason.strip():
        raise Refused("Say why the evidence is not enough.", field="reason")
    locked = _proposed(evidence, actor)
    locked.state, locked.refusal_reason = ConditionEvidence.State.REFUSED, reason.strip()
    locked.checker, locked.checked_at = actor, Now()
    locked.save(update_fields=["state", "refusal_reason", "checker", "checked_at"])
    record(
        actor=actor,
        action="condition.evidence_refused",
        obj=locked.condition.facility,
        on=on,
        after={"condition": locked.condition.text},
        reason=reason.strip(),
    )
    return locked


@transaction.atomic
def waive_condition(
    *, condition: ConditionPrecedent, decision_number: str, actor: User, on: date
) -> ConditionPrecedent:
    """Waive a condition by a decision of the committee; only the recording of such a decision calls this."""
    locked = ConditionPrecedent.objects.select_for_update().get(pk=condition.pk)
    if locked.state != State.OPEN:
        raise Refused(f"This condition is {locked.get_state_display()} already.")
    locked.state, locked.waived_by_decision = State.WAIVED, decision_number
    locked.save(update_fields=["state", "waived_by_decision"])
    after = {"condition": locked.text, "decision": decision_number}
    record(actor=actor, action="condition.waived", obj=locked.facility, on=on, after=after)
    return locked


def _proposed(evidence: ConditionEvidence, actor: User) -> ConditionEvidence:
    require_role(actor=actor, roles=CHECKERS, to="check the evidence of a condition")
    condition = ConditionPrecedent.objects.select_for_update().get(pk=evidence.condition_id)
    locked = ConditionEvidence.objects.select_for_update(of=("self",)).get(pk=evidence.pk)
    locked.condition = condition
    if locked.state != ConditionEvidence.State.PROPOSED:
        raise Refused(f"This evidence is {locked.get_state_display()} already.")
    require_second_person(actor=actor, maker_id=locked.maker_id, what="this evidence")
    return locked
