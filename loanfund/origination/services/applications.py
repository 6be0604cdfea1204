"""The partner's side of an application, and the analyst's desk work on it."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.calculation.money import currency as currency_of
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import Fund, FundPolicy
from loanfund.facilities.selectors import policy_in_force
from loanfund.facilities.services import lock_business_date, release
from loanfund.facilities.services.numbers import next_number
from loanfund.origination.models import Application, ApplicationDocument, Offer, Proposal
from loanfund.origination.models.states import FINAL, RESERVED, State
from loanfund.origination.rights import PREPARES, SIGNS, must_have_role
from loanfund.origination.services.evidence import assess_impact
from loanfund.origination.services.moves import locked_application, move, must_move, must_say
from loanfund.parties.models import Partner, StoredFile, User
from loanfund.parties.roles import ANALYST
from loanfund.parties.services import notify_partner
from loanfund.parties.services.rights import require_place

EDITABLE = frozenset({
    "amount", "purpose", "tenor_months", "profile", "interest_only_months", "revolving", "net_assets",
    "net_assets_file", "compensation",
})  # fmt: skip
MOST = Decimal(10) ** 15


@transaction.atomic
def start_application(
    *,
    fund: Fund,
    partner: Partner,
    values: Mapping[str, Any],
    actor: User,
    on: date,
    appeal_of: Application | None = None,
) -> Application:
    """Begin a draft for a partner. `values` may hold amount (fund currency), purpose, tenor_months, profile,
    interest_only_months, revolving, net_assets, net_assets_file and compensation; see Application.

    An appeal names the partner's own application that was decided or ended. Refused, naming the field, on a wrong value.
    """
    require_place(actor=actor, partner=partner, roles=PREPARES, to="apply for it")
    if appeal_of is not None and (appeal_of.partner_id != partner.pk or appeal_of.state not in FINAL):
        raise Refused("An appeal names an application of the same partner that has ended.", field="appeal_of")
    cleaned = _cleaned(fund, values)
    missing = {"amount", "purpose", "tenor_months", "profile"} - set(cleaned)
    if missing:
        raise Refused(f"Give the {sorted(missing)[0].replace('_', ' ')}.", field=sorted(missing)[0])
    key, number = next_number(Application, "APP")
    application = Application(
        pk=key, number=number, fund=fund, partner=partner, appeal_of=appeal_of, prepared_by=actor, created_on=on,
        state_since=on, **cleaned,
    )  # fmt: skip
    _check_shape(application)
    application.save(force_insert=True)
    record(actor=actor, action="application.started", obj=application, on=on, after=_shown(cleaned))
    return application


@transaction.atomic
def edit_application(
    *, application: Application, values: Mapping[str, Any], actor: User, on: date, seen: str = ""
) -> Application:
    """Change a draft; `values` as in start_application. Refused once it is submitted.

    `seen` is the `words_digest` of these values as they stood before the change was thought of: when they stand
    otherwise by now, it is Refused with the code "stale".
    """
    locked = locked_application(application)
    require_place(actor=actor, partner=locked.partner, roles=PREPARES, to="change its application")
    if locked.state != State.DRAFT:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; only a draft can be changed.", code="state"
        )
    if seen and seen != words_digest(locked, values):
        raise Refused(
            "This was changed in another window since you opened it. What you typed is kept below; compare it with "
            "what is saved now, then send it again.",
            code="stale",
        )
    cleaned = _cleaned(locked.fund, values)
    before = {name: getattr(locked, name) for name in cleaned}
    for name, value in cleaned.items():
        setattr(locked, name, value)
    _check_shape(locked)
    locked.save(update_fields=list(cleaned))
    record(
        actor=actor,
        action="application.edited",
        obj=locked,
        on=on,
        before=_shown(before),
        after=_shown(cleaned),
    )
    return locked


@transaction.atomic
def attach_document(
    *,
    application: Application,
    kind: str,
    file: StoredFile,
    actor: User,
    on: date,
    expires_on: date | None = None,
) -> ApplicationDocument:
    """Add a paper; one of the same kind that was not accepted yet is replaced. Refused after tabling."""
    locked = locked_application(application)
    require_place(actor=actor, partner=locked.partner, roles=PREPARES, to="add papers")
    if locked.state not in {State.DRAFT, State.SUBMITTED, State.CHECKING, State.INFORMATION_REQUESTED}:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; papers can no longer be added.", code="state"
        )
    if file.partner_id not in {None, locked.partner_id}:
        raise Refused("This file belongs to another partner.", field="file")
    if expires_on is not None and expires_on < on:
        raise Refused(f"This paper expired on {expires_on}. Add one that is still valid.", field="expires_on")
    locked.documents.filter(kind=kind, state__in=["pending", "refused"]).update(state="replaced")
    document = ApplicationDocument.objects.create(
        application=locked, kind=kind, file=file, uploaded_by=actor, uploaded_on=on, expires_on=expires_on
    )
    after = {"kind": kind, "file": file.name, "sha256": file.sha256, "expires_on": expires_on}
    record(actor=actor, action="application.document_added", obj=locked, on=on, after=after)
    return document


@transaction.atomic
def check_document(
    *, document: ApplicationDocument, accepted: bool, actor: User, on: date, note: str = ""
) -> ApplicationDocument:
    """The analyst accepts a paper, or refuses it and says why."""
    must_have_role(actor, ANALYST)
    locked = (
        ApplicationDocument.objects.select_for_update(of=("self",))
        .select_related("application")
        .get(pk=document.pk)
    )
    if locked.state == ApplicationDocument.State.REPLACED:
        raise Refused("A newer paper has taken this one's place. Check that one.")
    if locked.uploaded_by_id == actor.pk:
        raise Refused("You added this paper, so another person must check it.")
    if not accepted:
        note = must_say(note, "what is wrong with the paper", "note")
    if accepted and locked.expires_on is not None and locked.expires_on < on:
        raise Refused(f"This paper expired on {locked.expires_on}. Ask for one that is still valid.")
    locked.state = ApplicationDocument.State.ACCEPTED if accepted else ApplicationDocument.State.REFUSED
    locked.checked_by, locked.checked_on, locked.note = actor, on, note.strip()
    locked.save(update_fields=["state", "checked_by", "checked_on", "note"])
    after = {"kind": locked.kind, "accepted": accepted}
    record(
        actor=actor,
        action="application.document_checked",
        obj=locked.application,
        on=on,
        after=after,
        reason=note,
    )
    return locked


@transaction.atomic
def submit_application(*, application: Application, actor: User, on: date) -> Application:
    """Hand a draft in; its impact is assessed as it stands.

    Refused, naming the field, when the request lies outside the policy's ticket or tenor, the required papers or the
    liquidation records are missing, or the partner's own papers were refused.
    """
    locked = locked_application(application)
    require_place(actor=actor, partner=locked.partner, roles=SIGNS, to="hand in its application")
    must_move(locked, "submit")
    policy = policy_in_force(locked.fund, on)
    check_request(locked.fund, policy, amount=locked.amount, tenor_months=locked.tenor_months)
    if locked.partner.kyb_status == Partner.KybStatus.REFUSED:
        raise Refused(f"The papers of {locked.partner.legal_name} were refused, so it cannot apply.")
    missing = missing_papers(locked, policy)
    if missing:
        raise Refused(f"Add what is still missing: {'; '.join(missing)}.", field="documents")
    if not locked.uploads.exists():
        raise Refused("Upload the liquidation records as CSV.", field="liquidations")
    assess_impact(application=locked, actor=actor, on=on, reason="as handed in")
    locked.submitted_by, locked.submitted_on = actor, on
    move(locked, "submit", actor=actor, on=on, fields=("submitted_by", "submitted_on"))
    notify_partner(
        partner=locked.partner,
        kind="application_received",
        key=f"received:{locked.pk}:{on}",
        subject=f"{locked.number} has been received",
        body=f"{actor.name} handed {locked.number} in on {on.day} {on:%B %Y}. An analyst takes it up next; questions come "
        "to the same people as this. You can follow it in the portal.",
        link=f"/partners/{locked.partner.number}/applications/{locked.number}/",
        on=on,
    )
    return locked


def missing_papers(application: Application, policy: FundPolicy) -> list[str]:
    """The labels of the papers that the policy requires and the application does not have, or had refused."""
    present = set(
        application.documents.filter(state__in=["pending", "accepted"]).values_list("kind", flat=True)
    )
    return [paper["label"] for paper in policy.required_papers if paper["kind"] not in present]


def check_request(fund: Fund, policy: FundPolicy, *, amount: Decimal, tenor_months: int) -> None:
    """Refused, naming the field, when an amount or a tenor lies outside what the policy lends."""
    if amount < policy.min_ticket:
        raise Refused(f"{fund.name} lends from {policy.min_ticket:,.2f} {fund.currency}.", field="amount")
    if policy.max_ticket is not None and amount > policy.max_ticket:
        raise Refused(
            f"{fund.name} lends up to {policy.max_ticket:,.2f} {fund.currency} at a time.", field="amount"
        )
    if tenor_months > policy.max_tenor_months:
        raise Refused(f"{fund.name} lends for up to {policy.max_tenor_months} months.", field="tenor_months")


@transaction.atomic
def withdraw_application(*, application: Application, reason: str, actor: User, on: date) -> Application:
    """The partner takes its application back, at any time before acceptance; what was reserved is released."""
    said = must_say(reason, "why the application is withdrawn")
    # The fund before the application: a release further down would otherwise wait for a close that waits for this row.
    lock_business_date(application.fund)
    locked = locked_application(application)
    require_place(actor=actor, partner=locked.partner, roles=SIGNS, to="withdraw its application")
    must_move(locked, "withdraw")
    void_open_proposals(locked, f"application withdrawn: {said}", on)
    if locked.state in RESERVED:
        release(reference=promise_reference(locked), actor=actor, on=on, reason="application withdrawn")
    open_offers = Offer.objects.filter(application=locked, state__in=["prepared", "sent"])
    for offer in open_offers.select_for_update(of=("self",)):
        offer.state, offer.closed_on, offer.reason = Offer.State.RETRACTED, on, "application withdrawn"
        offer.save(update_fields=["state", "closed_on", "reason"])
    move(locked, "withdraw", actor=actor, on=on, reason=said)
    return locked


@transaction.atomic
def assign_analyst(*, application: Application, analyst: User, actor: User, on: date) -> Application:
    """Give an application to an analyst."""
    must_have_role(actor, ANALYST)
    must_have_role(analyst, ANALYST)
    locked = locked_application(application)
    if locked.state in FINAL or locked.state == State.DRAFT:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; there is nothing to assign.", code="state"
        )
    before, locked.analyst = locked.analyst_id, analyst
    locked.save(update_fields=["analyst"])
    record(
        actor=actor,
        action="application.assigned",
        obj=locked,
        on=on,
        before={"analyst": before},
        after={"analyst": analyst.pk},
    )
    return locked


@transaction.atomic
def start_check(*, application: Application, actor: User, on: date) -> Application:
    """An analyst takes a submitted application up; it is theirs unless it was given to another."""
    must_have_role(actor, ANALYST)
    locked = locked_application(application)
    locked.analyst = locked.analyst or actor
    move(locked, "start_check", actor=actor, on=on, fields=("analyst",))
    return locked


@transaction.atomic
def return_to_partner(*, application: Application, reason: str, actor: User, on: date) -> Application:
    """Give a submitted application back as a draft, saying what is missing."""
    must_have_role(actor, ANALYST)
    said = must_say(reason, "what the partner has to complete")
    locked = locked_application(application)
    move(locked, "return_to_partner", actor=actor, on=on, reason=said)
    return locked


def words_digest(application: Application, names: Iterable[str]) -> str:
    """The digest of an application's own words under these names, to notice that somebody else changed them."""
    return digest({name: _shown({name: getattr(application, name)})[name] for name in sorted(names)})


