"""The people and things of origination's tests: a fund with its policy, a committee, a partner with its owner.

Anna and Aron are analysts; Carl chairs, Mia, Max and Moe are members; Otto makes and Olga checks; Ada and Abel
administer; Pia and Paul own the partner; Eve belongs to nobody.
"""

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal

from loanfund.facilities.models import Fund
from loanfund.facilities.programme import programme_values
from loanfund.facilities.services import confirm_policy, open_fund, propose_policy
from loanfund.origination import services
from loanfund.origination.models import Application, Committee, CommitteeMember, Decision, Offer, Proposal
from loanfund.parties import roles
from loanfund.parties.models import Membership, Partner, StoredFile, User
from loanfund.parties.services import store_file
from tests.parties.cast import holds

DAY = date(2025, 10, 14)
NOW = datetime(2025, 10, 14, 12, tzinfo=UTC)
CSV = (
    b"time_utc,venue,account,reference,market,instrument,side,quantity,price,loss\n"
    b"2025-10-10T21:20:05Z,VENUE,main,R-1,futures,BTC-PERP,long,12.5,104250.50,1500000.00\n"
    b"2025-10-10T21:41:00Z,VENUE,main,R-2,margin,ETH,long,900,3400.25,700000.00\n"
)
MEMBERS = {
    "anna": (roles.ANALYST,),
    "aron": (roles.ANALYST,),
    "carl": (roles.CHAIR, roles.COMMITTEE_MEMBER),
    "mia": (roles.COMMITTEE_MEMBER,),
    "max": (roles.COMMITTEE_MEMBER,),
    "moe": (roles.COMMITTEE_MEMBER,),
    "otto": (roles.OPERATIONS_MAKER,),
    "olga": (roles.OPERATIONS_CHECKER,),
    "ada": (roles.ADMINISTRATOR,),
    "abel": (roles.ADMINISTRATOR,),
    "eve": (),
    "pia": (),
    "paul": (),
}


@dataclass
class Cast:
    """Everything a test needs by name."""

    fund: Fund
    people: dict[str, User]
    partner: Partner
    committee: Committee
    day: date = DAY
    seats: dict[str, CommitteeMember] = field(default_factory=dict)

    def __getitem__(self, name: str) -> User:
        return self.people[name]

    def application(self, amount: str = "2000000", **values: object) -> Application:
        """A draft with its papers and records, all but submitted."""
        asked = {
            "amount": Decimal(amount),
            "purpose": "to keep making markets",
            "tenor_months": 12,
            "profile": "bullet",
            "net_assets": Decimal(5_000_000),
        }
        draft = services.start_application(
            fund=self.fund, partner=self.partner, values={**asked, **values}, actor=self["pia"], on=self.day
        )
        for kind in ("audited_accounts", "liquidation_statement", "net_assets_statement"):
            services.attach_document(
                application=draft, kind=kind, file=self.file(f"{kind}.csv"), actor=self["pia"], on=self.day
            )
        services.import_liquidations(
            application=draft, content=CSV, file_name="losses.csv", actor=self["pia"], on=self.day
        )
        return draft

    def file(self, name: str = "paper.csv") -> StoredFile:
        content = io.BytesIO(b"a,b\n1,2\n")
        return store_file(
            name=name, size=8, content=content, partner=self.partner, actor=self["pia"], on=self.day, now=NOW
        )

    def checking(self, amount: str = "2000000", **values: object) -> Application:
        """Submitted, taken up by Anna, its papers accepted, weighed by Aron's memo."""
        application = self.application(amount, **values)
        services.submit_application(application=application, actor=self["pia"], on=self.day)
        services.start_check(application=application, actor=self["anna"], on=self.day)
        for document in application.documents.all():
            services.check_document(document=document, accepted=True, actor=self["anna"], on=self.day)
        services.assess_impact(application=application, actor=self["anna"], on=self.day)
        services.write_memo(application=application, body="Sound.", actor=self["aron"], on=self.day)
        application.refresh_from_db()
        return application

    def tabled(self, amount: str = "2000000", **values: object) -> Proposal:
        return services.table_proposal(
            application=self.checking(amount, **values),
            committee=self.committee,
            actor=self["anna"],
            on=self.day,
            summary="Lend as asked.",
        )

    def voting(self, amount: str = "2000000", **values: object) -> Proposal:
        proposal = self.tabled(amount, **values)
        return services.open_voting(proposal=proposal, actor=self["carl"], on=self.day)

    def vote(self, proposal: Proposal, name: str, choice: str) -> None:
        services.cast_vote(
            proposal=proposal,
            choice=choice,
            reason=f"{name} says so",
            seen_digest=proposal.digest,
            actor=self[name],
            on=self.day,
        )

    def approved(self, amount: str = "2000000", **values: object) -> Decision:
        proposal = self.voting(amount, **values)
        for name in ("carl", "mia", "max", "moe"):
            proposal.refresh_from_db()
            if proposal.state == Proposal.State.VOTING:
                self.vote(proposal, name, "approve")
        return Decision.objects.get(proposal=proposal)

    def sent_offer(self, amount: str = "2000000", **values: object) -> Offer:
        application = self.approved(amount, **values).proposal.application
        assert application is not None
        offer = services.make_offer(application=application, actor=self["otto"], on=self.day)
        return services.send_offer(offer=offer, seen_digest=offer.digest, actor=self["olga"], on=self.day)

    def seat(self, name: str, role: str = "member") -> CommitteeMember:
        seat = services.propose_seat(
            committee=self.committee,
            user=self[name],
            role=role,
            joined_on=self.day,
            actor=self["ada"],
            on=self.day,
        )
        self.seats[name] = services.confirm_seat(seat=seat, actor=self["abel"], on=self.day)
        return self.seats[name]


def make_user(name: str, held: Iterable[str] = ()) -> User:
    user = User.objects.create_user(f"{name}@example.test", name=name.title())
    holds(user, *held)
    return user


def make_partner(owners: Iterable[User], number: str = "P-9001", segment: str = "trading") -> Partner:
    partner = Partner.objects.create(
        number=number, legal_name=f"Fictional {number}", registration_number=number, country="SG",
        partner_type="trading_firm", segment=segment, kyb_status="approved", kyb_valid_until=date(2027, 1, 1),
        registered_on=DAY,
    )  # fmt: skip
    for owner in owners:
        Membership.objects.create(user=owner, partner=partner, role="owner", since=DAY)
    return partner


def make_cast(
    *, size: str = "100000000", seats: tuple[str, ...] = ("mia", "max", "moe"), **policy: object
) -> Cast:
    """A fund of `size` open since DAY, the programme's policy with `policy` changed, and a committee chaired by Carl."""
    people = {name: make_user(name, held) for name, held in MEMBERS.items()}
    fund = open_fund(
        code="TF", name="Test fund", currency="USD", size=Decimal(size), calendar="US-FED",
        receipt_cut_off=time(17), actor=people["ada"], on=DAY, auto_close=False,
    )  # fmt: skip
    values = {**programme_values(), **policy}
    proposed = propose_policy(fund=fund, values=values, effective_from=DAY, actor=people["ada"], on=DAY)
    confirm_policy(policy=proposed, seen_digest=proposed.proposed_digest, actor=people["abel"], on=DAY)
    partner = make_partner([people["pia"], people["paul"]])
    committee = services.form_committee(fund=fund, name="Committee", actor=people["ada"], on=DAY)
    cast = Cast(fund, people, partner, committee)
    cast.seat("carl", "chair")
    for name in seats:
        cast.seat(name)
    return cast
