"""The finance desk, each subject in a module of its own; loaded in the order in which the menu has them."""

from importlib import import_module

SUBJECTS = ("statements", "month_runs", "reports", "month_end", "fixings", "explaining", "pairing")
for subject in SUBJECTS:
    import_module(f"loanfund.office.finance.{subject}")
