"""What an approval would mean: the fund and every limit after it, the group's exposure, the schedule it would have."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from loanfund.audit.errors import Refused
from loanfund.facilities.models import Fund
from loanfund.facilities.selectors import (
    Exposure,
    FundPosition,
    LimitAfter,
    fund_position,
    limits_after,
    partner_exposure,
    policy_in_force,
)
from loanfund.origination.models import Application, ImpactAssessment
from loanfund.origination.models.states import RESERVED, State
from loanfund.origination.selectors import Preview, preview_deal
from loanfund.origination.terms import checked_deal
from loanfund.parties.templatetags.money import money, percent

PROMISED = RESERVED | {State.ACCEPTED}
"""States in which the book already holds what was approved, so that it must not be counted a second time."""
AMOUNTS = {"min_loss", "compensation"}
RATIOS = {"min_loss_ratio"}


@dataclass(frozen=True)
class Weighed:
    """What saying yes to `amount` does, in the fund's currency; `more` is what is not in the book yet."""

    amount: Decimal
    more: Decimal
    position: FundPosition
    available_after: Decimal
    reserved_after: Decimal
    limits: list[LimitAfter]
    exposure: Exposure
    partner_after: Decimal
    group_after: Decimal

    @property
    def broken(self) -> list[LimitAfter]:
        """The limits that it would break."""
        return [limit for limit in self.limits if not limit.holds]


def weighed(application: Application, amount: Decimal, on: date) -> Weighed:
    """The fund, the limits and the group as they would be once `amount` is approved."""
    fund, partner = application.fund, application.partner
    more = Decimal(0) if application.state in PROMISED else amount
    position = fund_position(fund)
    exposure = partner_exposure(fund=fund, partner=partner)
    return Weighed(
        amount=amount,
        more=more,
        position=position,
        available_after=position.available - more,
        reserved_after=position.reserved + more,
        limits=limits_after(
            fund=fund, partner=partner, tenor_months=application.tenor_months, amount=more, on=on
        ),
        exposure=exposure,
        partner_after=exposure.partner + more,
        group_after=exposure.group + more,
    )


@dataclass(frozen=True)
class Deal:
    """The terms of a deal, their schedule, or the sentence that says why they cannot be."""

    terms: Mapping[str, Any]
    preview: Preview | None
    wrong: str


def previewed(fund: Fund, amount: Decimal, deal: Mapping[str, Any], on: date) -> Deal:
    """The schedule of a deal signed on a day; terms that cannot work come with the reason instead."""
    try:
        whole = checked_deal(deal)
        return Deal(whole, preview_deal(fund=fund, amount=amount, deal=whole, signed_on=on), "")
    except Refused as refused:
        return Deal(deal, None, refused.sentence)


def deal_of(application: Application, on: date) -> dict[str, Any]:
    """The deal as it would be proposed today: the policy's pricing, then the request. Whether it can be is not looked at."""
    asked = {
        "tenor_months": application.tenor_months,
        "profile": application.profile,
        "interest_only_months": application.interest_only_months,
        "revolving": application.revolving,
    }
    return {**policy_in_force(application.fund, on).pricing, **asked}


def assessment_rows(assessment: ImpactAssessment | None, code: str) -> list[dict[str, str]]:
    """The lines of an assessment with figures as people write them, and the word and tone of each result."""
    tones = {"met": "ok", "missed": "bad", "notice": "warn"}
    rows = []
    for line in assessment.lines if assessment else []:
        write = (
            (lambda value: money(value, code))
            if line["rule"] in AMOUNTS
            else (lambda value: percent(value))
            if line["rule"] in RATIOS
            else str
        )
        figure = line["figure"]
        if line["rule"] == "window":
            figure = money(figure, code)
        elif figure is not None:
            figure = write(figure)
        held = line["line"]
        held = write(held) if held is not None and line["rule"] in AMOUNTS | RATIOS else (held or "–")
        rows.append(
            {
                "label": line["label"],
                "figure": figure if figure is not None else "not known",
                "line": held,
                "result": line["result"],
                "tone": tones[line["result"]],
                "sentence": line["sentence"],
            }
        )
    return rows
