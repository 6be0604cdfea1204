"""Partners, their people, papers and accounts, and what they are told."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from loanfund.audit.models import Sealed
from loanfund.parties.models.people import FourEyes, User

# What the tables accept, said once more than in the choices below: a constraint is not to follow them by itself.
TYPES = ["trading_firm", "market_maker", "fund", "miner", "wallet", "infrastructure", "regulated_firm"]
SEGMENTS = ["trading", "market_maker", "fund", "miner", "exchange", "custodian", "protocol"]


class ConnectedGroup(models.Model):
    """Partners under common control: their exposures count as one against the group limit."""

    name = models.CharField(max_length=200, unique=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Partner(Sealed):
    """A company that borrows, or asks to."""

    class PartnerType(models.TextChoices):
        TRADING_FIRM = "trading_firm", "trading firm"
        MARKET_MAKER = "market_maker", "market maker"
        FUND = "fund", "fund"
        MINER = "miner", "miner"
        WALLET = "wallet", "wallet"
        INFRASTRUCTURE = "infrastructure", "infrastructure project"
        REGULATED_FIRM = "regulated_firm", "regulated firm"

    class Segment(models.TextChoices):
        TRADING = "trading", "trading firms"
        MARKET_MAKER = "market_maker", "market makers"
        FUND = "fund", "funds"
        MINER = "miner", "miners"
        EXCHANGE = "exchange", "exchanges"
        CUSTODIAN = "custodian", "wallets and custodians"
        PROTOCOL = "protocol", "protocols and infrastructure"

    class KybStatus(models.TextChoices):
        OPEN = "open", "not yet checked"
        APPROVED = "approved", "approved"
        REFUSED = "refused", "refused"

    number = models.CharField(max_length=20, unique=True)
    legal_name = models.CharField(max_length=200)
    registration_number = models.CharField(max_length=60)
    country = models.CharField(max_length=2, help_text="ISO 3166-1 alpha-2")
    address = models.TextField(blank=True)
    website = models.URLField(blank=True)
    partner_type = models.CharField(max_length=20, choices=PartnerType.choices)
    segment = models.CharField(max_length=20, choices=Segment.choices)
    group = models.ForeignKey(
        ConnectedGroup, on_delete=models.PROTECT, related_name="partners", null=True, blank=True
    )
    kyb_status = models.CharField(max_length=10, choices=KybStatus.choices, default=KybStatus.OPEN)
    kyb_valid_until = models.DateField(null=True, blank=True)
    watch_listed = models.BooleanField(default=False)
    watch_reason = models.CharField(max_length=300, blank=True)
    registered_on = models.DateField()

    class Meta:
        ordering: ClassVar = ["number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                "country", Lower("registration_number"), name="parties_partner_registered_once"
            ),
            models.CheckConstraint(
                condition=Q(country__regex="^[A-Z]{2}$"), name="parties_partner_country_code"
            ),
            models.CheckConstraint(
                condition=~Q(kyb_status="approved") | Q(kyb_valid_until__isnull=False),
                name="parties_partner_approved_until",
            ),
            models.CheckConstraint(
                condition=Q(watch_listed=False) | ~Q(watch_reason=""),
                name="parties_partner_watched_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(partner_type__in=TYPES),
                name="parties_partner_type_known",
            ),
            models.CheckConstraint(
                condition=Q(segment__in=SEGMENTS),
                name="parties_partner_segment_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.legal_name}"


class Membership(Sealed):
    """A person's place at a partner. An ended membership stays as a row and gives no right."""

    class Role(models.TextChoices):
        OWNER = "owner", "owner"
        SIGNATORY = "signatory", "signatory"
        PREPARER = "preparer", "preparer"
        VIEWER = "viewer", "viewer"

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)
    since = models.DateField()
    ended_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["partner", "user"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "partner"], condition=Q(ended_on__isnull=True), name="parties_membership_once"
            ),
            models.CheckConstraint(
                condition=Q(role__in=["owner", "signatory", "preparer", "viewer"]),
                name="parties_membership_role_known",
            ),
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True) | Q(ended_on__gte=F("since")),
                name="parties_membership_ends_after_start",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.partner}"


