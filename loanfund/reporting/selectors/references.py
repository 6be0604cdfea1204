"""What an entry or an allocation came from, by the number that people know it by."""

from collections.abc import Iterable

from loanfund.servicing.models import Drawdown, HandJournal, Instruction, Receipt, Refund

NUMBERED: dict[str, type[Receipt | Refund | Drawdown | Instruction | HandJournal]] = {
    "receipt": Receipt,
    "refund": Refund,
    "drawdown": Drawdown,
    "instruction": Instruction,
    "journal": HandJournal,
}


def references(causes: Iterable[str]) -> dict[str, str]:
    """The number of each cause such as "receipt:85", with the reference of its payment behind it: "RC-0085, BANK-17".

    A cause without a number of its own (a close) has none here.
    """
    wanted: dict[str, set[int]] = {}
    for cause in causes:
        kind, _, pk = cause.partition(":")
        if kind in NUMBERED and pk.isdigit():
            wanted.setdefault(kind, set()).add(int(pk))
    found = {}
    for kind, keys in wanted.items():
        for row in NUMBERED[kind].objects.filter(pk__in=keys):
            paid = getattr(row, "transfer_hash", "") or getattr(row, "reference", "")
            found[f"{kind}:{row.pk}"] = f"{row.number}, {paid}" if paid else row.number
    return found


def source_number(source: str) -> str:
    """The human number in the id of the event that paid: "RC-0085:17" is a share of receipt RC-0085."""
    return source.partition(":")[0]
