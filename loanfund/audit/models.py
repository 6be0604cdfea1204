"""The audit log, the seals over stored rows, and the bases that tell the database how a table is protected.

Who may write what is a property of the model: after every migrate `loanfund.audit.protection` reads it and grants,
revokes and installs triggers accordingly.
"""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now


class AppendOnly(models.Model):
    """Rows that are written once. The database refuses UPDATE and DELETE to everyone, and seals each row.

    `seal_by` names the column whose value groups rows into one sealed batch (`batch_id` of a nightly accrual); empty
    means that each statement's rows are sealed as they are written. A batched table is sealed by
    `loanfund.audit.sealing.seal_batch`, called once by the service that wrote the batch.
    """

    protection: ClassVar[str] = "append_only"
    seal_by: ClassVar[str] = ""

    class Meta:
        abstract = True


class Sealed(models.Model):
    """Rows that hold money or decisions and may change by rule: each version is sealed, so that an edit which went
    round the triggers is found and located."""

    protection: ClassVar[str] = "sealed"

    class Meta:
        abstract = True


class KeptByDatabase(models.Model):
    """Rows that only the database's own functions write: the application's role may read them."""

    protection: ClassVar[str] = "kept"

    class Meta:
        abstract = True


class AuditEvent(models.Model):
    """One change: who did what to which object, on which business date, with the values before and after.

    `at` is the moment of the transaction in UTC. `before` and `after` are JSON objects, money as strings. An event has
    no foreign keys: it must outlive whatever it speaks of.
    """

    protection: ClassVar[str] = "append_only"
    seal_by: ClassVar[str] = "chain"  # its links are its seal

    at = models.DateTimeField(db_default=Now())
    on = models.DateField()
    actor_id = models.TextField(blank=True, default="")
    actor = models.TextField()
    action = models.TextField()
    object_type = models.TextField(blank=True, default="")
    object_id = models.TextField(blank=True, default="")
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    reason = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "audit event"
        default_permissions = ("view",)
        indexes = [models.Index(fields=["object_type", "object_id", "id"], name="audit_event_object")]
        constraints = [
            models.CheckConstraint(condition=~models.Q(actor=""), name="audit_event_actor"),
            models.CheckConstraint(condition=~models.Q(action=""), name="audit_event_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor} on {self.on.isoformat()}"


class AuditLink(KeptByDatabase):
    """One link of the chain, written at commit: sha256(hash of the link before | digest of the event or seal)."""

    seq = models.BigIntegerField(primary_key=True)
    source = models.CharField(max_length=1, choices=[("E", "event"), ("S", "seal")])
    ref = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        verbose_name = "link of the audit chain"
        default_permissions = ("view",)
        constraints = [
            models.UniqueConstraint(fields=["source", "ref"], name="audit_link_once"),
            models.CheckConstraint(condition=models.Q(seq__gte=1), name="audit_link_seq"),
        ]

    def __str__(self) -> str:
        return f"link {self.seq}"


class SealedTable(KeptByDatabase):
    """A table under seal, with the columns its digests cover and the column that groups its batches, if any."""

    table = models.TextField(primary_key=True)
    columns = ArrayField(models.TextField())
    key = ArrayField(models.TextField())
    batch_column = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = "sealed table"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.table


class Seal(KeptByDatabase):
    """What one statement wrote into a sealed table.

    Row seals: `keys` and `digests` run in parallel, a NULL digest is a deleted row, `batch` is empty. Batch seals:
    `batch` is the value of the grouping column, `rows` the count, `digests` holds one digest over all rows, `marks`
    eight bytes of a quick hash of each row in key order, which is enough to point at the row that was changed.
    """

    id = models.BigAutoField(primary_key=True)
    table = models.TextField()
    rows = models.BigIntegerField()
    keys = ArrayField(models.TextField(), null=True)
    digests = ArrayField(models.BinaryField(null=True))
    batch = models.TextField(blank=True, default="")
    marks = models.BinaryField(null=True)

    class Meta:
        verbose_name = "seal"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"seal {self.pk} of {self.table}"


class IdempotencyKey(models.Model):
    """The answer once given to a request, kept under the sender's key so that a repeat gets the same one.

    `digest` is sha256 (64 hex digits) over the request's method, path and body.
    """

    scope = models.TextField()
    key = models.TextField()
    digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    body = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name = "idempotency key"
        constraints = [models.UniqueConstraint(fields=["scope", "key"], name="audit_idempotencykey_once")]

    def __str__(self) -> str:
        return self.key
