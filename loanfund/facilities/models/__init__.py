"""Funds, what their policies allow, and the agreements signed under them."""

from loanfund.facilities.models.agreements import (
    Authority,
    ConditionEvidence,
    ConditionPrecedent,
    Facility,
    FacilityTerms,
    LimitException,
    Promise,
)
from loanfund.facilities.models.funds import Fund
from loanfund.facilities.models.policies import FundPolicy, MatrixRow, SegmentLimit, TenorLimit

__all__ = [
    "Authority",
    "ConditionEvidence",
    "ConditionPrecedent",
    "Facility",
    "FacilityTerms",
    "Fund",
    "FundPolicy",
    "LimitException",
    "MatrixRow",
    "Promise",
    "SegmentLimit",
    "TenorLimit",
]
