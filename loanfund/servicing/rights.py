"""Who may do what with a running facility: one table, asked by every service and by what a face may show.

A right names the lender's roles and the partner's places that have it. A step adds what is asked of the row: the states
in which it can be taken, and whose hands must not be the actor's.
"""

from dataclasses import dataclass

from loanfund.audit.errors import Refused
from loanfund.parties.models import Membership, Partner, User
from loanfund.parties.roles import FINANCE, OPERATIONS_CHECKER, OPERATIONS_MAKER
from loanfund.parties.selectors import has_role
from loanfund.parties.services.rights import require_place, require_role
from loanfund.servicing.models import (
    BorrowerRequest,
    CashPair,
    Drawdown,
    HandJournal,
    Instruction,
    Receipt,
    ReceiptShare,
    Refund,
)

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

PROPOSE_JOURNAL = Right("propose an entry by hand", BOOKKEEPER)
BOOK_JOURNAL = Right("decide on an entry by hand", COUNTERSIGNER)

PROPOSE_PAIR = Right("pair cash with a statement", BOOKKEEPER)
CONFIRM_PAIR = Right("decide on a pair", COUNTERSIGNER)

ASK_TO_CHANGE = Right("ask for this", (), SIGNERS)
ASK_OR_TELL = Right("write to the lender for this partner", (), (*SIGNERS, Membership.Role.PREPARER))
ANSWER_REQUEST = Right("answer a borrower's request", BOOKKEEPER)

RUN_CLOSE = Right("close a business day", (OPERATIONS_MAKER, OPERATIONS_CHECKER))

NOTICES = frozenset({Instruction.Kind.PREPAYMENT, Instruction.Kind.CANCELLATION})
"""What the agreement lets the borrower do by its own notice; every other change is proposed by the lender."""


CONSENTED = frozenset({Instruction.Kind.AMENDMENT, Instruction.Kind.PAYMENT_HOLIDAY})
"""What changes the agreement itself: the borrower may consent to it, and to an amendment must."""


@dataclass(frozen=True)
class Step:
    """One thing to be done with a row. `done` completes "it cannot be ..."; `others` are the row's fields that name who
    has acted on it and so may not take this step."""

    right: Right
    states: frozenset[str]
    done: str
    others: tuple[str, ...] = ()


Row = Drawdown | Receipt | ReceiptShare | Refund | Instruction | HandJournal | BorrowerRequest | CashPair
_D, _R, _S, _F, _I = Drawdown.State, Receipt.State, ReceiptShare.State, Refund.State, Instruction.State
_J, _B, _P = HandJournal.State, BorrowerRequest.State, CashPair.State
ASKED = frozenset({_D.REQUESTED, _D.APPROVED})
"""States of a drawdown whose money has not left."""

STEPS: dict[str, Step] = {
    "approve_drawdown": Step(APPROVE_DRAWDOWN, frozenset({_D.REQUESTED}), "approved", ("requested_by",)),
    "release_drawdown": Step(
        RELEASE_DRAWDOWN, frozenset({_D.APPROVED}), "released", ("requested_by", "approved_by")
    ),
    "settle_drawdown": Step(SETTLE_DRAWDOWN, frozenset({_D.RELEASED}), "settled"),
    "fail_drawdown": Step(SETTLE_DRAWDOWN, frozenset({_D.RELEASED}), "recorded as failed"),
    "reject_drawdown": Step(REJECT_DRAWDOWN, ASKED, "rejected"),
    "cancel_drawdown": Step(CANCEL_DRAWDOWN, ASKED, "cancelled"),
    "book_receipt": Step(BOOK_RECEIPT, frozenset({_R.ENTERED}), "booked", ("maker",)),
    "reject_receipt": Step(BOOK_RECEIPT, frozenset({_R.ENTERED}), "rejected", ("maker",)),
    "reverse_receipt": Step(REVERSE_RECEIPT, frozenset({_R.BOOKED}), "reversed", ("checker",)),
    "propose_split": Step(PROPOSE_SPLIT, frozenset({_R.BOOKED}), "split"),
    "book_share": Step(BOOK_SHARE, frozenset({_S.PROPOSED}), "booked", ("maker",)),
    "refuse_share": Step(BOOK_SHARE, frozenset({_S.PROPOSED}), "refused", ("maker",)),
    "approve_refund": Step(APPROVE_REFUND, frozenset({_F.PROPOSED}), "approved", ("maker",)),
    "refuse_refund": Step(APPROVE_REFUND, frozenset({_F.PROPOSED}), "refused", ("maker",)),
    "pay_refund": Step(PAY_REFUND, frozenset({_F.APPROVED}), "paid"),
    "fail_refund": Step(PAY_REFUND, frozenset({_F.APPROVED}), "taken back"),
    "consent_to_instruction": Step(CONSENT, frozenset({_I.PROPOSED}), "consented to"),
    "book_instruction": Step(BOOK_INSTRUCTION, frozenset({_I.PROPOSED}), "booked", ("maker",)),
    "withdraw_request": Step(ASK_OR_TELL, frozenset({_B.OPEN}), "withdrawn"),
    "answer_request": Step(ANSWER_REQUEST, frozenset({_B.OPEN}), "answered"),
    "book_journal": Step(BOOK_JOURNAL, frozenset({_J.PROPOSED}), "booked", ("maker",)),
    "refuse_journal": Step(BOOK_JOURNAL, frozenset({_J.PROPOSED}), "refused", ("maker",)),
    "confirm_pair": Step(CONFIRM_PAIR, frozenset({_P.PROPOSED}), "confirmed", ("maker",)),
    "refuse_pair": Step(CONFIRM_PAIR, frozenset({_P.PROPOSED}), "refused", ("maker",)),
    "undo_pair": Step(PROPOSE_PAIR, frozenset({_P.CONFIRMED}), "undone"),
    "refuse_instruction": Step(BOOK_INSTRUCTION, frozenset({_I.PROPOSED}), "refused", ("maker",)),
}
"""By the name of the service that takes it."""


