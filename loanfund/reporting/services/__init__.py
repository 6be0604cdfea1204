"""The verbs of reporting: taking statements and reports out of the books."""

from loanfund.reporting.services.reports import Stream, export_report, read_report, reports_for
from loanfund.reporting.services.statements import FORMATS, READERS, Export, export_statement, require_reader

__all__ = [
    "FORMATS",
    "READERS",
    "Export",
    "Stream",
    "export_report",
    "export_statement",
    "read_report",
    "reports_for",
    "require_reader",
]
