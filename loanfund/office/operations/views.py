"""The operations desk, each subject in a module of its own; loaded in the order in which the menu has them."""

from importlib import import_module

SUBJECTS = (
    "drawdowns",
    "receipts",
    "receipt",
    "refunds",
    "requests",
    "facilities",
    "loans",
    "conditions",
    "instructions",
    "closes",
    "journals",
    "settlement",
    "policies",
    "people",
)
for subject in SUBJECTS:
    import_module(f"loanfund.office.operations.{subject}")
