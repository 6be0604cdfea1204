"""Every page of the portal in a browser, with something of everything on it: readable by everybody, light and dark, at each
width, and light to load. Taken from the table of addresses, so that a new page is looked at by itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from playwright.sync_api import Page

from loanfund.parties import services
from loanfund.parties.models import SettlementAccount
from loanfund.parties.roles import OPERATIONS_CHECKER
from loanfund.servicing.services import propose_instruction
from tests.browser import People
from tests.origination.cast import NOW, Cast, make_cast
from tests.parties.cast import person
from tests.parties.test_pages import misfits
from tests.portal.test_matrix import Belongings, belongings, beneath
from tests.portal.visits import signed_in
from tests.servicing.world import World
from tests.stack import Stack

NO_PAGES = {
    "application_paper_file", "application_thread_file", "liquidations_template", "offer_document", "offer_text",
    "paper_file", "request_file",
    "end_key", "end_owner", "end_place", "month_statement", "open_notice", "read_all", "retire_account", "uninvite",
}  # fmt: skip
"""Downloads, and what is only sent to."""
DRAFTING = {
    "application_request", "application_purpose", "application_liquidations", "application_check", "application_papers",
    "application_paper",
}  # fmt: skip
"""Pages of an application that is not handed in yet."""
OWN = (
    "email/", "password/change/", "sessions/", "logout/", "2fa/", "2fa/totp/deactivate/", "2fa/webauthn/",
    "2fa/webauthn/add/", "2fa/recovery-codes/generate/", "2fa/reauthenticate/",
)  # fmt: skip
"""A person's own pages."""


@dataclass(frozen=True)
class Portal:
    """Somebody at a browser, what the partner has, and more of it that stands on pages of its own."""

    page: Page
    hers: Belongings
    more: tuple[str, ...]


def _filled(cast: Cast) -> tuple[Belongings, tuple[str, ...]]:
    """The partner of the matrix after some nights, with what waits for somebody: forms that are open, not only answers."""
    owner, partner = cast["pia"], cast.partner
    hers = belongings(cast)
    world = World(cast.fund, cast["otto"], cast["olga"], cast["ron"], owner, partner)
    offer = cast.sent_offer("900000")
    world.close_through(cast.day + timedelta(days=9))
    on = world.today
    SettlementAccount.objects.create(
        partner=partner, kind="bank", label="In use", currency="USD", holder=partner.legal_name, institution="Bank",
        address="CH-77", maker=owner, state="confirmed", usable_from=on, checker=cast["paul"], checked_at=NOW,
    )  # fmt: skip
    other = services.propose_settlement_account(
        partner=partner, kind="chain", label="Cold", currency="USDC", holder=partner.legal_name,
        institution="Ethereum", address="0x" + "ab" * 20, actor=cast["paul"], on=on,
    )  # fmt: skip
    facility = partner.facilities.get()
    facility.conditions.update(scope="each")
    change = propose_instruction(
        kind="amendment", facility=facility, value_date=on, details={"terms": facility.terms.get().document},
        reason="as agreed", actor=cast["otto"], on=on,
    )  # fmt: skip
    world.facilities.append(facility)
    asked = [
        f"facilities/{facility.number}/ask/{what}/"
        for what in ("payment-holiday", "refund", "balance-confirmation")
    ]
    more = (
        f"company/accounts/{other.pk}/",
        f"facilities/{facility.number}/requests/{change.number}/",
        f"applications/{offer.application.number}/offer/",
        *asked,
    )
    draft = {"application": cast.application("700000").number}
    pages = hers.pages | {name: hers.pages.get(name, {}) | draft for name in DRAFTING}
    return Belongings(hers.number, hers.parts, pages), more


@pytest.fixture
def portal(running: Stack, people: People) -> Portal:
    limits = {"partner_limit": "50000000", "group_limit": "50000000", "reserved_to_committee": []}
    draws = {"drawdown_notice_days": 0, "drawdown_minimum": "0.01", "drawdown_multiple": "0.01"}
    cast = make_cast(**limits, **draws, conditions_precedent=[])
    cast.people["ron"] = person("Ron", OPERATIONS_CHECKER)
    hers, more = _filled(cast)
    pia, page = cast["pia"], people("pia")
    pia.set_password("a long enough passphrase")
    pia.save()
    EmailAddress.objects.create(user=pia, email=pia.email, verified=True, primary=True)
    cookie = signed_in(pia, both_factors=True, again=True).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": running.url}])
    return Portal(page, hers, more)


def test_every_page_is_readable_by_everybody_in_light_and_in_dark_fits_its_window_and_is_light(
    portal: Portal, accessible: Callable[[Page], None]
) -> None:
    page, hers = portal.page, portal.hers
    page.emulate_media(reduced_motion="reduce")
    addresses = [hers.at(one) for one in beneath() if one.name not in NO_PAGES]
    addresses += [f"/partners/{hers.number}/{rest}" for rest in portal.more]
    wrong = []
    for address in ["/", *addresses, *(f"/account/{rest}" for rest in OWN)]:
        answer = page.goto(address)
        if answer is None or answer.status != 200 or (address != "/" and not page.url.endswith(address)):
            wrong.append(f"{address}: {answer and answer.status}, at {page.url}")
            continue
        try:
            accessible(page)
        except AssertionError as failed:
            wrong.append(str(failed))
        wrong += misfits(page)
    assert not wrong, "\n".join(wrong)
