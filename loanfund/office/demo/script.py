"""What the demo is made of: who there is, what each company asks for, and how it pays.

All names are invented. Same seed, same books: everything that varies comes from one `random.Random`.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from loanfund.parties import roles

OPENED = date(2025, 10, 14)
BUSINESS_DATE = date(2026, 8, 21)
FUND_CODE = "HRF"

STAFF: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("analyst", "Ana Lyst", (roles.ANALYST,)),
    ("analyst2", "Axel Marsh", (roles.ANALYST,)),
    ("chair", "Cora Haven", (roles.CHAIR, roles.COMMITTEE_MEMBER)),
    ("member1", "Milo Strand", (roles.COMMITTEE_MEMBER,)),
    ("member2", "Mina Quay", (roles.COMMITTEE_MEMBER,)),
    ("member3", "Max Tide", (roles.COMMITTEE_MEMBER,)),
    ("maker", "Otto Make", (roles.OPERATIONS_MAKER,)),
    ("checker", "Olga Check", (roles.OPERATIONS_CHECKER,)),
    ("releaser", "Rhea Lease", (roles.OPERATIONS_CHECKER,)),
    ("finance", "Finn Ance", (roles.FINANCE,)),
    ("auditor", "Audra Tor", (roles.AUDITOR,)),
    ("admin", "Ada Min", (roles.ADMINISTRATOR,)),
    ("admin2", "Abel Min", (roles.ADMINISTRATOR,)),
)

COMPANIES: tuple[tuple[str, str, str, str, str], ...] = (
    ("Northlight Trading Ltd", "trading_firm", "trading", "CH", "Northlight"),
    ("Blue Heron Markets LLP", "market_maker", "market_maker", "GB", ""),
    ("Saltmarsh Capital Fund", "fund", "fund", "KY", ""),
    ("Ember Ridge Mining Oy", "miner", "miner", "FI", ""),
    ("Quartz Lantern Wallet GmbH", "wallet", "custodian", "DE", ""),
    ("Tidewater Bridge Labs", "infrastructure", "protocol", "SG", ""),
    ("Northlight Market Making Ltd", "market_maker", "market_maker", "CH", "Northlight"),
    ("Juniper Fold Trading SA", "trading_firm", "trading", "LU", ""),
    ("Copper Finch Derivatives BV", "trading_firm", "trading", "NL", ""),
    ("Larkspur Node Services", "infrastructure", "protocol", "EE", ""),
    ("Grey Otter Arbitrage Ltd", "trading_firm", "trading", "HK", ""),
    ("Silver Birch Exchange AG", "regulated_firm", "exchange", "LI", ""),
    ("Marigold Custody Pte", "wallet", "custodian", "SG", ""),
    ("Fernway Liquidity DAO Ltd", "infrastructure", "protocol", "MH", ""),
    ("Granite Cove Mining Inc", "miner", "miner", "CA", ""),
    ("Paper Crane Quant Fund", "fund", "fund", "BM", ""),
    ("Windmill Oracle Networks", "infrastructure", "protocol", "PT", ""),
    ("Harrier Delta Markets", "market_maker", "market_maker", "AE", ""),
    ("Cedar and Loom Trading", "trading_firm", "trading", "MT", ""),
    ("Opal Estuary Payments", "wallet", "custodian", "LT", ""),
    ("Thistle Rank Ventures Fund", "fund", "fund", "JE", ""),
    ("Kestrel Lane Exchange Ltd", "regulated_firm", "exchange", "GI", ""),
    ("Drift Anchor Protocol", "infrastructure", "protocol", "CR", ""),
    ("Hollow Oak Hashing SA", "miner", "miner", "PY", ""),
    ("Pebble Shore Market Making", "market_maker", "market_maker", "AU", ""),
)

FIXED_LOW = {"rate": "0.02"}
FIXED = {"rate": "0.035", "period": "1M"}
SOFR = {"reference": "SOFR", "margin": "0.005", "floor": "0"}
FREE = {"rate": "0.04", "interest_free_months": 3}
DEALS: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("bullet", 12, FIXED_LOW),
    ("level", 18, FIXED),
    ("bullet", 12, SOFR),
    ("equal_principal", 24, FIXED),
    ("interest_only", 18, {**SOFR, "interest_only_months": 6}),
    ("balloon", 12, {**FIXED_LOW, "balloon": "0.4"}),
    ("bullet", 6, FREE),
    ("equal_principal", 12, SOFR),
    ("level", 12, FIXED),
)


@dataclass
class Plan:
    """One application: when it begins, how far it gets, and how its facility is drawn and paid."""

    company: int
    begins: date
    amount: int
    profile: str
    tenor: int
    deal: dict[str, Any]
    ends: str = "signed"
    drawdowns: tuple[tuple[int, float], ...] = ()
    pays: str = "on time"
    question: bool = False
    state: dict[str, Any] = field(default_factory=dict)


ENDS = (
    "draft", "draft", "draft", "submitted", "submitted", "submitted", "checking", "checking",
    "information", "information", "tabled", "tabled", "voting", "voting", "approved", "offered", "offered",
    "declined", "declined", "declined", "lapsed", "withdrawn",
)  # fmt: skip
"""Where the applications that lead to no facility stand on the business date."""


def plans(seed: int) -> list[Plan]:
    """Forty applications: eighteen become facilities with thirty loans, the others stand in every state there is."""
    dice = Random(seed)  # nosec B311 # for variety, not for secrets
    made = []
    for n in range(18):
        profile, tenor, deal = DEALS[n % len(DEALS)]
        twice = n % 3 != 2
        made.append(
            Plan(
                company=n,
                begins=OPENED + timedelta(days=3 + 8 * n + dice.randrange(4)),
                amount=dice.randrange(10, 50) * 100_000,
                profile=profile,
                tenor=tenor,
                deal={**deal, "availability_months": min(10, tenor)},
                drawdowns=((0, 0.6), (dice.randrange(15, 40), 0.3)) if twice else ((0, 0.9),),
                pays={4: "late", 7: "stops", 10: "early", 13: "too much", 16: "bounces"}.get(n, "on time"),
                question=n % 4 == 1,
            )
        )
    for n, ends in enumerate(ENDS):
        profile, tenor, deal = DEALS[n % len(DEALS)]
        past = ends in {"declined", "lapsed", "withdrawn"}
        begins = (OPENED + timedelta(days=40 + 9 * n)) if past else (BUSINESS_DATE - timedelta(days=34 - n))
        made.append(
            Plan(
                company=18 + n % 7 if n < 14 else n % 18,
                begins=begins,
                amount=dice.randrange(6, 20) * 100_000,
                profile=profile,
                tenor=tenor,
                deal=dict(deal),
                ends=ends,
                question=ends == "information",
            )
        )
    return made
