"""Who may write what, applied to the database after every migrate, as the owner, as often as one likes.

A model says how its table is protected (`AppendOnly`, `Sealed`, `KeptByDatabase`); every other table is ordinary. The
application's role (`settings.APP_ROLE`) owns nothing and gets no TRUNCATE anywhere.
"""

from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from psycopg import sql

PRIVILEGES = {
    "ordinary": "SELECT, INSERT, UPDATE, DELETE",
    "sealed": "SELECT, INSERT, UPDATE, DELETE",
    "append_only": "SELECT, INSERT",
    "kept": "SELECT",
}
OWNERS_TABLES = {"django_migrations": "kept"}
CHAINED = "chain"


@dataclass(frozen=True)
class Table:
    """How one model's table is protected; `seal_by` is a column that groups its rows into batches, or empty."""

    name: str
    protection: str
    seal_by: str = ""

    @property
    def under_seal(self) -> bool:
        return self.protection in {"append_only", "sealed"} and self.seal_by != CHAINED


def protected_tables() -> list[Table]:
    """Every table of a model that asks for protection, by name."""
    found = {
        model._meta.db_table: Table(
            model._meta.db_table, getattr(model, "protection", "ordinary"), getattr(model, "seal_by", "")
        )
        for model in apps.get_models(include_auto_created=True)
        if getattr(model, "protection", "") and model._meta.managed and not model._meta.proxy
    }
    return [found[name] for name in sorted(found)]


def protect(*, using: str = "default") -> int:
    """Grant, revoke, install the triggers and seal the tables of every model; return how many tables were seen.

    Raises ImproperlyConfigured when the application's role does not exist, or is the one connected: the owner protects.
    """
    role = settings.APP_ROLE
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
        if cursor.fetchone() is None:
            raise ImproperlyConfigured(
                f"There is no role {role!r}. As the server's superuser CREATE ROLE {role} LOGIN, then migrate."
            )
        cursor.execute("SELECT current_user = %s", [role])
        if cursor.fetchone() == (True,):
            raise ImproperlyConfigured(
                f"{role} cannot grant rights to itself: connect as the owner of the tables."
            )
        present = _owned_tables(cursor)
        _grant_tables(cursor, role, present)
        _grant_functions(cursor, role)
        for table in protected_tables():
            if table.name not in present:
                continue  # its migration is not applied yet, or was taken back
            if table.protection == "append_only":
                cursor.execute("SELECT audit_append_only(%s::regclass)", [_quoted(table.name)])
            if table.under_seal:
                cursor.execute(
                    "SELECT audit_seal_table(%s::regclass, %s)", [_quoted(table.name), table.seal_by]
                )
    return len(present)


def _quoted(name: str) -> str:
    return f'public."{name}"'


def _owned_tables(cursor: Any) -> list[str]:
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v')"
        " AND pg_has_role(current_user, relowner, 'USAGE') ORDER BY relname"
    )
    return [name for (name,) in cursor.fetchall()]


def _grant_tables(cursor: Any, role: str, names: list[str]) -> None:
    protection = OWNERS_TABLES | {table.name: table.protection for table in protected_tables()}
    grantee = sql.Identifier(role)
    cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(grantee))
    cursor.execute(sql.SQL("REVOKE CREATE ON SCHEMA public FROM PUBLIC, {}").format(grantee))
    cursor.execute(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {}").format(grantee))
    cursor.execute(sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM PUBLIC, {}").format(grantee))
    cursor.execute(sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(grantee))
    for name in names:
        privileges = PRIVILEGES[protection.get(name, "ordinary")]
        cursor.execute(
            sql.SQL("GRANT {} ON public.{} TO {}").format(sql.SQL(privileges), sql.Identifier(name), grantee)
        )


def _grant_functions(cursor: Any, role: str) -> None:
    """Nobody but the owner may bind a trigger function to a table: that would lend out the owner's rights."""
    cursor.execute(
        "SELECT oid::regprocedure::text, prorettype = 'trigger'::regtype FROM pg_proc"
        " WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'"
        " AND pg_has_role(current_user, proowner, 'USAGE')"
        " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = pg_proc.oid AND d.deptype = 'e')"
    )
    for signature, is_trigger in cursor.fetchall():
        function = sql.SQL(signature)
        cursor.execute(
            sql.SQL("REVOKE ALL ON FUNCTION {} FROM PUBLIC, {}").format(function, sql.Identifier(role))
        )
        if not is_trigger:
            cursor.execute(
                sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(function, sql.Identifier(role))
            )


def protect_after_migrate(*, using: str = "default", **_signal: Any) -> None:
    """Handler of post_migrate: the protection follows the models."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regproc('public.audit_seal_table') IS NOT NULL")
        (ready,) = cursor.fetchone()
    if ready:
        protect(using=using)
