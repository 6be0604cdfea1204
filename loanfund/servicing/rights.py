"""Who may do what with a running facility: one table, asked by every service and by what a face may show.

A right names the lender's roles and the partner's places that have it. That two people are needed is asked beside it,
of the row itself, since it depends on who has acted on it before.
"""

from dataclasses import dataclass

from loanfund.audit.errors import Refused
from loanfund.parties.models import Membership, Partner, User
from loanfund.parties.roles import FINANCE, OPERATIONS_CHECKER, OPERATIONS_MAKER
from loanfund.parties.selectors import has_role
from loanfund.parties.services.rights import require_place, require_role
from loanfund.servicing.models import Instruction

SIGNERS: tuple[str, ...] = (Membership.Role.OWNER, Membership.Role.SIGNATORY)
"""Who may bind a partner: ask for money, give notice, consent."""


@dataclass(frozen=True)
class Right:
    """`to` completes "You may not ..."; `lender` are groups, `partner` places at the partner whose facility it is."""

    to: str
    lender: tuple[str, ...] = ()
    partner: tuple[str, ...] = ()


MAKER, CHECKER = (OPERATIONS_MAKER,), (OPERATIONS_CHECKER,)
BOOKKEEPER, COUNTERSIGNER = (OPERATIONS_MAKER, FINANCE), (OPERATIONS_CHECKER, FINANCE)

# The maker may write down what a partner asked for by letter; its own people need no one.
REQUEST_DRAWDOWN = Right("ask for a drawdown", MAKER, SIGNERS)
CANCEL_DRAWDOWN = Right("withdraw a drawdown", MAKER, SIGNERS)
APPROVE_DRAWDOWN = Right("approve a drawdown", CHECKER)
REJECT_DRAWDOWN = Right("reject a drawdown", CHECKER)
RELEASE_DRAWDOWN = Right("release a drawdown", CHECKER)
SETTLE_DRAWDOWN = Right("record what became of a payment", MAKER)

ENTER_RECEIPT = Right("enter a receipt", BOOKKEEPER)
BOOK_RECEIPT = Right("decide on a receipt", COUNTERSIGNER)
REVERSE_RECEIPT = Right("reverse a receipt", COUNTERSIGNER)
PROPOSE_SPLIT = Right("split a receipt", BOOKKEEPER)
BOOK_SHARE = Right("decide on a share of a receipt", COUNTERSIGNER)

PROPOSE_REFUND = Right("propose a refund", BOOKKEEPER)
APPROVE_REFUND = Right("decide on a refund", CHECKER)
PAY_REFUND = Right("record a refund's payment", BOOKKEEPER)

PROPOSE_INSTRUCTION = Right("propose a change to a facility", MAKER)
GIVE_NOTICE = Right("give notice under this facility", MAKER, SIGNERS)
CONSENT = Right("consent for the borrower", (), SIGNERS)
BOOK_INSTRUCTION = Right("decide on a change to a facility", CHECKER)

RUN_CLOSE = Right("close a business day", (OPERATIONS_MAKER, OPERATIONS_CHECKER))

NOTICES = frozenset({Instruction.Kind.PREPAYMENT, Instruction.Kind.CANCELLATION})
"""What the agreement lets the borrower do by its own notice; every other change is proposed by the lender."""


def to_propose(kind: str) -> Right:
    """The right to propose an instruction of a kind."""
    return GIVE_NOTICE if kind in NOTICES else PROPOSE_INSTRUCTION


def must(right: Right, *, actor: User, partner: Partner | None = None) -> None:
    """Refused unless the actor has the right; one of the partner's people by its place at that `partner`.

    To someone with neither a role nor a place nothing is said about the facility.
    """
    if right.lender and has_role(actor, *right.lender):
        return
    if partner is not None and right.partner:
        if not actor.is_active:
            raise Refused("This account is closed.", code="forbidden")
        require_place(actor=actor, partner=partner, roles=right.partner, to=right.to)
        return
    require_role(actor=actor, roles=right.lender, to=right.to)


def may(right: Right, *, actor: User, partner: Partner | None = None) -> bool:
    """Whether `must` would let the actor pass."""
    try:
        must(right, actor=actor, partner=partner)
    except Refused:
        return False
    return True
