"""The finance desk: statements and reports, each in a module of its own. Importing them puts their pages into the office."""

from loanfund.office.finance import statements

__all__ = ["statements"]
