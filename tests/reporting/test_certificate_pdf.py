"""The printed certificate says its terms and what it rests on in the words of the pages, not in those of the tables."""

import pytest

from loanfund.origination import selectors
from loanfund.origination.models import Decision
from loanfund.reporting.certificate_pdf import certificate_data, render
from tests.origination.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast() -> Cast:
    return make_cast()


def decided(cast: Cast) -> Decision:
    proposal = cast.voting()
    for name, choice in {"carl": "approve", "mia": "approve", "max": "decline", "moe": "approve"}.items():
        cast.vote(proposal, name, choice)
    return Decision.objects.get(proposal=proposal)


def test_terms_and_basis_are_said_in_words(cast: Cast) -> None:
    decision = decided(cast)
    data = certificate_data(selectors.certificate(decision))
    terms, basis = dict(data["terms"]), dict(data["rests_on"])
    assert terms["Interest period"] in {"1 month", "3 months"}
    assert terms["Tenor, months"] == str(decision.proposal.terms["tenor_months"])
    assert [label for label in terms if "_" in label] == []
    assert basis["Amount asked for"] == "USD 2,000,000.00"
    papers = decision.proposal.document["rests_on"]["papers"]
    assert basis["Liquidation statement"] in {f"{one['sha256']} ({one['state']})" for one in papers}
    assert data["rests_on"][0] == ["Application", decision.proposal.application.number]


def test_the_same_decision_gives_the_same_bytes(cast: Cast) -> None:
    decision = decided(cast)
    first = render(selectors.certificate(decision))
    assert first.startswith(b"%PDF-")
    assert render(selectors.certificate(Decision.objects.get(pk=decision.pk))) == first
