"""Reads of funds, policies and agreements."""

from loanfund.facilities.selectors.agreements import (
    authority_for,
    conditions_standing,
    current_terms,
    open_conditions,
    terms_on,
)
from loanfund.facilities.selectors.exposure import (
    Exposure,
    FundPosition,
    LimitAfter,
    LimitUse,
    concentration,
    fund_position,
    headroom_owners,
    limit_of,
    limits_after,
    partner_exposure,
)
from loanfund.facilities.selectors.policies import MatrixNeed, needed_votes, policy_in_force

__all__ = [
    "Exposure",
    "FundPosition",
    "LimitAfter",
    "LimitUse",
    "MatrixNeed",
    "authority_for",
    "concentration",
    "conditions_standing",
    "current_terms",
    "fund_position",
    "headroom_owners",
    "limit_of",
    "limits_after",
    "needed_votes",
    "open_conditions",
    "partner_exposure",
    "policy_in_force",
    "terms_on",
]
