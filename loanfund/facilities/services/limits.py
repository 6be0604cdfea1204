"""Policy limits as balances: each limit is a headroom account that the database keeps at zero or above."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from loanfund.facilities import postings
from loanfund.facilities.models import Fund, FundPolicy, LimitException
from loanfund.facilities.selectors.exposure import limit_of
from loanfund.facilities.services.drafts import draft
from loanfund.ledger.chart import AccountRef, EntryDraft
from loanfund.ledger.models import Account, AccountKind
from loanfund.ledger.selectors import balance


def owners_with_limits(fund: Fund) -> list[str]:
    """Every owner whose limit is in the fund's book already."""
    return list(
        Account.objects.filter(book_id=fund.book_id, kind=AccountKind.M_LIMIT, currency=fund.currency)
        .order_by("owner")
        .values_list("owner", flat=True)
    )


def limit_entries(*, fund: Fund, policy: FundPolicy, owners: Iterable[str], on: date) -> list[EntryDraft]:
    """The entries that bring each owner's limit in the book to what the policy says, exceptions included.

    The key names the owner, the policy and the exceptions: two who find the same difference at the same time post it once.
    """
    found = []
    for owner in owners:
        exceptions = LimitException.objects.filter(fund=fund, owner=owner).values_list("amount", flat=True)
        target = limit_of(policy, owner) + sum(exceptions, Decimal(0))
        standing = balance(AccountRef(AccountKind.M_LIMIT, fund.currency, owner), book_id=fund.book_id)
        if target != standing:
            found.append(
                draft(
                    fund,
                    key=f"fund:{fund.pk}:limit:{owner}:policy:{policy.version}:exceptions:{len(exceptions)}",
                    kind="limit_set",
                    legs=postings.limit_set(
                        currency=fund.currency, owner=owner, before=standing, after=target
                    ),
                    on=on,
                    cause=f"policy:{policy.pk}",
                )
            )
    return found
