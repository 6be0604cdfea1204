"""The verbs of servicing."""

from loanfund.servicing.services.closing import (
    auto_close_due,
    close_day,
    close_through,
    request_close,
    request_retry,
    resume_close,
    retry_exceptions,
)
from loanfund.servicing.services.drawdowns import (
    approve_drawdown,
    cancel_drawdown,
    fail_drawdown,
    reject_drawdown,
    release_drawdown,
    request_drawdown,
    settle_drawdown,
)
from loanfund.servicing.services.imports import import_payments
from loanfund.servicing.services.instructions import (
    book_instruction,
    consent_to_instruction,
    propose_instruction,
    propose_reversal,
    refuse_instruction,
    what_if,
)
from loanfund.servicing.services.journals import book_journal, propose_journal, refuse_journal
from loanfund.servicing.services.pairs import confirm_pair, propose_pair, refuse_pair, undo_pair
from loanfund.servicing.services.receipts import (
    book_receipt,
    book_share,
    enter_receipt,
    match_payment,
    propose_split,
    refuse_share,
    reject_receipt,
    reverse_receipt,
)
from loanfund.servicing.services.refunds import (
    approve_refund,
    fail_refund,
    pay_refund,
    propose_refund,
    refuse_refund,
)
from loanfund.servicing.services.requests import answer_request, ask_lender, withdraw_request
from loanfund.servicing.services.telling import tell_day

__all__ = [
    "answer_request",
    "approve_drawdown",
    "approve_refund",
    "ask_lender",
    "auto_close_due",
    "book_instruction",
    "book_journal",
    "book_receipt",
    "book_share",
    "cancel_drawdown",
    "close_day",
    "close_through",
    "confirm_pair",
    "consent_to_instruction",
    "enter_receipt",
    "fail_drawdown",
    "fail_refund",
    "import_payments",
    "match_payment",
    "pay_refund",
    "propose_instruction",
    "propose_journal",
    "propose_pair",
    "propose_refund",
    "propose_reversal",
    "propose_split",
    "refuse_instruction",
    "refuse_journal",
    "refuse_pair",
    "refuse_refund",
    "refuse_share",
    "reject_drawdown",
    "reject_receipt",
    "release_drawdown",
    "request_close",
    "request_drawdown",
    "request_retry",
    "resume_close",
    "retry_exceptions",
    "reverse_receipt",
    "settle_drawdown",
    "tell_day",
    "undo_pair",
    "what_if",
    "withdraw_request",
]
