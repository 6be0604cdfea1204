"""The verbs on people, partners, papers and what they are told."""

from loanfund.parties.services.files import check_upload, read_file, store_file, sweep_files
from loanfund.parties.services.keys import make_api_key, revoke_api_key
from loanfund.parties.services.notices import (
    claim_notices,
    in_doubt,
    mark_all_read,
    mark_read,
    notify,
    notify_address,
    notify_partner,
    send_claimed,
    settle_in_doubt,
)
from loanfund.parties.services.papers import add_paper, approve_kyb, decide_paper
from loanfund.parties.services.partners import (
    add_beneficial_owner,
    change_details,
    end_beneficial_owner,
    register_partner,
    set_group,
    set_watch_list,
)
from loanfund.parties.services.people import (
    accept_invitation,
    change_role,
    create_person,
    end_membership,
    invite,
    withdraw_invitation,
)
from loanfund.parties.services.settlement import (
    confirm_settlement_account,
    propose_settlement_account,
    retire_settlement_account,
)
from loanfund.parties.services.staff import confirm_roles, propose_roles, refuse_roles, set_first_roles

__all__ = [
    "accept_invitation",
    "add_beneficial_owner",
    "add_paper",
    "approve_kyb",
    "change_details",
    "change_role",
    "check_upload",
    "claim_notices",
    "confirm_roles",
    "confirm_settlement_account",
    "create_person",
    "decide_paper",
    "end_beneficial_owner",
    "end_membership",
    "in_doubt",
    "invite",
    "make_api_key",
    "mark_all_read",
    "mark_read",
    "notify",
    "notify_address",
    "notify_partner",
    "propose_roles",
    "propose_settlement_account",
    "read_file",
    "refuse_roles",
    "register_partner",
    "retire_settlement_account",
    "revoke_api_key",
    "send_claimed",
    "set_first_roles",
    "set_group",
    "set_watch_list",
    "settle_in_doubt",
    "store_file",
    "sweep_files",
    "withdraw_invitation",
]
