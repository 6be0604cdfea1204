"""A fund's policy: proposed by one person, put into force by another, never edited."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db import transaction
from django.db.models import Max, QuerySet
from django.db.models.functions import Now

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.facilities.canonical import digest, plain
from loanfund.facilities.models import Fund, FundPolicy, MatrixRow, SegmentLimit, TenorLimit
from loanfund.facilities.services.limits import limit_entries, owners_with_limits
from loanfund.ledger.services import post_entries
from loanfund.parties import roles
from loanfund.parties.models import User
from loanfund.parties.services.rights import require_role, require_second_person

KEEPERS = (roles.ADMINISTRATOR, roles.CHAIR)
"""Who may propose a policy, and, as another person, confirm or refuse it."""
AMOUNTS = (
    "partner_limit", "group_limit", "min_ticket", "max_ticket", "drawdown_minimum", "drawdown_multiple", "min_loss",
    "min_loss_ratio",
)  # fmt: skip
MOMENTS = ("window_start", "window_end", "snapshot_at")
WHOLE = (
    "max_tenor_months", "drawdown_notice_days", "signatories_needed", "offer_validity_days", "information_days",
    "decision_validity_days",
)  # fmt: skip
SWITCHES = ("subtract_compensation", "recycle_repaid")
LISTS = ("reserved_to_committee", "conditions_precedent", "required_papers", "scorecard", "pricing", "basis")
TABLES = ("segment_limits", "tenor_limits", "matrix")
OPTIONAL = {"partner_limit", "group_limit", "max_ticket"}


@transaction.atomic
def propose_policy(
    *, fund: Fund, values: Mapping[str, Any], effective_from: date, actor: User, on: date
) -> FundPolicy:
    """Propose the next version of a fund's policy; it rules once a second person has confirmed it.

    `values` holds the whole policy by field name (see FundPolicy): amounts as Decimal or text in the fund's currency,
    `segment_limits` {segment: amount}, `tenor_limits` {months: amount}, `matrix` a list of {segment, up_to,
    members_needed, approvals_needed, chair_casts}. Refused, naming the field, when something is missing or wrong.
    """
    require_role(actor=actor, roles=KEEPERS, to="propose a policy")
    locked = Fund.objects.select_for_update().get(pk=fund.pk)
    if FundPolicy.objects.filter(fund=locked, state=FundPolicy.State.PROPOSED).exists():
        raise Refused("A policy change is waiting to be confirmed. Confirm or refuse that one first.")
    if effective_from < on:
        raise Refused(f"A policy takes effect on {on} or later.", field="effective_from")
    unknown = set(values) - {*AMOUNTS, *MOMENTS, *WHOLE, *SWITCHES, *LISTS, *TABLES}
    if unknown:
        raise Refused(f"A policy has no {', '.join(sorted(unknown))}.", field=sorted(unknown)[0])
    cleaned = {name: _cleaned(name, values) for name in (*AMOUNTS, *MOMENTS, *WHOLE, *SWITCHES, *LISTS)}
    _check_lines(cleaned)
    last = FundPolicy.objects.filter(fund=locked).aggregate(last=Max("version"))["last"] or 0
    policy = FundPolicy.objects.create(
        fund=locked,
        version=last + 1,
        effective_from=effective_from,
        maker=actor,
        proposed_digest=digest(
            {"fund": fund.code, "version": last + 1, "from": effective_from, **plain(values)}
        ),
        **cleaned,
    )
    _add_tables(policy, values)
    record(actor=actor, action="policy.proposed", obj=policy, on=on, after=plain(dict(values)))
    return policy


@transaction.atomic
def confirm_policy(*, policy: FundPolicy, seen_digest: str, actor: User, on: date) -> FundPolicy:
    """Put a proposed policy into force. `seen_digest` is the digest the checker read: another text is refused.

    The limits of every partner, group, segment and tenor move to the new policy at once, or on its first day. A limit
    set below what is promised already is shown as over limit and blocks new promises; nothing signed is touched.
    """
    Fund.objects.select_for_update().get(pk=policy.fund_id)
    locked = _proposed(policy, seen_digest, actor)
    locked.state, locked.checker, locked.checked_at = FundPolicy.State.IN_FORCE, actor, Now()
    locked.save()
    record(actor=actor, action="policy.confirmed", obj=locked, on=on, after={"version": locked.version})
    if locked.effective_from <= on:
        apply_limits(fund=locked.fund, policy=locked, actor=actor, on=on)
    return locked


@transaction.atomic
def refuse_policy(*, policy: FundPolicy, reason: str, actor: User, on: date) -> FundPolicy:
    """Turn down a proposed policy, saying why."""
    if not reason.strip():
        raise Refused("Say why the policy is refused.", field="reason")
    locked = _proposed(policy, policy.proposed_digest, actor)
    locked.state, locked.refusal_reason = FundPolicy.State.REFUSED, reason.strip()
    locked.checker, locked.checked_at = actor, Now()
    locked.save()
    record(actor=actor, action="policy.refused", obj=locked, on=on, reason=reason.strip())
    return locked


@transaction.atomic
def apply_limits(*, fund: Fund, policy: FundPolicy, actor: User | None, on: date) -> int:
    """Bring every limit in the fund's book to what `policy` says; return how many moved. Doing it twice moves nothing."""
    entries = limit_entries(fund=fund, policy=policy, owners=owners_with_limits(fund), on=on)
    if entries:
        post_entries(entries=entries, actor=actor, on=on)
    return len(entries)


