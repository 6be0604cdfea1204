"""Each rule of the tables holds against whoever goes round the services: by bulk update, by raw insert, as the owner."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction

from loanfund.parties.models import (
    BeneficialOwner,
    Invitation,
    KybPaper,
    Membership,
    Notice,
    Partner,
    SettlementAccount,
    StoredFile,
    User,
)
from tests.parties.cast import NOW, TODAY, company, joins, person

pytestmark = pytest.mark.django_db
Change = dict[str, Any]


class World:
    """One row of every table, right in itself, for a test to spoil."""

    def __init__(self) -> None:
        self.owner, self.other = person("Owner"), person("Other")
        self.partner = company(self.owner)
        self.place = joins(self.other, self.partner, "signatory")
        self.file = StoredFile.objects.create(
            name="a.pdf", path="a", content_type="application/pdf", size=1, sha256="0" * 64
        )
        self.paper = KybPaper.objects.create(
            partner=self.partner, kind="articles", version=1, file=self.file, maker=self.owner
        )
        self.account = SettlementAccount.objects.create(
            partner=self.partner,
            kind="bank",
            label="Main",
            currency="USD",
            holder="H",
            institution="I",
            address="CH00",
            maker=self.owner,
        )
        self.share = BeneficialOwner.objects.create(
            partner=self.partner, name="A", country="CH", share=Decimal(10)
        )
        self.invitation = Invitation.objects.create(
            partner=self.partner,
            email="x@example.org",
            name="X",
            role="viewer",
            token_digest=hashlib.sha256(b"x").hexdigest(),
            invited_by=self.owner,
            expires_at=NOW,
        )
        self.notice = Notice.objects.create(
            key="k", recipient=self.owner, kind="k", subject="s", body="b", on=TODAY
        )


@pytest.fixture
def world() -> World:
    return World()


CASES: list[tuple[str, str, Callable[[World], Change]]] = [
    ("parties_user_email_lower", "owner", lambda w: {"email": "Owner@example.org"}),
    ("parties_partner_country_code", "partner", lambda w: {"country": "ch"}),
    ("parties_partner_approved_until", "partner", lambda w: {"kyb_status": "approved"}),
    ("parties_partner_watched_for_a_reason", "partner", lambda w: {"watch_listed": True}),
    ("parties_partner_type_known", "partner", lambda w: {"partner_type": "shop"}),
    ("parties_partner_segment_known", "partner", lambda w: {"segment": "shops"}),
    ("parties_membership_role_known", "place", lambda w: {"role": "king"}),
    ("parties_membership_ends_after_start", "place", lambda w: {"ended_on": TODAY - timedelta(days=1)}),
    ("parties_invitation_accepted_by_someone", "invitation", lambda w: {"accepted_at": NOW}),
    ("parties_invitation_email_lower", "invitation", lambda w: {"email": "X@example.org"}),
    ("parties_storedfile_not_empty", "file", lambda w: {"size": 0}),
    ("parties_storedfile_digest", "file", lambda w: {"sha256": "Z" * 64}),
    (
        "parties_kybpaper_four_eyes",
        "paper",
        lambda w: {"state": "accepted", "checker": w.owner, "checked_at": NOW},
    ),
    ("parties_kybpaper_checked_at_with_checker", "paper", lambda w: {"checked_at": NOW}),
    ("parties_kybpaper_decided_by_checker", "paper", lambda w: {"state": "accepted"}),
    (
        "parties_kybpaper_refused_for_a_reason",
        "paper",
        lambda w: {"state": "refused", "checker": w.other, "checked_at": NOW},
    ),
    ("parties_beneficialowner_share", "share", lambda w: {"share": Decimal("100.0001")}),
    ("parties_beneficialowner_share", "share", lambda w: {"share": Decimal(0)}),
    ("parties_beneficialowner_country_code", "share", lambda w: {"country": "X1"}),
    (
        "parties_settlementaccount_four_eyes",
        "account",
        lambda w: {"state": "refused", "checker": w.owner, "checked_at": NOW},
    ),
    ("parties_settlementaccount_checked_at_with_checker", "account", lambda w: {"checked_at": NOW}),
    (
        "parties_settlementaccount_decided_by_checker",
        "account",
        lambda w: {"state": "confirmed", "usable_from": TODAY},
    ),
    (
        "parties_settlementaccount_usable_from",
        "account",
        lambda w: {"state": "confirmed", "checker": w.other, "checked_at": NOW},
    ),
    ("parties_notice_sent_when", "notice", lambda w: {"state": "sent"}),
    ("parties_notice_claimed_until", "notice", lambda w: {"state": "claimed"}),
    ("parties_notice_to_one", "notice", lambda w: {"recipient": None}),
    ("parties_notice_to_one", "notice", lambda w: {"address": "x@example.org"}),
]


@pytest.mark.parametrize(
    ("rule", "row", "change"), CASES, ids=[f"{rule}-{n}" for n, (rule, _, _) in enumerate(CASES)]
)
def test_the_database_refuses_what_no_service_would_write(
    world: World, rule: str, row: str, change: Callable[[World], Change]
) -> None:
    target: models.Model = getattr(world, row)
    with pytest.raises(IntegrityError, match=f'"{rule}"'), transaction.atomic():
        type(target)._default_manager.filter(pk=target.pk).update(**change(world))


def test_nothing_that_is_one_becomes_two(world: World) -> None:
    twice: list[tuple[str, models.Model, Change]] = [
        ("parties_membership_once", world.place, {}),
        ("parties_invitation_one_open", world.invitation, {"token_digest": "other"}),
        ("parties_kybpaper_version_once", world.paper, {}),
        ("parties_settlementaccount_once", world.account, {}),
        ("parties_notice_key", world.notice, {}),
        (
            "parties_partner_registered_once",
            world.partner,
            {"number": "P-9999", "registration_number": "che-1"},
        ),
    ]
    for rule, row, change in twice:
        row.pk = None
        row._state.adding = True
        for name, value in change.items():
            setattr(row, name, value)
        with pytest.raises(IntegrityError, match=rule), transaction.atomic():
            type(row)._default_manager.bulk_create([row])


def test_every_rule_of_these_tables_is_tried_here() -> None:
    tables = (
        User, Partner, Membership, Invitation, StoredFile, KybPaper, BeneficialOwner, SettlementAccount, Notice,
    )  # fmt: skip
    rules = {one.name for model in tables for one in model._meta.constraints}
    once = {name for name in rules if "once" in name or name.endswith("one_open")}
    assert rules - once == {rule for rule, _, _ in CASES}
