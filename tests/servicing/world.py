"""The world of these tests: a fund with a policy in force, one partner with a signed facility, and four people."""

import json
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from loanfund.calculation.calendars import WEEKENDS_ONLY
from loanfund.facilities.models import Facility, Fund
from loanfund.facilities.services import confirm_policy, open_fund, propose_policy, reserve, sign_facility
from loanfund.ledger.chart import AccountRef
from loanfund.ledger.models import AccountKind
from loanfund.ledger.selectors import balance
from loanfund.parties import roles
from loanfund.parties.models import Partner, User
from loanfund.parties.services import register_partner
from loanfund.reporting.verification import verify_books
from loanfund.servicing import services
from loanfund.servicing.models import Drawdown, Loan, Receipt
from tests.parties.cast import holds, person

OPENED = date(2026, 3, 2)
POLICY = Path("loanfund/facilities/data/programme_policy.json")


@dataclass
class World:
    """Everything a test starts from. `today` is the fund's business date."""

    fund: Fund
    maker: User
    checker: User
    releaser: User
    borrower: User
    partner: Partner
    facilities: list[Facility] = field(default_factory=list)

    @property
    def facility(self) -> Facility:
        return self.facilities[0]

    @property
    def today(self) -> date:
        self.fund.refresh_from_db()
        return self.fund.business_date

    def held(self, kind: AccountKind, owner: str = "") -> Decimal:
        return balance(AccountRef(kind, self.fund.currency, owner), book_id=self.fund.book_id)

    def maker_may_check(self) -> User:
        """The maker, holding the checker's role as well: what is refused now is refused for want of a second person."""
        holds(self.maker, roles.OPERATIONS_MAKER, roles.OPERATIONS_CHECKER)
        return self.maker

    def close_through(self, day: date) -> None:
        services.close_through(fund=self.fund, through=day)

    def sign(
        self, document: dict[str, Any], *, commitment: Decimal = Decimal(10_000_000), **changes: Any
    ) -> Facility:
        """Sign a facility for the partner with these terms."""
        number = len(self.facilities) + 1
        promise = reserve(
            fund=self.fund,
            partner=self.partner,
            reference=f"application:{number}",
            amount=commitment,
            tenor_months=12,
            actor=self.checker,
            on=self.today,
        )
        facility = sign_facility(
            promise=promise,
            document=document,
            commitment=commitment,
            revolving=changes.pop("revolving", False),
            purpose="working capital",
            availability_start=self.today,
            availability_end=changes.pop("availability_end", date(2026, 9, 2)),
            maturity=changes.pop("maturity", date(2027, 3, 2)),
            conditions=changes.pop("conditions", []),
            arrangement_fee=changes.pop("arrangement_fee", Decimal(0)),
            decision_number=f"DEC-{number}",
            agreement_digest="0" * 64,
            actor=self.checker,
            on=self.today,
        )
        self.facilities.append(facility)
        return facility

    def draw(
        self, amount: Decimal, *, facility: Facility | None = None, value_date: date | None = None
    ) -> Loan:
        """A drawdown from request to settlement, all on the business date."""
        drawdown = self.request(amount, facility=facility)
        services.approve_drawdown(drawdown=drawdown, actor=self.checker, on=self.today)
        services.release_drawdown(drawdown=drawdown, actor=self.releaser, on=self.today)
        return services.settle_drawdown(
            drawdown=drawdown,
            reference=f"BANK-{drawdown.pk}",
            value_date=value_date or self.today,
            actor=self.maker,
            on=self.today,
        )

    def request(self, amount: Decimal, *, facility: Facility | None = None, key: str = "") -> Drawdown:
        held = facility or self.facility
        return services.request_drawdown(
            facility=held,
            amount=amount,
            wanted_on=self.today,
            request_key=key or f"key-{Drawdown.objects.count()}-{held.pk}",
            actor=self.borrower,
            on=self.today,
        )

    def receive(self, amount: Decimal, *, value_date: date | None = None, reference: str = "") -> Receipt:
        """A receipt for the first facility, entered and booked."""
        receipt = services.enter_receipt(
            fund=self.fund,
            amount=amount,
            value_date=value_date or self.today,
            reference=reference or f"{self.facility.number} payment {Receipt.objects.count()}",
            actor=self.maker,
            on=self.today,
        )
        return services.book_receipt(receipt=receipt, actor=self.checker, on=self.today)


def make_world(
    *, size: Decimal = Decimal(100_000_000), on: date = OPENED, currency: str = "USD", **policy_says: Any
) -> World:
    """A fund opened on `on` with the programme's policy, drawdowns without notice and in any amount, and what else
    `policy_says`."""
    maker, checker = person("Maker", roles.OPERATIONS_MAKER), person("Checker", roles.OPERATIONS_CHECKER)
    releaser, borrower = person("Releaser", roles.OPERATIONS_CHECKER), person("Borrower")
    keeper, second_keeper = person("Keeper", roles.ADMINISTRATOR), person("Second", roles.ADMINISTRATOR)
    fund = open_fund(
        code="F1",
        name="Relief fund",
        currency=currency,
        size=size,
        calendar=WEEKENDS_ONLY.name,
        receipt_cut_off=time(17),
        actor=keeper,
        on=on,
        auto_close=False,
    )
    values = {name: item["value"] for name, item in json.loads(POLICY.read_text()).items()}
    values |= {"drawdown_notice_days": 0, "drawdown_minimum": "0.01", "drawdown_multiple": "0.01"}
    values |= {"reserved_to_committee": [], "partner_limit": "50000000", "group_limit": "50000000"}
    values |= policy_says
    policy = propose_policy(fund=fund, values=values, effective_from=on, actor=keeper, on=on)
    confirm_policy(policy=policy, seen_digest=policy.proposed_digest, actor=second_keeper, on=on)
    partner = register_partner(
        legal_name="Northlight Trading Ltd",
        registration_number="CHE-1",
        country="CH",
        partner_type="trading_firm",
        segment="trading",
        actor=borrower,
        on=on,
    )
    partner.kyb_status, partner.kyb_valid_until = Partner.KybStatus.APPROVED, date(2030, 1, 1)
    partner.save()
    return World(fund, maker, checker, releaser, borrower, partner)


def bullet(*, rate: str = "0.03", months: int = 3, **changes: Any) -> dict[str, Any]:
    """The document of a bullet loan at a fixed rate, ACT/360, quarterly, without fees unless told."""
    return {
        "currency": "USD",
        "commitment": "10000000",
        "signed_on": OPENED.isoformat(),
        "availability_end": "2026-09-02",
        "maturity": "2027-03-02",
        "rate": {"kind": "fixed", "rate": rate},
        "day_count": "ACT/360",
        "period_tenor": f"{months}M",
    } | changes


BENEATH = ("audit", "parties", "reference", "ledger", "facilities", "servicing")


def assert_books_hold() -> None:
    """Every invariant of servicing and of the apps beneath it holds."""
    broken = [(found.check, found.breaks) for found in verify_books(apps=BENEATH) if found.breaks]
    assert not broken, broken
