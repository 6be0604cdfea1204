"""Which papers the lender asks of which partner, and where each of them stands."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet

from loanfund.parties.models import KybPaper, Partner

Kind = KybPaper.Kind
Type = Partner.PartnerType
ALWAYS = (
    Kind.INCORPORATION,
    Kind.ARTICLES,
    Kind.INCUMBENCY,
    Kind.ADDRESS,
    Kind.DIRECTORS,
    Kind.SHAREHOLDERS,
    Kind.OWNERSHIP,
    Kind.OWNER_IDENTITY,
    Kind.SIGNATORIES,
    Kind.SOURCE_OF_FUNDS,
    Kind.ACCOUNTS,
    Kind.LIQUIDATIONS,
)
"""What lenders of this market ask of every institution. An assumption of ours: nobody has published a list."""
MORE: dict[str, tuple[KybPaper.Kind, ...]] = {
    Type.REGULATED_FIRM: (Kind.LICENCE,),
    Type.FUND: (Kind.PROSPECTUS,),
}
FRESH = frozenset({Kind.INCUMBENCY, Kind.ADDRESS})
FRESH_DAYS = 92
"""Papers that must be at most three months old when they are handed in."""
RENEW_DAYS = 30
"""From so many days before it runs out a paper is to be renewed."""
HINTS = {
    Kind.INCORPORATION: "Issued by the company register.",
    Kind.ARTICLES: "The version in force, with every amendment.",
    Kind.INCUMBENCY: "At most three months old.",
    Kind.ADDRESS: "A bill, lease or register extract of the company, at most three months old.",
    Kind.DIRECTORS: "Everybody who may bind the company.",
    Kind.SHAREHOLDERS: "Down to the last holder.",
    Kind.OWNERSHIP: "Signed and dated by a director; the same people as on the page of owners.",
    Kind.OWNER_IDENTITY: "Passport or identity card and proof of address of everybody with a quarter or more, in one PDF.",
    Kind.SIGNATORIES: "Names, specimen signatures, and who signs with whom.",
    Kind.SOURCE_OF_FUNDS: "Where the company's money comes from.",
    Kind.LICENCE: "Of the supervisor in the country of registration.",
    Kind.PROSPECTUS: "With the letter of the administrator about its own checks.",
    Kind.ACCOUNTS: "Of the last closed year.",
    Kind.LIQUIDATIONS: "Of the venue, with the losses of the event window.",
}


def required_kinds(partner_type: str) -> tuple[KybPaper.Kind, ...]:
    """The papers that a partner of a type has to hand in, in the order of the list."""
    return (*ALWAYS, *MORE.get(partner_type, ()))


@dataclass(frozen=True)
class PaperLine:
    """One paper of the list: the newest version handed in, if any, and how it stands on a day."""

    kind: KybPaper.Kind
    newest: KybPaper | None
    state: str
    tone: str
    versions: tuple[KybPaper, ...]

    @property
    def hint(self) -> str:
        """What the paper has to be."""
        return HINTS[self.kind]

    @property
    def label(self) -> str:
        """The name of the paper, to begin a line with."""
        words = str(self.kind.label)
        return words[0].upper() + words[1:]

    @property
    def wanted(self) -> bool:
        """Whether the partner has something to do about it."""
        return self.state in WANTED


WANTED = frozenset({"missing", "refused", "expired", "renew soon"})


def paper_checklist(partner: Partner, on: date) -> list[PaperLine]:
    """Every paper asked of a partner, and any other that it handed in, as it stands on a day, with its files and who
    handed them in and checked them. One query.
    """
    return _lines(partner, on, KybPaper.objects.select_related("file", "maker", "checker"))


def papers_wanted(partner: Partner, on: date) -> list[PaperLine]:
    """The papers about which the partner has something to do. One small query."""
    small = KybPaper.objects.only("partner_id", "kind", "version", "state", "expires_on")
    return [line for line in _lines(partner, on, small) if line.wanted]


def _lines(partner: Partner, on: date, papers: QuerySet[KybPaper]) -> list[PaperLine]:
    versions: dict[str, list[KybPaper]] = {}
    for paper in papers.filter(partner=partner).order_by("kind", "-version"):
        versions.setdefault(paper.kind, []).append(paper)
    wanted = list(required_kinds(partner.partner_type))
    others = [Kind(kind) for kind in versions if kind not in wanted]
    return [_line(kind, tuple(versions.get(kind, ())), on) for kind in [*wanted, *others]]


def _line(kind: KybPaper.Kind, versions: tuple[KybPaper, ...], on: date) -> PaperLine:
    newest = versions[0] if versions else None
    state, tone = _standing(newest, on)
    return PaperLine(kind, newest, state, tone, versions)


def _standing(paper: KybPaper | None, on: date) -> tuple[str, str]:
    if paper is None:
        return "missing", "warn"
    if paper.state == KybPaper.State.REFUSED:
        return "refused", "bad"
    if paper.expires_on is not None and paper.expires_on < on:
        return "expired", "bad"
    if paper.state == KybPaper.State.PROPOSED:
        return "being checked", "info"
    if paper.expires_on is not None and paper.expires_on <= on + timedelta(days=RENEW_DAYS):
        return "renew soon", "warn"
    return "accepted", "ok"
