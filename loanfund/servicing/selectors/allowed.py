"""Which buttons a face may show: the names of the services a person may call on a row now.

They come from the table that the services ask, so that no button is shown which its service would refuse for the sake of
the person, of a second person, or of the row's state. What a service asks of the day - notice, papers, limits, what is
still held, an authority of the committee - it says itself.
"""

from loanfund.facilities.models import Facility
from loanfund.parties.models import User
from loanfund.servicing.models import (
    CloseException,
    CloseRun,
    Drawdown,
    Instruction,
    Receipt,
    ReceiptShare,
    Refund,
)
from loanfund.servicing.rights import (
    CONSENTED,
    ENTER_RECEIPT,
    GIVE_NOTICE,
    NOTICES,
    PROPOSE_INSTRUCTION,
    PROPOSE_REFUND,
    REQUEST_DRAWDOWN,
    RUN_CLOSE,
    STEPS,
    Hands,
    Row,
)


def _steps(row: Row, hands: Hands, suffix: str) -> set[str]:
    return {name for name in STEPS if name.endswith(suffix) and hands.may_take(name, row)}


def _hands(actor: User | Hands) -> Hands:
    return actor if isinstance(actor, Hands) else Hands.of(actor)


def allowed_on_drawdown(drawdown: Drawdown, actor: User | Hands) -> set[str]:
    """Of approve_drawdown, release_drawdown, settle_drawdown, fail_drawdown, reject_drawdown, cancel_drawdown.

    For a list give `rights.Hands.of(user)`, read once, and rows with `select_related("facility__partner")`.
    """
    return _steps(drawdown, _hands(actor), "_drawdown")


def allowed_on_receipt(receipt: Receipt, actor: User | Hands) -> set[str]:
    """Of book_receipt, reject_receipt, reverse_receipt, propose_split (of money matched to nobody)."""
    hands = _hands(actor)
    found = _steps(receipt, hands, "_receipt")
    if receipt.facility_id is None and hands.may_take("propose_split", receipt):
        found.add("propose_split")
    return found


def allowed_on_share(share: ReceiptShare, actor: User | Hands) -> set[str]:
    """Of book_share, refuse_share."""
    return _steps(share, _hands(actor), "_share")


def allowed_on_refund(refund: Refund, actor: User | Hands) -> set[str]:
    """Of approve_refund, refuse_refund, pay_refund, fail_refund."""
    return _steps(refund, _hands(actor), "_refund")


def allowed_on_instruction(instruction: Instruction, actor: User | Hands) -> set[str]:
    """Of consent_to_instruction, book_instruction, refuse_instruction (for its maker: a withdrawal)."""
    found = _steps(instruction, _hands(actor), "_instruction")
    if instruction.kind not in CONSENTED or instruction.consent_by_id is not None:
        found.discard("consent_to_instruction")
    if instruction.kind == Instruction.Kind.AMENDMENT and instruction.consent_by_id is None:
        found.discard("book_instruction")
    return found


def allowed_on_facility(facility: Facility, actor: User | Hands) -> set[str]:
    """Of request_drawdown, propose_refund, and "propose:" with each kind of instruction that the person may propose."""
    hands, partner = _hands(actor), facility.partner_id
    found = {f"propose:{kind}" for kind in NOTICES if hands.have(GIVE_NOTICE, partner)}
    if hands.have(PROPOSE_INSTRUCTION, partner):
        found |= {f"propose:{kind}" for kind in Instruction.Kind.values}
    if facility.state == Facility.State.AVAILABLE and hands.have(REQUEST_DRAWDOWN, partner):
        found.add("request_drawdown")
    if hands.have(PROPOSE_REFUND, partner):
        found.add("propose_refund")
    return found


def allowed_on_desk(actor: User | Hands) -> set[str]:
    """What needs no row yet: of enter_receipt, import_payments, request_close."""
    hands = _hands(actor)
    found = {"enter_receipt", "import_payments"} if hands.have(ENTER_RECEIPT, None) else set()
    return found | ({"request_close"} if hands.have(RUN_CLOSE, None) else set())


def allowed_on_close(run: CloseRun, actor: User | Hands) -> set[str]:
    """Of resume_close, for a run that stopped."""
    stopped = run.state == CloseRun.State.STOPPED
    return {"resume_close"} if stopped and _hands(actor).have(RUN_CLOSE, None) else set()


def allowed_on_exception(exception: CloseException, actor: User | Hands) -> set[str]:
    """Of request_retry, for a facility that a close left behind and that nobody has asked to retry."""
    waits = exception.state == CloseException.State.OPEN
    return {"request_retry"} if waits and _hands(actor).have(RUN_CLOSE, None) else set()
