"""Reads of reporting: statements, and what is ahead."""

from loanfund.reporting.selectors.ahead import Ahead, dues_ahead
from loanfund.reporting.selectors.months import Progress, month_progress, waits_for_a_worker
from loanfund.reporting.selectors.scopes import Subject, partner_of
from loanfund.reporting.selectors.statements import DoesNotTie, facility_statement, statement_for

__all__ = [
    "Ahead",
    "DoesNotTie",
    "Progress",
    "Subject",
    "dues_ahead",
    "facility_statement",
    "month_progress",
    "partner_of",
    "statement_for",
    "waits_for_a_worker",
]
