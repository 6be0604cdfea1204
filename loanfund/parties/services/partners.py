"""Registering a company, its owners and what the lender notes about it."""

from datetime import date
from decimal import Decimal

from django.db import connection, transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties import roles
from loanfund.parties.models import (
    BeneficialOwner,
    ConnectedGroup,
    Membership,
    Partner,
    StoredFile,
    User,
)
from loanfund.parties.selectors import owned_share
from loanfund.parties.services.rights import EDITORS, require_place, require_role


@transaction.atomic
def register_partner(
    *,
    legal_name: str,
    registration_number: str,
    country: str,
    partner_type: str,
    segment: str,
    actor: User,
    on: date,
    address: str = "",
    website: str = "",
) -> Partner:
    """Register a company; the actor becomes its owner in the portal.

    Refused when the same registration number of the same country is registered already.
    """
    country = country.strip().upper()
    if len(country) != 2 or not country.isalpha():
        raise Refused("Give the country as its two-letter code, such as CH.", field="country")
    taken = Partner.objects.filter(country=country, registration_number__iexact=registration_number.strip())
    if taken.exists():
        raise Refused(
            "A company with this registration number is registered already. Ask its owner for an invitation.",
            field="registration_number",
        )
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('parties_partner', 'id'))")
        (key,) = cursor.fetchone()
    partner = Partner.objects.create(
        pk=key,
        number=f"P-{key:04d}",
        legal_name=legal_name.strip(),
        registration_number=registration_number.strip(),
        country=country,
        address=address.strip(),
        website=website.strip(),
        partner_type=partner_type,
        segment=segment,
        registered_on=on,
    )
    Membership.objects.create(user=actor, partner=partner, role=Membership.Role.OWNER, since=on)
    record(
        actor=actor,
        action="partner.registered",
        obj=partner,
        on=on,
        after={
            "legal_name": partner.legal_name,
            "registration_number": partner.registration_number,
            "country": country,
            "partner_type": partner_type,
            "segment": segment,
        },
    )
    return partner


@transaction.atomic
def change_details(*, partner: Partner, address: str, website: str, actor: User, on: date) -> Partner:
    """Bring a company's address and website up to date. Its name and registration are the lender's to change."""
    require_place(actor=actor, partner=partner, roles=EDITORS, to="change the company's details")
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    before = {"address": partner.address, "website": partner.website}
    after = {"address": address.strip(), "website": website.strip()}
    if before == after:
        return partner
    partner.address, partner.website = after["address"], after["website"]
    partner.save(update_fields=["address", "website"])
    record(actor=actor, action="partner.details_changed", obj=partner, on=on, before=before, after=after)
    return partner


@transaction.atomic
def add_beneficial_owner(
    *,
    partner: Partner,
    name: str,
    country: str,
    share: Decimal,
    actor: User,
    on: date,
    born_on: date | None = None,
    politically_exposed: bool = False,
    identity: StoredFile | None = None,
) -> BeneficialOwner:
    """Name a beneficial owner with their per cent of the company; together they hold 100 at most."""
    require_place(actor=actor, partner=partner, roles=EDITORS, to="name an owner")
    Partner.objects.select_for_update().get(pk=partner.pk)
    if not 0 < share <= 100:
        raise Refused("Give the share in per cent, above 0 and at most 100.", field="share")
    held = owned_share(partner)
    if held + share > 100:
        raise Refused(
            f"The owners named so far hold {held.normalize():f} %; with {share.normalize():f} % more it is over 100.",
            field="share",
        )
    owner = BeneficialOwner.objects.create(
        partner=partner,
        name=name.strip(),
        country=country.strip().upper(),
        share=share,
        born_on=born_on,
        politically_exposed=politically_exposed,
        identity=identity,
    )
    record(
        actor=actor,
        action="owner.named",
        obj=partner,
        on=on,
        after={"name": owner.name, "country": owner.country, "share": share},
    )
    return owner


@transaction.atomic
def end_beneficial_owner(*, owner: BeneficialOwner, actor: User, on: date) -> None:
    """Record that a person no longer owns part of the company; the row stays."""
    require_place(actor=actor, partner=owner.partner, roles=EDITORS, to="remove an owner")
    owner = BeneficialOwner.objects.select_for_update().get(pk=owner.pk)
    if owner.ended_on is not None:
        return
    owner.ended_on = on
    owner.save(update_fields=["ended_on"])
    record(actor=actor, action="owner.ended", obj=owner.partner, on=on, before={"name": owner.name})


@transaction.atomic
def set_group(*, partner: Partner, group_name: str, actor: User, on: date) -> Partner:
    """Put a partner into a group of connected ones, or out of any with an empty name."""
    require_role(actor=actor, roles=(roles.ANALYST,), to="connect partners")
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    before = partner.group.name if partner.group else None
    partner.group = (
        ConnectedGroup.objects.get_or_create(name=group_name.strip())[0] if group_name.strip() else None
    )
    partner.save(update_fields=["group"])
    after = partner.group.name if partner.group else None
    record(
        actor=actor,
        action="partner.grouped",
        obj=partner,
        on=on,
        before={"group": before},
        after={"group": after},
    )
    return partner


@transaction.atomic
def set_watch_list(*, partner: Partner, watched: bool, reason: str, actor: User, on: date) -> Partner:
    """Put a partner on the watch-list with a reason, or take it off with one."""
    require_role(actor=actor, roles=(roles.ANALYST,), to="change the watch-list")
    if not reason.strip():
        raise Refused("Say why, so that whoever reads the list understands it.", field="reason")
    partner = Partner.objects.select_for_update().get(pk=partner.pk)
    before = {"watch_listed": partner.watch_listed}
    partner.watch_listed = watched
    partner.watch_reason = reason.strip() if watched else ""
    partner.save(update_fields=["watch_listed", "watch_reason"])
    record(
        actor=actor,
        action="partner.watched" if watched else "partner.unwatched",
        obj=partner,
        on=on,
        before=before,
        after={"watch_listed": watched},
        reason=reason.strip(),
    )
    return partner
