"""The applicant's losses: taken in from a CSV, and weighed against the policy's lines."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Count, Max, Q, Sum

from loanfund.audit.errors import Refused
from loanfund.audit.sealing import seal_batch
from loanfund.audit.services import record
from loanfund.facilities.canonical import digest, plain
from loanfund.facilities.models import FundPolicy
from loanfund.facilities.selectors import policy_in_force
from loanfund.origination.liquidation_files import LiquidationRow, read_liquidations
from loanfund.origination.models import Application, ImpactAssessment, LiquidationRecord, LiquidationUpload
from loanfund.origination.models.states import State
from loanfund.origination.rights import PREPARES, is_member
from loanfund.origination.services.moves import locked_application, must_say
from loanfund.parties.models import User
from loanfund.parties.roles import ANALYST
from loanfund.parties.selectors import has_role
from loanfund.parties.services.rights import require_place

ZERO = Decimal(0)
RATIO_PLACES = Decimal("0.000001")
RECORD_COLUMNS = (
    "upload_id", "row", "occurred_at", "venue", "account", "reference", "market", "instrument", "side", "quantity",
    "price", "loss",
)  # fmt: skip
OPEN_TO_EVIDENCE = {State.DRAFT, State.SUBMITTED, State.CHECKING, State.INFORMATION_REQUESTED}


@transaction.atomic
def import_liquidations(
    *, application: Application, content: bytes, file_name: str, actor: User, on: date
) -> LiquidationUpload:
    """Take a CSV of liquidations (columns of liquidation_files.COLUMNS) whole, in place of the one before it.

    Raises BadLiquidations, naming line and column, and stores nothing, when any row is wrong. The same file again is
    the upload already there. The impact is assessed anew at once. Losses are positive and in the fund's currency.
    """
    locked = locked_application(application)
    require_place(actor=actor, partner=locked.partner, roles=PREPARES, to="upload its liquidations")
    if locked.state not in OPEN_TO_EVIDENCE:
        raise Refused(
            f"{locked.number} is {locked.get_state_display()}; its records stand as they are.", code="state"
        )
    file_sha256 = hashlib.sha256(content).hexdigest()
    latest = locked.uploads.first()
    if latest is not None and latest.file_sha256 == file_sha256:
        return latest
    rows = read_liquidations(content)
    upload = LiquidationUpload.objects.create(
        application=locked,
        file_name=file_name[-200:],
        file_sha256=file_sha256,
        digest=_rows_digest(rows),
        row_count=len(rows),
        uploaded_by=actor,
        uploaded_on=on,
    )
    _copy(upload, rows)
    seal_batch(LiquidationRecord, upload.pk)
    after = {"file": file_name, "rows": len(rows), "sha256": file_sha256, "digest": upload.digest}
    record(actor=actor, action="application.liquidations_uploaded", obj=locked, on=on, after=after)
    assess_impact(application=locked, actor=actor, on=on, reason=f"records uploaded: {file_name}"[:300])
    return upload


def _copy(upload: LiquidationUpload, rows: Sequence[LiquidationRow]) -> None:
    columns = ", ".join(f'"{name}"' for name in RECORD_COLUMNS)
    statement = f"COPY {LiquidationRecord._meta.db_table} ({columns}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row((upload.pk, *asdict(row).values()))


def _rows_digest(rows: Sequence[LiquidationRow]) -> str:
    whole = hashlib.sha256()
    for row in rows:
        whole.update("\x1f".join(str(value) for value in plain(asdict(row)).values()).encode() + b"\x1e")
    return whole.hexdigest()


@transaction.atomic
def assess_impact(
    *, application: Application, actor: User, on: date, reason: str = "as applied for"
) -> ImpactAssessment:
    """Work out what the newest liquidation records come to under the policy in force, as a new version.

    Informs only: no line of it refuses anything. For the applicant's people and for analysts.
    """
    locked = locked_application(application)
    if not (has_role(actor, ANALYST) or is_member(actor, locked.partner, *PREPARES)):
        raise Refused("This is for an analyst, or for the applicant's own people.", code="right")
    policy = policy_in_force(locked.fund, on)
    upload = locked.uploads.first()
    figures = _figures(locked, policy, upload)
    lines = assessment_lines(locked, policy, figures, _claimed_elsewhere(locked, upload))
    last = locked.assessments.aggregate(last=Max("version"))["last"] or 0
    document = {
        "application": locked.number,
        "policy": policy.proposed_digest,
        "records": upload.digest if upload else None,
        "lines": lines,
        **figures,
    }
    assessment = ImpactAssessment.objects.create(
        application=locked,
        version=last + 1,
        policy=policy,
        upload=upload,
        lines=plain(lines),
        digest=digest(document),
        reason=must_say(reason, "why the impact is assessed"),
        made_by=actor,
        made_on=on,
        **figures,
    )
    after = {"version": assessment.version, "net_loss": assessment.net_loss, "ratio": assessment.ratio}
    record(actor=actor, action="application.impact_assessed", obj=locked, on=on, after=after, reason=reason)
    return assessment


def weigh_impact(*, application: Application, on: date) -> list[dict[str, Any]]:
    """The lines of an assessment as they would be now, by the figures that the instance carries, saved or not.

    Nothing is stored. See ImpactAssessment.lines.
    """
    policy = policy_in_force(application.fund, on)
    upload = application.uploads.first()
    figures = _figures(application, policy, upload)
    return assessment_lines(application, policy, figures, _claimed_elsewhere(application, upload))


def _figures(
    application: Application, policy: FundPolicy, upload: LiquidationUpload | None
) -> dict[str, Any]:
    window = Q(occurred_at__gte=policy.window_start, occurred_at__lt=policy.window_end)
    sums = LiquidationRecord.objects.filter(upload=upload).aggregate(
        rows_total=Count("id"),
        rows_in_window=Count("id", filter=window),
        loss_total=Sum("loss", default=ZERO),
        loss_in_window=Sum("loss", filter=window, default=ZERO),
    )
    compensation = application.compensation if policy.subtract_compensation else ZERO
    net_loss = max(sums["loss_in_window"] - compensation, ZERO)
    net_assets = application.net_assets
    ratio = None
    if net_assets is not None and net_assets > 0:
        ratio = (net_loss / net_assets).quantize(RATIO_PLACES, ROUND_HALF_UP)
    return {
        **sums,
        "compensation": application.compensation,
        "net_loss": net_loss,
        "net_assets": net_assets,
        "ratio": ratio,
    }


def _claimed_elsewhere(application: Application, upload: LiquidationUpload | None) -> int:
    """How many of these liquidations another live or granted application has put forward too."""
    if upload is None:
        return 0
    mine = LiquidationRecord.objects.filter(upload=upload)
    others = LiquidationRecord.objects.filter(reference__in=mine.values("reference"))
    others = others.exclude(upload__application=application).exclude(
        upload__application__state__in=[State.WITHDRAWN, State.DECLINED, State.LAPSED, State.DRAFT]
    )
    claimed = set(others.values_list("venue", "reference").distinct())
    return len(claimed & set(mine.values_list("venue", "reference"))) if claimed else 0


def assessment_lines(
    application: Application, policy: FundPolicy, figures: dict[str, Any], claimed_elsewhere: int
) -> list[dict[str, Any]]:
    """Each line of the assessment: the rule, the figure, where the line is, and met, missed or notice."""
    currency = application.fund.currency
    outside = figures["rows_total"] - figures["rows_in_window"]
    ratio, net_loss = figures["ratio"], figures["net_loss"]
    window = f"{policy.window_start:%Y-%m-%d %H:%M} to {policy.window_end:%Y-%m-%d %H:%M} UTC"
    lines = [
        _line(
            "window", "Losses in the event window", figures["loss_in_window"], window,
            "met" if figures["rows_in_window"] else "missed",
            f"{figures['rows_in_window']:,} of {figures['rows_total']:,} liquidations fall in the window.",
        ),
        _line(
            "min_loss", "Net loss, earlier compensation subtracted", net_loss, policy.min_loss,
            "met" if net_loss >= policy.min_loss else "missed",
            f"{net_loss:,.2f} {currency} beside a line of {policy.min_loss:,.2f} {currency}.",
        ),
    ]  # fmt: skip
    if ratio is None:
        lines.append(
            _line(
                "min_loss_ratio", "Loss against net assets at the snapshot", None, policy.min_loss_ratio, "notice",
                "Net assets at the snapshot are not known, so there is no ratio.",
            )
        )  # fmt: skip
    else:
        lines.append(
            _line(
                "min_loss_ratio", "Loss against net assets at the snapshot", ratio, policy.min_loss_ratio,
                "met" if ratio >= policy.min_loss_ratio else "missed",
                f"{ratio:.2%} beside a line of {policy.min_loss_ratio:.2%}.",
            )
        )  # fmt: skip
    if outside:
        lines.append(
            _line(
                "outside",
                "Outside the window",
                outside,
                None,
                "notice",
                f"{outside:,} liquidations are not counted.",
            )
        )
    if figures["compensation"]:
        share = "subtracted" if policy.subtract_compensation else "not subtracted under this policy"
        sentence = f"{figures['compensation']:,.2f} {currency} was received before, {share}."
        lines.append(
            _line("compensation", "Earlier compensation", figures["compensation"], None, "notice", sentence)
        )
    if claimed_elsewhere:
        sentence = f"{claimed_elsewhere:,} of these liquidations stand in another application too."
        lines.append(_line("claimed", "Claimed elsewhere", claimed_elsewhere, None, "notice", sentence))
    return lines


def _line(rule: str, label: str, figure: Any, line: Any, result: str, sentence: str) -> dict[str, Any]:
    return {
        "rule": rule,
        "label": label,
        "figure": figure,
        "line": line,
        "result": result,
        "sentence": sentence,
    }