def promise_reference(application: Application) -> str:
    """Under which name the fund's book holds what is reserved for an application."""
    return f"application:{application.pk}"


def void_open_proposals(application: Application, reason: str, on: date) -> None:
    """Void what is before the committee about an application, and with it the ballots."""
    standing = Proposal.objects.filter(application=application, state__in=["tabled", "voting", "tied"])
    for proposal in standing.select_for_update(of=("self",)):
        proposal.state, proposal.void_reason, proposal.closed_on = Proposal.State.VOID, reason[:300], on
        proposal.save(update_fields=["state", "void_reason", "closed_on"])


def information_due(policy: FundPolicy, on: date) -> date:
    """The day by which an answer is asked for."""
    return on + timedelta(days=policy.information_days)


def _cleaned(fund: Fund, values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(values) - EDITABLE
    if unknown:
        raise Refused(
            f"An application has no {sorted(unknown)[0].replace('_', ' ')}.", field=sorted(unknown)[0]
        )
    cleaned = dict(values)
    for name in ("amount", "net_assets", "compensation"):
        if cleaned.get(name) is not None:
            cleaned[name] = _money(fund, name, cleaned[name])
    if "purpose" in cleaned:
        cleaned["purpose"] = must_say(str(cleaned["purpose"]), "what the money is for", "purpose")
    if "profile" in cleaned and cleaned["profile"] not in Application.Profile.values:
        raise Refused(f"Choose one of: {', '.join(Application.Profile.values)}.", field="profile")
    return cleaned


def _money(fund: Fund, name: str, value: Decimal) -> Decimal:
    decimals = currency_of(fund.currency).decimals
    label = name.replace("_", " ")
    if not isinstance(value, Decimal) or not value.is_finite():
        raise Refused(f"Give the {label} as a number such as 1500000.00.", field=name)
    if abs(value) >= MOST:
        raise Refused(f"The {label} is too large: give at most fifteen digits before the point.", field=name)
    if value != round(value, decimals):
        raise Refused(
            f"The {label} has more than {decimals} decimals, which {fund.currency} does not have.", field=name
        )
    if value < 0 or (name == "amount" and value == 0):
        raise Refused(f"The {label} is {'above zero' if name == 'amount' else 'zero or more'}.", field=name)
    return value


def _check_shape(application: Application) -> None:
    """Rules over several fields, as the table has them."""
    if application.tenor_months <= 0:
        raise Refused("The tenor is at least one month.", field="tenor_months")
    if not 0 <= application.interest_only_months < application.tenor_months:
        raise Refused(
            "The interest-only months are fewer than the months of the tenor.", field="interest_only_months"
        )
    if application.revolving and application.profile != Application.Profile.BULLET:
        raise Refused(
            "A revolving facility is repaid at its end: choose one repayment at the end.", field="profile"
        )


def _shown(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.pk if isinstance(value, StoredFile) else value for name, value in values.items()}
