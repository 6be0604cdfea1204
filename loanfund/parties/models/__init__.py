"""Who takes part: people, partners with their papers and accounts, what they are told, and who holds which role."""

from loanfund.parties.models.partners import (
    ApiKey,
    BeneficialOwner,
    ConnectedGroup,
    Invitation,
    KybPaper,
    Membership,
    Notice,
    Partner,
    SettlementAccount,
    StoredFile,
)
from loanfund.parties.models.people import FourEyes, User, UserManager
from loanfund.parties.models.staff import RoleChange

__all__ = [
    "ApiKey",
    "BeneficialOwner",
    "ConnectedGroup",
    "FourEyes",
    "Invitation",
    "KybPaper",
    "Membership",
    "Notice",
    "Partner",
    "RoleChange",
    "SettlementAccount",
    "StoredFile",
    "User",
    "UserManager",
]
