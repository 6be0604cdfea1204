"""The verbs of reporting: taking statements and reports out of the books."""

from loanfund.reporting.services.confirmations import confirm_balance
from loanfund.reporting.services.monthly import KEPT, make_months, take_month
from loanfund.reporting.services.months import ask_month, claim_items, finish_run, make_item, open_month
from loanfund.reporting.services.reports import Stream, export_report, read_report, reports_for
from loanfund.reporting.services.statements import FORMATS, READERS, Export, export_statement, require_reader

__all__ = [
    "FORMATS",
    "KEPT",
    "READERS",
    "Export",
    "Stream",
    "ask_month",
    "claim_items",
    "confirm_balance",
    "export_report",
    "export_statement",
    "finish_run",
    "make_item",
    "make_months",
    "open_month",
    "read_report",
    "reports_for",
    "require_reader",
    "take_month",
]
