"""The fund at a glance, and what each limit leaves."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from loanfund.facilities.models import Fund, FundPolicy
from loanfund.facilities.selectors.policies import policy_in_force
from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import AccountKind, Balance
from loanfund.ledger.selectors import balance
from loanfund.parties.models import ConnectedGroup, Partner

ZERO = Decimal(0)
FUND_KINDS = {
    "available": AccountKind.M_AVAILABLE,
    "reserved": AccountKind.M_RESERVED,
    "undrawn": AccountKind.M_UNDRAWN,
    "earmarked": AccountKind.M_EARMARKED,
    "drawn": AccountKind.M_DRAWN,
    "repaid": AccountKind.M_REPAID,
    "written_off": AccountKind.M_WRITTEN_OFF,
}


@dataclass(frozen=True)
class FundPosition:
    """Where the fund's size stands, in its currency. size = the sum of the seven others, less what is over limit."""

    size: Decimal
    available: Decimal
    reserved: Decimal
    undrawn: Decimal
    earmarked: Decimal
    drawn: Decimal
    repaid: Decimal
    written_off: Decimal
    over_limit: Decimal
    cash: Decimal

    @property
    def adds_up(self) -> bool:
        parts = self.available + self.reserved + self.undrawn + self.earmarked + self.drawn + self.repaid
        return parts + self.written_off - self.over_limit == self.size


def fund_position(fund: Fund) -> FundPosition:
    """The fund's memorandum balances and cash now, from kept balances, in one query."""
    totals = dict.fromkeys(
        [*FUND_KINDS.values(), AccountKind.M_SIZE, AccountKind.M_OVER_LIMIT, AccountKind.CASH], ZERO
    )
    rows = Balance.objects.filter(
        account__book_id=fund.book_id, account__currency=fund.currency, account__kind__in=list(totals)
    ).values_list("account__kind", "account__normal_side", "debit", "credit")
    for kind, side, debit, credit in rows:
        totals[AccountKind(kind)] += debit - credit if side == "D" else credit - debit
    return FundPosition(
        size=totals[AccountKind.M_SIZE],
        over_limit=totals[AccountKind.M_OVER_LIMIT],
        cash=totals[AccountKind.CASH],
        **{name: totals[kind] for name, kind in FUND_KINDS.items()},
    )


def headroom_owners(policy: FundPolicy, *, partner: Partner, tenor_months: int) -> tuple[str, ...]:
    """The limits a new promise to `partner` for `tenor_months` months counts against, as account owners."""
    owners = [f"partner:{partner.pk}"]
    if partner.group_id:
        owners.append(f"group:{partner.group_id}")
    if partner.segment:
        owners.append(f"segment:{partner.segment}")
    owners += [
        f"tenor:{row.over_months}" for row in policy.tenor_limits.all() if tenor_months > row.over_months
    ]
    return tuple(owners)


def limit_of(policy: FundPolicy, owner: str) -> Decimal:
    """The limit that policy sets for one owner ("partner:7", "segment:exchange", ...); the fund's size when it sets none."""
    kind, _, key = owner.partition(":")
    found: Decimal | None = None
    if kind == "partner":
        found = policy.partner_limit
    elif kind == "group":
        found = policy.group_limit
    elif kind == "segment":
        found = next((row.amount for row in policy.segment_limits.all() if row.segment == key), None)
    elif kind == "tenor":
        found = next((row.amount for row in policy.tenor_limits.all() if str(row.over_months) == key), None)
    return min(found, policy.fund.size) if found is not None else policy.fund.size


@dataclass(frozen=True)
class LimitAfter:
    """One limit before and after a promise of some amount, in the fund's currency. `holds` is False when it breaks."""

    owner: str
    label: str
    limit: Decimal
    promised_before: Decimal
    promised_after: Decimal

    @property
    def left_after(self) -> Decimal:
        return self.limit - self.promised_after

    @property
    def holds(self) -> bool:
        return self.left_after >= 0


