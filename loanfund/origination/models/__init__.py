"""From an application to an accepted offer: what was asked, shown, weighed, voted, decided and signed."""

from loanfund.origination.models.applications import Application, ApplicationDocument
from loanfund.origination.models.committee import (
    Committee,
    CommitteeMember,
    ConflictDeclaration,
    Decision,
    Meeting,
    Proposal,
    Vote,
)
from loanfund.origination.models.evidence import ImpactAssessment, LiquidationRecord, LiquidationUpload
from loanfund.origination.models.offers import Offer, OfferSignature
from loanfund.origination.models.review import Answer, CreditMemo, Question, Scorecard, ThreadFile

__all__ = [
    "Answer",
    "Application",
    "ApplicationDocument",
    "Committee",
    "CommitteeMember",
    "ConflictDeclaration",
    "CreditMemo",
    "Decision",
    "ImpactAssessment",
    "LiquidationRecord",
    "LiquidationUpload",
    "Meeting",
    "Offer",
    "OfferSignature",
    "Proposal",
    "Question",
    "Scorecard",
    "ThreadFile",
    "Vote",
]
