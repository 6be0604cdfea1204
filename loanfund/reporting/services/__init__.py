"""The verbs of reporting: taking statements out of the books."""

from loanfund.reporting.services.statements import FORMATS, READERS, Export, export_statement, require_reader

__all__ = ["FORMATS", "READERS", "Export", "export_statement", "require_reader"]
