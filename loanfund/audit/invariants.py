"""The shape of a check that the books hold, shared by every app's `invariants.py`.

Each app lists its checks in `INVARIANTS`: small functions without arguments that return a Finding. A check which saw no
rows has proven nothing and does not pass.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import wraps

from django.db import OperationalError, connection, transaction
from psycopg import sql

from loanfund.audit.protection import protected_tables
from loanfund.audit.selectors import ChainHead


@dataclass(frozen=True)
class Break:
    """One place where the books do not hold: the object as "table:key", and a sentence for whoever has to look."""

    object: str
    sentence: str


@dataclass(frozen=True)
class Finding:
    """What one check saw: its name, how many rows it looked at, and every break it found."""

    check: str
    rows_seen: int
    breaks: list[Break] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.breaks

    @property
    def passed(self) -> bool:
        """True when the check looked at something and found it right."""
        return self.rows_seen > 0 and not self.breaks


Invariant = Callable[[], Finding]


def carried_through(*checks: Invariant) -> list[Invariant]:
    """The checks, each of which reports what it stumbled over instead of stopping those after it: what was changed past
    every rule may be nothing that a program can read, and the seals say where it is."""
    return [_carried_through(check) for check in checks]


def _carried_through(check: Invariant) -> Invariant:
    @wraps(check)
    def carried() -> Finding:
        try:
            with transaction.atomic():
                return check()
        except OperationalError:
            raise
        except Exception as error:
            name = check.__name__.replace("_", " ")
            sentence = f"It met what it cannot read ({type(error).__name__}: {error}); what the seals name was changed."
            return Finding(name, 0, [Break(name, sentence)])

    return carried


def verify_chain(heads: Iterable[ChainHead] = ()) -> Finding:
    """Recompute the whole chain: every event and seal is linked once, unchanged, in an unbroken sequence.

    `heads` are chain heads that were kept elsewhere (close runs, certificates): each must still be a link, else the
    tail was cut off and written anew.
    """
    breaks: list[Break] = []
    with transaction.atomic(), connection.cursor() as cursor:
        # What this transaction wrote itself is linked only at commit: link it now, so that it is checked too.
        cursor.execute("SET CONSTRAINTS audit_event_linked, audit_seal_linked IMMEDIATE")
        cursor.execute("SET CONSTRAINTS audit_event_linked, audit_seal_linked DEFERRED")
        # Few rows come back and each was costly to look at: worth every processor, which the planner does not know.
        cursor.execute(
            "SET LOCAL work_mem = '256MB'; SET LOCAL parallel_tuple_cost = 0; SET LOCAL parallel_setup_cost = 0"
        )
        cursor.execute(
            "SELECT link, kind, object, problem FROM audit_broken_links() ORDER BY link NULLS LAST, object"
        )
        for seq, source, ref, problem in cursor.fetchall():
            table = "audit_auditevent" if source == "E" else "audit_seal"
            breaks.append(
                Break(f"{table}:{ref}", _LINK_SENTENCES[problem].format(ref=f"{table} {ref}", seq=seq))
            )
        cursor.execute("SELECT count(*) FROM audit_auditlink")
        (rows,) = cursor.fetchone()
        kept = sorted({(head.seq, head.hash) for head in heads if head.seq})
        cursor.execute(
            "SELECT k.seq, k.hash FROM unnest(%s::bigint[], %s::text[]) k (seq, hash) WHERE NOT EXISTS ("
            "SELECT FROM audit_auditlink l WHERE l.seq = k.seq AND encode(l.hash, 'hex') = k.hash) ORDER BY 1",
            [[seq for seq, _ in kept], [digest for _, digest in kept]],
        )
        for seq, digest in cursor.fetchall():
            gone = ChainHead(seq, digest)
            breaks.append(
                Break(f"audit_auditlink:{seq}", f"The chain no longer holds the head {gone} that was kept.")
            )
    return Finding("audit chain", rows, breaks)


def verify_seals() -> Finding:
    """Compare every row of every sealed table with its last seal, and every model that asks for seals with what is
    sealed; a break names the row as "table:key"."""
    breaks: list[Break] = []
    rows = 0
    with connection.cursor() as cursor:
        cursor.execute('SELECT "table", columns FROM audit_sealedtable ORDER BY 1')
        sealed = dict(cursor.fetchall())
        for table in protected_tables():
            if table.under_seal and table.name not in sealed:
                breaks.append(Break(table.name, f"Table {table.name} is not under seal: run grant_app_role."))
        for name, columns in sealed.items():
            cursor.execute(
                "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute"
                " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
                [f'public."{name}"'],
            )
            (present,) = cursor.fetchone()
            if present != columns:
                breaks.append(
                    Break(name, f"The columns of {name} changed since it was sealed: run grant_app_role.")
                )
                continue
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(name)))
            rows += cursor.fetchone()[0]
            cursor.execute("SELECT object, problem FROM audit_broken_rows(%s)", [name])
            breaks.extend(
                Break(f"{name}:{key}", _ROW_SENTENCES[problem].format(table=name, key=key))
                for key, problem in cursor.fetchall()
            )
    return Finding("seals", rows, breaks)


_LINK_SENTENCES = {
    "unlinked": "{ref} is not in the chain: it was written round the triggers.",
    "gone": "{ref} is gone, though link {seq} of the chain covers it.",
    "gap": "The chain has a gap before link {seq}.",
    "changed": "{ref} or link {seq} of the chain was changed after it was written.",
}
_ROW_SENTENCES = {
    "unsealed": "Row {key} of {table} was written round the triggers: no seal covers it.",
    "gone": "Row {key} of {table} is gone: a seal covers it, nobody deleted it by rule.",
    "changed": "Row {key} of {table} was changed after it was sealed.",
}

INVARIANTS: list[Invariant] = [verify_chain, verify_seals]
