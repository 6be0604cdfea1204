"""The finance desk, each subject in a module of its own. Importing them puts their pages into the office."""

from loanfund.office.finance import fixings, reports, statements

__all__ = ["fixings", "reports", "statements"]
