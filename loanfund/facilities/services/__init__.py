"""The verbs of funds, policies, promises and agreements."""

from loanfund.facilities.services.agreements import (
    add_terms,
    flag_default,
    grant_authority,
    grant_headroom,
    move_facility,
    sign_facility,
)
from loanfund.facilities.services.conditions import (
    accept_evidence,
    refuse_evidence,
    show_condition,
    waive_condition,
)
from loanfund.facilities.services.funds import (
    advance_business_date,
    book_capital,
    hold_business_date,
    lock_business_date,
    open_fund,
    set_auto_close,
)
from loanfund.facilities.services.policies import apply_limits, confirm_policy, propose_policy, refuse_policy
from loanfund.facilities.services.promises import connect_partner, release, release_all, reserve

__all__ = [
    "accept_evidence",
    "add_terms",
    "advance_business_date",
    "apply_limits",
    "book_capital",
    "confirm_policy",
    "connect_partner",
    "flag_default",
    "grant_authority",
    "grant_headroom",
    "hold_business_date",
    "lock_business_date",
    "move_facility",
    "open_fund",
    "propose_policy",
    "refuse_evidence",
    "refuse_policy",
    "release",
    "release_all",
    "reserve",
    "set_auto_close",
    "show_condition",
    "sign_facility",
    "waive_condition",
]