def limits_after(
    *, fund: Fund, partner: Partner, tenor_months: int, amount: Decimal, on: date
) -> list[LimitAfter]:
    """Every limit that a promise of `amount` to `partner` would count against, the fund's own size first."""
    policy = policy_in_force(fund, on)
    position = fund_position(fund)
    used = position.size - position.available
    found = [LimitAfter("fund", "the fund", position.size, used, used + amount)]
    for owner in headroom_owners(policy, partner=partner, tenor_months=tenor_months):
        before = balance(AccountRef(AccountKind.M_PROMISED, fund.currency, owner), book_id=fund.book_id)
        label = owner_label(owner, partner)
        found.append(LimitAfter(owner, label, limit_of(policy, owner), before, before + amount))
    return found


def segment_words(segment: str) -> str:
    """How a segment is called in a sentence; a policy may name one that no partner is in."""
    return f"the segment of {dict(Partner.Segment.choices).get(segment, segment)}"


def owner_label(owner: str, partner: Partner) -> str:
    """How a limit's owner is called in a sentence."""
    kind, _, key = owner.partition(":")
    if kind == "partner":
        return partner.legal_name
    if kind == "group" and partner.group is not None:
        return f"the group {partner.group.name}"
    if kind == "tenor":
        return f"loans over {key} months"
    return segment_words(key)


@dataclass(frozen=True)
class Exposure:
    """What the fund has promised to a partner and to its connected group: reserved, undrawn, earmarked and drawn."""

    partner: Decimal
    group: Decimal


def partner_exposure(*, fund: Fund, partner: Partner) -> Exposure:
    """Promised to the partner and to its group (the partner itself when it stands alone), in the fund's currency."""
    own = balance(
        AccountRef(AccountKind.M_PROMISED, fund.currency, f"partner:{partner.pk}"), book_id=fund.book_id
    )
    if not partner.group_id:
        return Exposure(own, own)
    group = balance(
        AccountRef(AccountKind.M_PROMISED, fund.currency, f"group:{partner.group_id}"), book_id=fund.book_id
    )
    return Exposure(own, group)


@dataclass(frozen=True)
class LimitUse:
    """One limit of the fund, what is promised under it and what is over it, in the fund's currency."""

    kind: str
    key: str
    label: str
    limit: Decimal
    promised: Decimal
    over: Decimal


def concentration(fund: Fund) -> list[LimitUse]:
    """Every partner, group, segment and tenor that something was ever promised to, by kind, the largest first.

    Three queries, however many there are.
    """
    kinds = {
        AccountKind.M_LIMIT: "limit",
        AccountKind.M_PROMISED: "promised",
        AccountKind.M_OVER_HEADROOM: "over",
    }
    found: dict[str, dict[str, Decimal]] = {}
    rows = Balance.objects.filter(
        account__book_id=fund.book_id, account__currency=fund.currency, account__kind__in=list(kinds)
    ).values_list("account__owner", "account__kind", "account__normal_side", "debit", "credit")
    for owner, kind, side, debit, credit in rows:
        sums = found.setdefault(owner, dict.fromkeys(kinds.values(), ZERO))
        sums[kinds[AccountKind(kind)]] = debit - credit if side == "D" else credit - debit
    keys = {owner: owner.partition(":") for owner in found}
    partners = Partner.objects.in_bulk([key for kind, _, key in keys.values() if kind == "partner"])
    groups = ConnectedGroup.objects.in_bulk([key for kind, _, key in keys.values() if kind == "group"])
    labels = {f"partner:{pk}": partner.legal_name for pk, partner in partners.items()}
    labels |= {f"group:{pk}": group.name for pk, group in groups.items()}
    labels |= {f"segment:{value}": str(label) for value, label in Partner.Segment.choices}
    uses = [
        LimitUse(keys[owner][0], keys[owner][2], labels.get(owner, _tenor_label(keys[owner][2])), **sums)
        for owner, sums in found.items()
    ]
    return sorted(uses, key=lambda use: (use.kind, -use.promised, use.key))


def _tenor_label(months: str) -> str:
    return f"over {months} months"
