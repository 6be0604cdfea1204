"""The role that the web server and the workers use can do their work and nothing else."""

import pytest
from django.db import DatabaseError, connection, transaction

pytestmark = pytest.mark.django_db


def value(sql: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row = cursor.fetchone()
    return row[0] if row else None


def test_the_app_connects_as_the_role_that_owns_nothing() -> None:
    assert value("SELECT current_user") == "loanfund_app"
    owned = """
        SELECT count(*) FROM (
            SELECT 1 FROM pg_class WHERE pg_get_userbyid(relowner) = current_user
            UNION ALL SELECT 1 FROM pg_proc WHERE pg_get_userbyid(proowner) = current_user
            UNION ALL SELECT 1 FROM pg_namespace WHERE pg_get_userbyid(nspowner) = current_user
            UNION ALL SELECT 1 FROM pg_database WHERE pg_get_userbyid(datdba) = current_user
        ) AS owned
    """
    assert value(owned) == 0


def test_the_app_has_no_right_above_its_rows() -> None:
    rights = "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls FROM pg_roles"
    assert value(f"{rights} WHERE rolname = current_user") is False
    assert value("SELECT count(*) FROM pg_auth_members WHERE member = current_user::regrole") == 0


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE mine (id int)",
        "TRUNCATE django_session",
        "DROP TABLE django_session",
        "ALTER TABLE django_session ADD COLUMN mine int",
        "SET session_replication_role = replica",
        "SET ROLE loanfund_owner",
    ],
)
def test_the_app_may_not_change_the_schema_or_its_guards(sql: str) -> None:
    with pytest.raises(DatabaseError, match=r"permission denied|must be owner"), transaction.atomic():
        value(sql)
