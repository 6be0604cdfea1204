"""The stage of the stories: the fund with its policy, committee and desks, and all of its processes running."""

from collections.abc import Iterator
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest
from django.utils import timezone

from loanfund.facilities.programme import programme_values
from loanfund.facilities.services import confirm_policy, open_fund, propose_policy
from loanfund.origination import services as origination
from loanfund.parties import roles
from loanfund.reference.services import ensure_shipped_fixings
from tests import stack
from tests.browser import People
from tests.stories.people import OPENED, PDF, Mailbox, Story, of_the_lender

LENDER = {
    "anna": (roles.ANALYST,),
    "carl": (roles.CHAIR, roles.COMMITTEE_MEMBER),
    "mia": (roles.COMMITTEE_MEMBER,),
    "max": (roles.COMMITTEE_MEMBER,),
    "moe": (roles.COMMITTEE_MEMBER,),
    "otto": (roles.OPERATIONS_MAKER,),
    "olga": (roles.OPERATIONS_CHECKER,),
    "rhea": (roles.OPERATIONS_CHECKER,),
    "fin": (roles.FINANCE,),
}
RECORDS = (
    "time_utc,venue,account,reference,market,instrument,side,quantity,price,loss\n"
    "2025-10-10T21:20:05Z,VENUE,main,R-1,futures,BTC-PERP,long,12.5,104250.50,1500000.00\n"
    "2025-10-10T21:41:00Z,VENUE,main,R-2,margin,ETH,long,900,3400.25,700000.00\n"
)


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mail")


@pytest.fixture(scope="module")
def running(module_db: str, mailbox: Path) -> Iterator[stack.Stack]:
    """Web server, worker and beat, with mail that goes to a folder of this story."""
    address = {"EMAIL_URL": f"filemail:///{mailbox}"}
    with stack.whole(module_db, **address) as whole, stack.service("beat", **address):
        yield whole


@pytest.fixture
def story(running: stack.Stack, people: People, mailbox: Path, tmp_path: Path) -> Story:
    staff = {name: of_the_lender(name, *held) for name, held in LENDER.items()}
    ada, abel = (of_the_lender(name, roles.ADMINISTRATOR) for name in ("keeper", "second"))
    ensure_shipped_fixings(known_at=timezone.now(), on=OPENED)
    fund = open_fund(
        code="RF", name="Relief fund", currency="USD", size=Decimal(100_000_000), calendar="US-FED",
        receipt_cut_off=time(17), actor=ada, on=OPENED, auto_close=False,
    )  # fmt: skip
    policy = propose_policy(fund=fund, values=programme_values(), effective_from=OPENED, actor=ada, on=OPENED)
    confirm_policy(policy=policy, seen_digest=policy.proposed_digest, actor=abel, on=OPENED)
    committee = origination.form_committee(fund=fund, name="Fund committee", actor=ada, on=OPENED)
    for name in ("carl", "mia", "max", "moe"):
        seat = origination.propose_seat(
            committee=committee, user=staff[name], role="chair" if name == "carl" else "member",
            joined_on=OPENED, actor=ada, on=OPENED,
        )  # fmt: skip
        origination.confirm_seat(seat=seat, actor=abel, on=OPENED)
    (tmp_path / "paper.pdf").write_bytes(PDF)
    (tmp_path / "records.csv").write_text(RECORDS)
    (tmp_path / "wrong.csv").write_text(RECORDS.replace("venue,", "place,"))
    (tmp_path / "program.pdf").write_bytes(b"MZ" + bytes(2000))
    return Story(people, Mailbox(mailbox), tmp_path, staff, fund)