def _proposed(policy: FundPolicy, seen_digest: str, actor: User) -> FundPolicy:
    require_role(actor=actor, roles=KEEPERS, to="decide on a policy")
    locked = _locked(FundPolicy.objects.filter(pk=policy.pk))
    if locked.state != FundPolicy.State.PROPOSED:
        raise Refused(f"Policy {locked.version} is {locked.get_state_display()} already.")
    require_second_person(actor=actor, maker_id=locked.maker_id, what="this policy")
    if locked.proposed_digest != seen_digest:
        raise Refused("The policy is not the one you read. Open it again and read it before you confirm.")
    return locked


def _locked(found: QuerySet[FundPolicy]) -> FundPolicy:
    return found.select_for_update(of=("self",)).select_related("fund").get()


def _cleaned(name: str, values: Mapping[str, Any]) -> Any:
    value = values.get(name)
    if name in LISTS:
        return value if value is not None else ({} if name in {"pricing", "basis"} else [])
    if value is None and name in OPTIONAL:
        return None
    if value is None:
        raise Refused(f"The policy lacks {name.replace('_', ' ')}.", field=name)
    if name in AMOUNTS:
        return _amount(name, value)
    if name in MOMENTS:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if moment.tzinfo is None:
            raise Refused(f"Give {name.replace('_', ' ')} with its time zone, such as +00:00.", field=name)
        return moment
    return bool(value) if name in SWITCHES else int(value)


def _amount(name: str, value: Any) -> Decimal:
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        raise Refused(f"{value!r} is not an amount.", field=name) from None
    if not amount.is_finite() or amount < 0:
        raise Refused(f"Give {name.replace('_', ' ')} as an amount of zero or more.", field=name)
    return amount


def _check_lines(values: Mapping[str, Any]) -> None:
    """The table's own rules, said in sentences."""
    if values["window_end"] <= values["window_start"]:
        raise Refused("The event window ends after it starts.", field="window_end")
    if values["max_ticket"] is not None and values["max_ticket"] < values["min_ticket"]:
        raise Refused("The largest ticket is not below the smallest.", field="max_ticket")
    for name in ("min_ticket", "drawdown_minimum", "drawdown_multiple", "max_tenor_months", "signatories_needed",
                 "offer_validity_days", "decision_validity_days"):  # fmt: skip
        if values[name] <= 0:
            raise Refused(f"Give {name.replace('_', ' ')} above zero.", field=name)
    for name in ("partner_limit", "group_limit"):
        if values[name] is not None and values[name] <= 0:
            raise Refused(f"Give {name.replace('_', ' ')} above zero, or none.", field=name)


def _add_tables(policy: FundPolicy, values: Mapping[str, Any]) -> None:
    SegmentLimit.objects.bulk_create(
        SegmentLimit(policy=policy, segment=segment, amount=_amount("segment_limits", amount))
        for segment, amount in (values.get("segment_limits") or {}).items()
    )
    TenorLimit.objects.bulk_create(
        TenorLimit(policy=policy, over_months=int(months), amount=_amount("tenor_limits", amount))
        for months, amount in (values.get("tenor_limits") or {}).items()
    )
    rows = values.get("matrix") or []
    if not rows:
        raise Refused("The policy lacks its approval matrix: give at least one row.", field="matrix")
    for row in rows:
        if not 0 < int(row["approvals_needed"]) <= int(row["members_needed"]):
            raise Refused(
                "In each row of the matrix at least one must approve, and not more than must take part.",
                field="matrix",
            )
    MatrixRow.objects.bulk_create(
        MatrixRow(
            policy=policy,
            segment=row.get("segment") or "",
            up_to=_amount("matrix", row["up_to"]) if row.get("up_to") is not None else None,
            members_needed=int(row["members_needed"]),
            approvals_needed=int(row["approvals_needed"]),
            chair_casts=bool(row.get("chair_casts", False)),
        )
        for row in rows
    )


def start_of_day(*, fund: Fund, on: date) -> dict[str, Any]:
    """The part of the close that is a policy's: one that takes effect on `on` moves the limits in the book."""
    policy = FundPolicy.objects.filter(fund=fund, state=FundPolicy.State.IN_FORCE, effective_from=on).last()
    return {"limits_moved": apply_limits(fund=fund, policy=policy, actor=None, on=on) if policy else 0}
