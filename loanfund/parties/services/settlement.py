"""Settlement accounts: named by a partner, confirmed by a second person, used after a cooling period."""

from datetime import date, datetime, timedelta

from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties import roles
from loanfund.parties.models import Membership, Partner, SettlementAccount, User
from loanfund.parties.selectors import has_role
from loanfund.parties.services.notices import notify_partner
from loanfund.parties.services.rights import require_place, require_second_person

State = SettlementAccount.State
SIGNERS = (Membership.Role.OWNER, Membership.Role.SIGNATORY)
COOLING_DAYS = 2
"""Days from the confirmation of an account to its first use. An assumption of ours, as nobody has published one."""


@transaction.atomic
def propose_settlement_account(
    *,
    partner: Partner,
    kind: str,
    label: str,
    currency: str,
    holder: str,
    institution: str,
    address: str,
    actor: User,
    on: date,
) -> SettlementAccount:
    """Name an account of the partner's own; nothing is paid to it before a second person has confirmed it."""
    require_place(actor=actor, partner=partner, roles=SIGNERS, to="name a settlement account")
    address = "".join(address.split())
    if not address:
        raise Refused("Give the account number, IBAN or wallet address.", field="address")
    in_use = SettlementAccount.objects.filter(partner=partner, currency=currency, address=address)
    if in_use.exclude(state__in=[State.REFUSED, State.RETIRED]).exists():
        raise Refused("This account is on the list already.", field="address")
    account = SettlementAccount.objects.create(
        partner=partner,
        kind=kind,
        label=label.strip(),
        currency=currency,
        holder=holder.strip(),
        institution=institution.strip(),
        address=address,
        maker=actor,
    )
    record(
        actor=actor,
        action="settlement_account.proposed",
        obj=account,
        on=on,
        after={"kind": kind, "currency": currency, "institution": institution, "address": address},
    )
    notify_partner(
        partner=partner,
        kind="account_proposed",
        key=f"account:{account.pk}:proposed",
        subject=f"A new settlement account waits to be confirmed: {account.label}",
        body=f"{actor.name} named an account ending in {address[-4:]} at {account.institution}. "
        "A second signatory has to confirm it. If you did not expect this, refuse it and tell us.",
        link=f"/partners/{partner.number}/company/accounts/",
        roles=SIGNERS,
        on=on,
    )
    return account


@transaction.atomic
def confirm_settlement_account(
    *,
    account: SettlementAccount,
    accept: bool,
    cooling_days: int,
    actor: User,
    on: date,
    now: datetime,
    reason: str = "",
) -> SettlementAccount:
    """A second signatory of the partner, or the lender's operations, confirms or refuses the account.

    It can be used `cooling_days` days from `on`: time to notice one that a thief put in.
    """
    if not has_role(actor, roles.OPERATIONS_CHECKER):
        require_place(actor=actor, partner=account.partner, roles=SIGNERS, to="confirm a settlement account")
    account = SettlementAccount.objects.select_for_update().get(pk=account.pk)
    require_second_person(actor=actor, maker_id=account.maker_id, what="this account")
    if account.state != State.PROPOSED:
        raise Refused(f"This account is {account.get_state_display()} already.")
    if not accept and not reason.strip():
        raise Refused("Say why it is refused.", field="reason")
    account.state = State.CONFIRMED if accept else State.REFUSED
    account.usable_from = on + timedelta(days=cooling_days) if accept else None
    account.refusal_reason = "" if accept else reason.strip()
    account.checker, account.checked_at = actor, now
    account.save(update_fields=["state", "usable_from", "refusal_reason", "checker", "checked_at"])
    record(
        actor=actor,
        action="settlement_account.confirmed" if accept else "settlement_account.refused",
        obj=account,
        on=on,
        after={"state": account.state, "usable_from": account.usable_from},
        reason=reason.strip(),
    )
    return account


@transaction.atomic
def retire_settlement_account(*, account: SettlementAccount, actor: User, on: date) -> None:
    """Take an account out of use; what was paid to it stays as it was."""
    require_place(actor=actor, partner=account.partner, roles=SIGNERS, to="retire a settlement account")
    account = SettlementAccount.objects.select_for_update().get(pk=account.pk)
    if account.state == State.RETIRED:
        return
    before, account.state = account.state, State.RETIRED
    account.save(update_fields=["state"])
    record(actor=actor, action="settlement_account.retired", obj=account, on=on, before={"state": before})
