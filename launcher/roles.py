"""Prepares a PostgreSQL that is somebody else's: the app's role and its rights. Runs inside the environment.

Connects as DATABASE_OWNER_URL, who owns the database. The role that DATABASE_URL names gets rights on rows and nothing
else; it is made when it is missing and the owner may make roles.
"""

import os
import sys
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from launcher.postgres import rights


def secret(name: str) -> str:
    """A variable's value, or that of the file named by its X_FILE twin; "" when neither is set."""
    path = os.environ.get(f"{name}_FILE")
    if path:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    return os.environ.get(name, "")


def connect(url: str, password: str) -> "psycopg.Connection[tuple[object, ...]]":
    if not password:
        return psycopg.connect(url, autocommit=True, connect_timeout=10)
    return psycopg.connect(url, autocommit=True, connect_timeout=10, password=password)


def prepare() -> None:
    app_url = secret("DATABASE_URL")
    app = urlsplit(app_url)
    role, password = app.username or "", secret("DATABASE_PASSWORD") or app.password or ""
    with connect(secret("DATABASE_OWNER_URL"), secret("DATABASE_OWNER_PASSWORD")) as link:
        me = str(link.execute("SELECT current_user").fetchone()[0])  # type: ignore[index] # one row always
        if me == role:
            sys.exit(
                f"DATABASE_URL and DATABASE_OWNER_URL both connect as {role}. The app must own nothing: name another "
                "role in DATABASE_URL; it is made if it does not exist."
            )
        if link.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
            make = sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOCREATEDB").format(
                sql.Identifier(role)
            )
            link.execute(
                make + (sql.SQL(" PASSWORD {}").format(sql.Literal(password)) if password else sql.SQL(""))
            )
        for grant in rights(app=sql.Identifier(role).as_string(link)):
            link.execute(grant.encode())


def main() -> None:
    try:
        prepare()
    except psycopg.errors.InsufficientPrivilege as error:
        sys.exit(
            f"The role of DATABASE_OWNER_URL may not prepare the app's role ({str(error).strip()}). Make it yourself: "
            "CREATE ROLE loanfund_app LOGIN PASSWORD '...'; then put it into DATABASE_URL."
        )
    except psycopg.OperationalError as error:
        sys.exit(f"The database does not answer: {str(error).strip()}. Check DATABASE_OWNER_URL.")


if __name__ == "__main__":
    main()
