"""Reads of reporting: statements."""

from loanfund.reporting.selectors.scopes import Subject, partner_of
from loanfund.reporting.selectors.statements import DoesNotTie, facility_statement, statement_for

__all__ = ["DoesNotTie", "Subject", "facility_statement", "partner_of", "statement_for"]
