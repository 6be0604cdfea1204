"""The fund's policy: the version in force, the one that waits with what it changes, and those before."""

from collections.abc import Iterator
from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Fund, FundPolicy
from loanfund.facilities.selectors import policy_in_force
from loanfund.facilities.services import confirm_policy, propose_policy, refuse_policy
from loanfund.office.operations.acts import Act, Desk, Done, Entries
from loanfund.office.operations.fields import ReasonForm
from loanfund.office.operations.history import timeline
from loanfund.office.operations.lists import listed
from loanfund.office.operations.policy_words import PolicyForm, differences, lines_of
from loanfund.office.operations.receipt import BookForm
from loanfund.office.operations.seat import DESK, Seat, take_seat
from loanfund.office.pages import page, show
from loanfund.parties import roles

State = FundPolicy.State
KEEPERS = (roles.ADMINISTRATOR, roles.CHAIR)
READERS = (*DESK, *KEEPERS, roles.ANALYST, roles.COMMITTEE_MEMBER)
TONES = {State.PROPOSED: "warn", State.IN_FORCE: "ok", State.REFUSED: "bad"}


def _in_force(fund: Fund) -> FundPolicy | None:
    try:
        return policy_in_force(fund, fund.business_date)
    except Refused:
        return None


@page("policies/", name="policies", readers=READERS, menu="Policy", section="Administration")
def policies(request: HttpRequest) -> HttpResponse:
    """Every version of the policy, and the lines of the one in force."""
    seat = take_seat(request)
    rows = FundPolicy.objects.filter(fund=seat.fund).select_related("maker", "checker").order_by("-version")
    ruling = _in_force(seat.fund)
    listing = listed(request, rows, per_page=20)
    waits = rows.filter(state=State.PROPOSED).first()
    context = {
        "listing": [(row, TONES[State(row.state)]) for row in listing.page],
        "page": listing.page,
        "ruling": ruling,
        "lines": lines_of(ruling) if ruling else [],
        "waits": waits,
        "may_propose": seat.holds(*KEEPERS) and ruling is not None and waits is None,
    }
    return show(request, "office/operations/policies.html", context, title="Policy of the fund")


@page("policies/propose/", name="policy_propose", readers=(), actors=KEEPERS)
def propose(request: HttpRequest) -> HttpResponse:
    """The next version, starting from the one in force."""
    seat = take_seat(request)
    start = policy_in_force(seat.fund, seat.on)
    act = Act(
        "propose",
        "Propose this policy",
        partial(_propose, seat),
        right=seat.holds(*KEEPERS),
        form=PolicyForm,
        says=f"Amounts in {seat.fund.currency}. It rules once another person has confirmed it; what is not here stays.",
        arguments={"start": start, "on": seat.on},
    )
    desk = Desk(request, [act])
    if (answer := desk.answer()) is not None:
        return answer
    context = {"desk": desk, "trail": [("Policy of the fund", reverse("admin:policies"))]}
    return show(
        request, "office/operations/one_act.html", context, title="Propose a policy", status=desk.status
    )


def _propose(seat: Seat, entries: Entries) -> Done:
    policy = propose_policy(
        fund=seat.fund,
        values=entries["form"].values(),
        effective_from=entries["effective_from"],
        actor=seat.user,
        on=seat.on,
    )
    said = f"Version {policy.version} is proposed. Another person confirms it."
    return Done(said, reverse("admin:policy", args=[policy.version]))


@page("policies/<int:version>/", name="policy", readers=READERS, actors=KEEPERS)
def policy(request: HttpRequest, version: int) -> HttpResponse:
    """One version: what it changes against the one before it, and all its lines."""
    seat = take_seat(request)
    rows = FundPolicy.objects.filter(fund=seat.fund).select_related("maker", "checker", "fund")
    one = get_object_or_404(rows, version=version)
    before = rows.filter(version__lt=version, state=State.IN_FORCE).order_by("-version").first()
    desk = Desk(request, _acts(seat, one))
    if (answer := desk.answer()) is not None:
        return answer
    own = one.maker_id == seat.user.pk
    context = {
        "policy": one,
        "tone": TONES[State(one.state)],
        "before": before,
        "changed": differences(before, one),
        "lines": lines_of(one),
        "desk": desk,
        "waits": one.state == State.PROPOSED and own and seat.holds(*KEEPERS),
        "history": timeline(one),
        "trail": [("Policy of the fund", reverse("admin:policies"))],
    }
    title = f"Policy, version {version}"
    return show(request, "office/operations/policy.html", context, title=title, status=desk.status)


def _acts(seat: Seat, one: FundPolicy) -> Iterator[Act]:
    right, ready = seat.holds(*KEEPERS), one.state == State.PROPOSED and seat.second(one.maker_id)
    yield Act(
        "confirm",
        "Put it into force",
        partial(_confirm, seat, one),
        right=right,
        ready=ready,
        form=BookForm,
        title="Confirm",
        says=f"Proposed by {one.maker}. It rules from {one.effective_from:%d %B %Y}.",
        arguments={"initial": {"seen": one.proposed_digest}},
    )
    yield Act(
        "refuse",
        "Refuse it",
        partial(_refuse, seat, one),
        right=right,
        ready=ready,
        form=ReasonForm,
        danger=True,
        title="Refuse",
    )


def _confirm(seat: Seat, one: FundPolicy, entries: Entries) -> Done:
    confirm_policy(policy=one, seen_digest=entries["seen"], actor=seat.user, on=seat.on)
    return Done(f"Version {one.version} is confirmed and rules from {one.effective_from:%d %B %Y}.")


def _refuse(seat: Seat, one: FundPolicy, entries: Entries) -> Done:
    refuse_policy(policy=one, reason=entries["reason"], actor=seat.user, on=seat.on)
    return Done(f"Version {one.version} is refused.")
