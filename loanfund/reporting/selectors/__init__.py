"""Reads of reporting: statements, and what is ahead."""

from loanfund.reporting.selectors.ahead import Ahead, dues_ahead
from loanfund.reporting.selectors.scopes import Subject, partner_of
from loanfund.reporting.selectors.statements import DoesNotTie, facility_statement, statement_for

__all__ = [
    "Ahead",
    "DoesNotTie",
    "Subject",
    "dues_ahead",
    "facility_statement",
    "partner_of",
    "statement_for",
]
