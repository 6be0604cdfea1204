"""The stage of the demo: its calendar of acts, its companies and their papers."""

import io
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from loanfund.facilities.models import Facility, Fund
from loanfund.office.demo.script import (
    COMPANIES,
    OPENED,
    Plan,
)
from loanfund.origination.models import Committee, Meeting
from loanfund.parties import services as parties
from loanfund.parties.checklist import required_kinds
from loanfund.parties.models import KybPaper, Membership, Partner, SettlementAccount, StoredFile, User
from loanfund.reference.selectors import calendar

CALENDAR = "US-FED"
PAPER = b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
RENEWED = timedelta(days=340)
"""How long the papers run that run out: the oldest are to be renewed soon on the demo's business date."""
Act = Callable[[], object]


class Stage:
    """The fund, its people, and what is still to be done on which day."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.today = OPENED
        self.staff: dict[str, User] = {}
        self.people: dict[int, tuple[User, User]] = {}
        self.partners: dict[int, Partner] = {}
        self.accounts: dict[int, SettlementAccount] = {}
        self.acts: dict[date, list[Act]] = defaultdict(list)
        self.fund: Fund
        self.committee: Committee
        self.next_meeting: Meeting | None = None
        self.payers: list[tuple[Plan, Facility]] = []

    @property
    def now(self) -> datetime:
        return datetime.combine(self.today, time(10), UTC)

    def later(self, day: date, act: Act) -> None:
        """Do it on the first business day from `day` on."""
        days = calendar(CALENDAR)
        while not days.is_business_day(day):
            day += timedelta(days=1)
        self.acts[day].append(act)

    def soon(self, days: int, act: Act) -> None:
        """Do it some days from today."""
        self.later(self.today + timedelta(days=days), act)

    # --- The companies ---------------------------------------------------------------------------------------------

    def company(self, index: int) -> Partner:
        """The company of an index, registered and approved when first asked for."""
        if index not in self.partners:
            self._register(index)
        return self.partners[index]

    def _register(self, index: int) -> None:
        name, kind, segment, country, group = COMPANIES[index]
        owner, signatory = (
            parties.create_person(
                email=f"{role}{index + 1}@partner.example",
                name=f"{role.title()} of {name}",
                password=None,
                actor=None,
                on=self.today,
            )
            for role in ("owner", "signatory")
        )
        partner = parties.register_partner(
            legal_name=name,
            registration_number=f"DEMO-{index + 1:03}",
            country=country,
            partner_type=kind,
            segment=segment,
            actor=owner,
            on=self.today,
        )
        _, token = parties.invite(
            partner=partner,
            email=signatory.email,
            name=signatory.name,
            role=Membership.Role.SIGNATORY,
            actor=owner,
            on=self.today,
            now=self.now,
        )
        parties.accept_invitation(token=token, actor=signatory, on=self.today, now=self.now)
        parties.add_beneficial_owner(
            partner=partner,
            name=f"Founder of {name}",
            country=country,
            share=Decimal(60),
            actor=owner,
            on=self.today,
        )
        self._papers(partner, owner)
        if group:
            parties.set_group(partner=partner, group_name=group, actor=self.staff["analyst"], on=self.today)
        self.accounts[index] = self._account(partner, owner, signatory)
        self.partners[index], self.people[index] = partner, (owner, signatory)

    def _papers(self, partner: Partner, owner: User) -> None:
        """Every paper asked of a company of its type is handed in and accepted, and the company approved for a year."""
        analyst, wanted = self.staff["analyst"], required_kinds(partner.partner_type)
        for kind in wanted:
            paper = parties.add_paper(
                partner=partner,
                kind=kind,
                file=self.paper(partner, owner, f"{kind}.pdf"),
                issued_on=self.today - timedelta(days=9),
                expires_on=self.today + RENEWED if kind == KybPaper.Kind.OWNER_IDENTITY else None,
                actor=owner,
                on=self.today,
            )
            parties.decide_paper(
                paper=paper,
                accept=True,
                seen_digest=paper.proposed_digest,
                actor=analyst,
                on=self.today,
                now=self.now,
            )
        parties.approve_kyb(
            partner=partner,
            valid_until=self.today + timedelta(days=365),
            required=wanted,
            actor=analyst,
            on=self.today,
        )

    def _account(self, partner: Partner, owner: User, signatory: User) -> SettlementAccount:
        """Where the company wants its money: named by its owner, confirmed by its signatory."""
        account = parties.propose_settlement_account(
            partner=partner,
            kind="bank",
            label="Main account",
            currency="USD",
            holder=partner.legal_name,
            institution="Bank of Nowhere",
            address=f"{partner.country}00 {partner.number}",
            actor=owner,
            on=self.today,
        )
        return parties.confirm_settlement_account(
            account=account, accept=True, cooling_days=2, actor=signatory, on=self.today, now=self.now
        )

    def paper(self, partner: Partner, actor: User, name: str) -> StoredFile:
        """A stored paper with a content of its own."""
        content = PAPER + f"% {partner.number} {name}\n".encode()
        return parties.store_file(
            name=name,
            size=len(content),
            content=io.BytesIO(content),
            partner=partner,
            actor=actor,
            on=self.today,
            now=self.now,
        )
