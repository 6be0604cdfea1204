"""What happens to a facility after signing: money out, money in, and every night between."""

from loanfund.servicing.models.accruals import Accrual, AccrualClass, DayFactor, FacilityAccrual
from loanfund.servicing.models.close import CloseBatch, CloseException, CloseRun, CloseStep, Diary
from loanfund.servicing.models.drawdowns import Drawdown
from loanfund.servicing.models.events import Allocation, ControlPosting, Due, Event, InterestPeriod, Loan
from loanfund.servicing.models.instructions import Instruction
from loanfund.servicing.models.journals import HandJournal
from loanfund.servicing.models.pairs import CashPair, CashPairSide
from loanfund.servicing.models.receipts import (
    BankImport,
    BankImportRow,
    ClosingBalance,
    Receipt,
    ReceiptShare,
    Refund,
)
from loanfund.servicing.models.requests import BorrowerRequest

__all__ = [
    "Accrual",
    "AccrualClass",
    "Allocation",
    "BankImport",
    "BankImportRow",
    "BorrowerRequest",
    "CashPair",
    "CashPairSide",
    "CloseBatch",
    "CloseException",
    "CloseRun",
    "CloseStep",
    "ClosingBalance",
    "ControlPosting",
    "DayFactor",
    "Diary",
    "Drawdown",
    "Due",
    "Event",
    "FacilityAccrual",
    "HandJournal",
    "Instruction",
    "InterestPeriod",
    "Loan",
    "Receipt",
    "ReceiptShare",
    "Refund",
]
