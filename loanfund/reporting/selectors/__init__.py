"""Reads of reporting: statements, what is ahead, and where a figure comes from."""

from loanfund.reporting.selectors.ahead import Ahead, dues_ahead
from loanfund.reporting.selectors.explain import NightTrail, Trail, explain_entry, explain_nights
from loanfund.reporting.selectors.figures import Figure, Movement, explain_figure
from loanfund.reporting.selectors.monthly import being_made, month_statements
from loanfund.reporting.selectors.months import (
    Progress,
    TieOut,
    month_progress,
    tie_out_of,
    waits_for_a_worker,
)
from loanfund.reporting.selectors.scopes import Subject, partner_of
from loanfund.reporting.selectors.statements import DoesNotTie, facility_statement, statement_for

__all__ = [
    "Ahead",
    "DoesNotTie",
    "Figure",
    "Movement",
    "NightTrail",
    "Progress",
    "Subject",
    "TieOut",
    "Trail",
    "being_made",
    "dues_ahead",
    "explain_entry",
    "explain_figure",
    "explain_nights",
    "facility_statement",
    "month_progress",
    "month_statements",
    "partner_of",
    "statement_for",
    "tie_out_of",
    "waits_for_a_worker",
]