class Invitation(models.Model):
    """An address that was asked to join a partner. The token itself is only in the mail; its SHA-256 is kept."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField(max_length=254)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=10, choices=Membership.Role.choices)
    token_digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    invited_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    accepted_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-invited_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["partner", "email"],
                condition=Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
                name="parties_invitation_one_open",
            ),
            models.CheckConstraint(
                condition=Q(accepted_by__isnull=True) ^ Q(accepted_at__isnull=False),
                name="parties_invitation_accepted_by_someone",
            ),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="parties_invitation_email_lower"),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.partner}"


class StoredFile(Sealed):
    """A file that was uploaded or produced: its bytes lie under `path` in private storage and never change."""

    name = models.CharField(max_length=200)
    path = models.CharField(max_length=200, unique=True)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, related_name="files", null=True, blank=True
    )
    uploaded_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    uploaded_at = models.DateTimeField(db_default=Now())
    scanned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(size__gt=0), name="parties_storedfile_not_empty"),
            models.CheckConstraint(
                condition=Q(sha256__regex="^[0-9a-f]{64}$"), name="parties_storedfile_digest"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class KybPaper(FourEyes, Sealed):
    """One version of a paper about a partner: put in by one person, checked by another."""

    class Kind(models.TextChoices):
        INCORPORATION = "incorporation", "certificate of incorporation"
        ARTICLES = "articles", "memorandum and articles"
        INCUMBENCY = "incumbency", "certificate of incumbency"
        ADDRESS = "address", "proof of address"
        DIRECTORS = "directors", "register of directors"
        SHAREHOLDERS = "shareholders", "register of shareholders"
        OWNERSHIP = "ownership", "signed ownership chart"
        OWNER_IDENTITY = "owner_identity", "identity of a beneficial owner"
        SIGNATORIES = "signatories", "list of authorised signatories"
        SOURCE_OF_FUNDS = "source_of_funds", "source of funds"
        LICENCE = "licence", "licence"
        PROSPECTUS = "prospectus", "prospectus and AML letter"
        ACCOUNTS = "accounts", "audited accounts"
        LIQUIDATIONS = "liquidations", "statement of liquidations"

    class State(models.TextChoices):
        PROPOSED = "proposed", "to be checked"
        ACCEPTED = "accepted", "accepted"
        REFUSED = "refused", "refused"

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="papers")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    version = models.PositiveIntegerField()
    file = models.ForeignKey(StoredFile, on_delete=models.PROTECT, related_name="+")
    issued_on = models.DateField(null=True, blank=True)
    expires_on = models.DateField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    refusal_reason = models.CharField(max_length=300, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["partner", "kind", "-version"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.UniqueConstraint(
                fields=["partner", "kind", "version"], name="parties_kybpaper_version_once"
            ),
            models.CheckConstraint(
                condition=Q(state="proposed", checker__isnull=True)
                | (~Q(state="proposed") & Q(checker__isnull=False)),
                name="parties_kybpaper_decided_by_checker",
            ),
            models.CheckConstraint(
                condition=~Q(state="refused") | ~Q(refusal_reason=""),
                name="parties_kybpaper_refused_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.partner}"


class BeneficialOwner(Sealed):
    """A natural person who owns part of a partner. `share` is a percentage, above 0 and at most 100."""

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="beneficial_owners")
    name = models.CharField(max_length=200)
    country = models.CharField(max_length=2)
    born_on = models.DateField(null=True, blank=True)
    share = models.DecimalField(max_digits=7, decimal_places=4)
    politically_exposed = models.BooleanField(default=False)
    identity = models.ForeignKey(
        StoredFile, on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    ended_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["partner", "-share"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(share__gt=0) & Q(share__lte=100), name="parties_beneficialowner_share"
            ),
            models.CheckConstraint(
                condition=Q(country__regex="^[A-Z]{2}$"), name="parties_beneficialowner_country_code"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.share} %"


class SettlementAccount(FourEyes, Sealed):
    """Where a partner's drawdowns are paid: one person names it, another confirms it, used from `usable_from` on."""

    class Kind(models.TextChoices):
        BANK = "bank", "bank account"
        WALLET = "wallet", "wallet"

    class State(models.TextChoices):
        PROPOSED = "proposed", "to be confirmed"
        CONFIRMED = "confirmed", "confirmed"
        REFUSED = "refused", "refused"
        RETIRED = "retired", "no longer used"

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="settlement_accounts")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    label = models.CharField(max_length=80)
    currency = models.CharField(max_length=10)
    holder = models.CharField(max_length=200)
    institution = models.CharField(max_length=200, help_text="the bank, or the network of a wallet")
    address = models.CharField(max_length=120, help_text="IBAN, account number, or wallet address")
    state = models.CharField(max_length=10, choices=State.choices, default=State.PROPOSED)
    usable_from = models.DateField(null=True, blank=True)
    refusal_reason = models.CharField(max_length=300, blank=True)

    class Meta(FourEyes.Meta):
        ordering: ClassVar = ["partner", "label"]
        constraints: ClassVar = [
            *FourEyes.Meta.constraints,
            models.CheckConstraint(
                condition=Q(state="proposed", checker__isnull=True)
                | (~Q(state="proposed") & Q(checker__isnull=False)),
                name="parties_settlementaccount_decided_by_checker",
            ),
            models.CheckConstraint(
                condition=~Q(state="confirmed") | Q(usable_from__isnull=False),
                name="parties_settlementaccount_usable_from",
            ),
            models.UniqueConstraint(
                fields=["partner", "currency", "address"],
                condition=~Q(state__in=["refused", "retired"]),
                name="parties_settlementaccount_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.currency})"


class Notice(models.Model):
    """Something that must be told to someone: written with the change itself, sent later, once.

    `key` names what is told to whom, so that a retried change tells it once. A sender claims a row by a conditional
    UPDATE of `state` and `claimed_until`; a claim that runs out may be taken again. It is handed over before the mail server
    can take it: one whose sender died after that is in doubt, and left alone until `claimed_until` or an operator's word.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        CLAIMED = "claimed", "being sent"
        HANDED = "handed", "handed over, no answer yet"
        SENT = "sent", "sent"
        FAILED = "failed", "failed"

    key = models.CharField(max_length=200, unique=True)
    recipient = models.ForeignKey(
        User, on_delete=models.PROTECT, related_name="notices", null=True, blank=True
    )
    address = models.EmailField(
        max_length=254, blank=True, help_text="of somebody who does not sign in yet, in place of a recipient"
    )
    partner = models.ForeignKey(
        Partner, on_delete=models.PROTECT, related_name="notices", null=True, blank=True
    )
    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=200)
    body = models.TextField()
    link = models.CharField(max_length=200, blank=True)
    by_mail = models.BooleanField(default=True)
    on = models.DateField()
    written_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    not_before = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="parties_notice_sent_when"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["claimed", "handed"]) | Q(claimed_until__isnull=False),
                name="parties_notice_claimed_until",
            ),
            models.CheckConstraint(
                condition=Q(recipient__isnull=True) ^ Q(address=""), name="parties_notice_to_one"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["not_before", "id"],
                condition=Q(state__in=["waiting", "claimed", "handed"]),
                name="parties_notice_to_send",
            ),
            models.Index(fields=["recipient", "-id"], name="parties_notice_of"),
        ]

    def __str__(self) -> str:
        return self.subject


class ApiKey(models.Model):
    """A partner's key to the API. Only its SHA-256 is kept; `prefix` is what people recognise it by."""

    class Scope(models.TextChoices):
        READ = "read", "read"
        WRITE = "write", "read and write"

    partner = models.ForeignKey(Partner, on_delete=models.PROTECT, related_name="api_keys")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_keys")
    label = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=10, choices=Scope.choices, default=Scope.READ)
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"{self.label} ({self.prefix})"