def step_of(service: str, row: Row, actor: User) -> Step:
    """The step a service takes with a row. Who refuses its own proposal withdraws it: that takes no second person."""
    if service == "refuse_instruction" and isinstance(row, Instruction) and row.maker_id == actor.pk:
        return Step(to_propose(row.kind), frozenset({_I.PROPOSED}), "withdrawn")
    if service == "withdraw_request" and isinstance(row, BorrowerRequest):
        return Step(to_ask(row.kind), frozenset({_B.OPEN}), "withdrawn")  # by those who may ask for it
    if service == "refuse_journal" and isinstance(row, HandJournal) and row.maker_id == actor.pk:
        return Step(PROPOSE_JOURNAL, frozenset({_J.PROPOSED}), "withdrawn")
    if service == "refuse_pair" and isinstance(row, CashPair) and row.maker_id == actor.pk:
        return Step(PROPOSE_PAIR, frozenset({_P.PROPOSED}), "withdrawn")
    return STEPS[service]


def partner_of(row: Row) -> Partner | None:
    """The partner whose facility a row is about; None for money that is not matched yet."""
    facility = row.facility
    return None if facility is None else facility.partner


def must_take(service: str, row: Row, *, actor: User) -> None:
    """Refused unless the row, as it stands now, lets the actor take this step: asked once it is locked."""
    step = step_of(service, row, actor)
    must(step.right, actor=actor, partner=partner_of(row))
    if row.state not in step.states:
        raise Refused(f"{row} is {row.get_state_display()}: it cannot be {step.done}.", code="state")
    for name in step.others:
        if getattr(row, f"{name}_id") == actor.pk:
            acted = _ACTED.get(name, "put this forward")
            raise Refused(f"You {acted} yourself; another person has to decide on it.", code="four_eyes")


_ACTED = {"approved_by": "approved this", "checker": "booked this"}


def to_propose(kind: str) -> Right:
    """The right to propose an instruction of a kind."""
    return GIVE_NOTICE if kind in NOTICES else PROPOSE_INSTRUCTION


def to_ask(kind: str) -> Right:
    """The right to send a request of a kind: what would change the agreement or move money is for those who bind."""
    return ASK_TO_CHANGE if kind in _TO_CHANGE else ASK_OR_TELL


_TO_CHANGE = frozenset({BorrowerRequest.Kind.PAYMENT_HOLIDAY, BorrowerRequest.Kind.REFUND})


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


@dataclass(frozen=True)
class Hands:
    """What one person may do anywhere: read once for a page, however many rows it shows."""

    user: User
    roles: frozenset[str]
    places: dict[int, str]

    @classmethod
    def of(cls, user: User) -> "Hands":
        """Two queries: the lender's roles, and the open places by partner. Nobody inactive may do anything."""
        if not user.is_active:
            return cls(user, frozenset(), {})
        places = Membership.objects.filter(user=user, ended_on__isnull=True)
        return cls(
            user,
            frozenset(user.groups.values_list("name", flat=True)),
            dict(places.values_list("partner_id", "role")),
        )

    def have(self, right: Right, partner_id: int | None) -> bool:
        """Whether `must` would let this person pass."""
        place = None if partner_id is None else self.places.get(partner_id)
        return bool(self.roles & set(right.lender)) or place in right.partner

    def may_take(self, service: str, row: Row) -> bool:
        """Whether `must_take` would let this person pass."""
        step, partner = step_of(service, row, self.user), partner_of(row)
        return (
            row.state in step.states
            and all(getattr(row, f"{name}_id") != self.user.pk for name in step.others)
            and self.have(step.right, None if partner is None else partner.pk)
        )
