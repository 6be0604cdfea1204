"""The finance desk's reports: `REPORTS` has each by its slug, so that one page and one writer serve them all."""

from loanfund.reporting.reports import accruals, cash, desk, forecasts, ledgers, lending
from loanfund.reporting.reports.report import Check, Column, Kind, Parameter, Report, ReportSpec

REPORTS: dict[str, ReportSpec] = {
    spec.slug: spec
    for spec in (*ledgers.SPECS, *accruals.SPECS, *lending.SPECS, *forecasts.SPECS, *desk.SPECS, *cash.SPECS)
}

__all__ = ["REPORTS", "Check", "Column", "Kind", "Parameter", "Report", "ReportSpec"]
