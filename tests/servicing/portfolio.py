"""Many loans at once, for kills and benchmarks: the rows that drawdowns would have left, written set-wise."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from django.db import connection

from loanfund.facilities import postings as promises
from loanfund.facilities.canonical import digest
from loanfund.facilities.models import Facility, FacilityTerms, Promise
from loanfund.facilities.services.drafts import draft
from loanfund.ledger.services import post_entries
from loanfund.parties.models import Partner
from loanfund.servicing import events, postings
from loanfund.servicing.models import Event, Loan
from tests.servicing.world import OPENED, World, bullet

MATURITY = date(2027, 3, 2)


def companies(count: int) -> list[Partner]:
    """So many partners without people."""
    return Partner.objects.bulk_create(
        Partner(
            number=f"P-B{number:04d}",
            legal_name=f"Benchmark Markets {number} Ltd",
            registration_number=f"CHE-B{number}",
            country="CH",
            partner_type="market_maker",
            segment="market_maker",
            registered_on=OPENED,
        )
        for number in range(count)
    )


def seed(world: World, *, facilities: int, loans_each: int, partners: Sequence[Partner] = ()) -> int:
    """Facilities with loans disbursed on the opening day, in the book; return how many loans. The facilities go to the
    `partners` in turn, all to the world's own when none are named."""
    made = facilities_of(world, facilities, Decimal(1_000_000) * loans_each, partners)
    loans = Loan.objects.bulk_create(
        Loan(
            number=f"LN-S{facility.pk}-{place}",
            facility=facility,
            currency="USD",
            amount=Decimal(100_000 + 1_000 * place) + Decimal(facility.pk % 97) / 100,
            disbursed_on=OPENED,
            maturity=MATURITY,
        )
        for facility in made
        for place in range(loans_each)
    )
    Event.objects.bulk_create(
        Event(
            facility_id=loan.facility_id,
            number=place % loans_each + 1,
            key=new.event.id,
            kind=new.event.kind,
            loan=loan,
            value_date=OPENED,
            booking_date=OPENED,
            document=new.document,
            actor=world.maker,
        )
        for place, loan in enumerate(loans)
        for new in [events.disbursed(loan)]
    )
    legs: postings.Legs = ()
    for facility in made:
        owner = promises.facility_owner(facility.pk)
        legs += promises.moved(
            "USD", (promises.K.M_AVAILABLE, ""), (promises.K.M_UNDRAWN, owner), facility.commitment
        )
    for loan in loans:
        owner = promises.facility_owner(loan.facility_id)
        legs += postings.drawdown_requested(currency="USD", facility=owner, amount=loan.amount)
        legs += postings.drawdown_released(currency="USD", facility=owner, amount=loan.amount)
        legs += postings.drawdown_settled(
            currency="USD", facility=owner, loan=promises.loan_owner(loan.pk), amount=loan.amount
        )
    entry = draft(world.fund, key=f"seed:{world.fund.code}", kind="seed", legs=legs, on=OPENED)
    post_entries(entries=[entry], actor=world.maker, on=OPENED)
    return len(loans)


def facilities_of(
    world: World, count: int, commitment: Decimal, partners: Sequence[Partner] = ()
) -> list[Facility]:
    owners = partners or [world.partner]
    promised = Promise.objects.bulk_create(
        Promise(
            reference=f"seed:{world.fund.code}:{number}",
            fund=world.fund,
            partner=owners[number % len(owners)],
            amount=commitment,
            headroom=[],
            reserved_on=OPENED,
            state="signed",
            closed_on=OPENED,
        )
        for number in range(count)
    )
    made = Facility.objects.bulk_create(
        Facility(
            number=f"FAC-S{promise.pk}",
            fund=world.fund,
            partner=promise.partner,
            promise=promise,
            currency="USD",
            commitment=commitment,
            signed_on=OPENED,
            availability_start=OPENED,
            availability_end=date(2026, 9, 2),
            maturity=MATURITY,
            decision_number=promise.reference,
            agreement_digest="0" * 64,
        )
        for promise in promised
    )
    rates = ["0.02", "0.025", "0.03", "0.0325", "0.035", "0.04"]
    rows = []
    for place, facility in enumerate(made):
        document = bullet(rate=rates[place % len(rates)], commitment=str(commitment), months=3)
        rows.append(
            FacilityTerms(
                facility=facility,
                version=1,
                effective_from=OPENED,
                agreed_on=OPENED,
                document=document,
                digest=digest(document),
                reason="as signed",
                recorded_by=world.maker,
            )
        )
    FacilityTerms.objects.bulk_create(rows)
    return made


STATE = """
SELECT 'accrual', accrual_date::text, loan_id::text, sequence::text, exact::text, posted::text, period_exact::text
FROM servicing_accrual
UNION ALL SELECT 'due', key, facility_id::text, sequence::text, amount::text, due_date::text, '' FROM servicing_due
UNION ALL SELECT 'entry', key, booking_date::text, leg_count::text, encode(digest, 'hex'), '', '' FROM ledger_journalentry
UNION ALL SELECT 'balance', a.kind, a.owner, b.debit::text, b.credit::text, '', ''
    FROM ledger_balance b JOIN ledger_account a ON a.id = b.account_id
UNION ALL SELECT 'run', business_date::text, state, loans::text, digest, '', '' FROM servicing_closerun
UNION ALL SELECT 'fund', code, business_date::text, '', '', '', '' FROM facilities_fund
"""


def books_digest() -> str:
    """One digest over all books: accruals, dues, entries, balances, runs and the business date."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT encode(sha256(string_agg(x::text, E'\\n' ORDER BY x::text)::bytea), 'hex') FROM ({STATE}) x"  # noqa: S608 - our own text
        )
        (digest,) = cursor.fetchone()
    return str(digest)


def after(days: int) -> date:
    """The day so many days after the opening."""
    return OPENED + timedelta(days=days)
