"""The OpenAPI document says what the API does, and the page of docs can be typed as it stands."""

import json
import re
import shlex
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from loanfund.api import urls
from tests.api.caller import account_of, caller_of
from tests.origination.cast import CSV, make_cast
from tests.servicing.world import bullet, make_world

pytestmark = pytest.mark.django_db
PAGE = Path(__file__).parents[2] / "docs" / "api.md"


@pytest.fixture
def document(db: None) -> dict[str, Any]:
    answer = Client().get("/api/v1/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = json.loads(answer.content)
    return found


def test_the_document_is_valid_openapi_and_open_to_read(document: dict[str, Any]) -> None:
    validate_schema(document)
    assert document["info"]["title"].startswith("Loan fund")
    assert document["components"]["securitySchemes"]["partnerKey"]["scheme"] == "bearer"


def test_the_document_names_every_address_and_no_other(document: dict[str, Any]) -> None:
    served = {
        "/api/v1/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        for pattern in urls.urlpatterns
        if str(pattern.name) not in {"openapi", "nowhere"}
    }
    assert set(document["paths"]) == served


def test_every_post_asks_for_a_key_and_every_address_for_the_partners(document: dict[str, Any]) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"partnerKey": []}], path
            names = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("Idempotency-Key" in names) == (method == "post"), path


def test_the_document_is_made_without_a_guess(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the generator has to guess it says so: then the document would not be ours."""
    GENERATOR_STATS.emit_summary()
    assert "Warning" not in capsys.readouterr().err
    assert document["paths"]


def commands(*sections: str) -> list[str]:
    """The curl commands of these sections of the page, in order; a line that ends in a backslash goes on."""
    parts = dict(part.split("\n", 1) for part in PAGE.read_text().split("\n## ")[1:])
    blocks = [
        block for section in sections for block in re.findall(r"```sh\n(.*?)```", parts[section], flags=re.S)
    ]
    return [line for line in "".join(blocks).replace("\\\n", " ").splitlines() if line.startswith("curl")]


def run(command: str, known: dict[str, str]) -> Any:
    """Do what curl would: the options that the page uses, against the test client."""
    for name, value in known.items():
        command = command.replace(f"${name}", value)
    words = iter(shlex.split(command)[1:])
    method, headers, sent, form, url = "", {}, "", {}, ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "-d":
            sent = next(words)
        elif word == "-F":
            name, _, value = next(words).partition("=")
            content = CSV if "liquidations" in value else b"a,b\n1,2\n"
            form[name] = SimpleUploadedFile(value[1:], content) if value.startswith("@") else value
        elif not word.startswith("-"):
            url = word
    method = method or ("POST" if sent or form else "GET")
    kind = headers.pop("Content-Type", "application/json")
    how: dict[str, Any] = {"data": sent, "content_type": kind} if method != "GET" else {}
    if form:
        how = {"data": form}
    address = url.removeprefix("http://localhost:8000")
    return getattr(Client(), method.lower())(address, headers=headers, **how)


def test_every_command_of_applying_works_as_it_stands(db: None) -> None:
    cast = make_cast()
    known = {"OFFER": cast.sent_offer().number}
    known["KEY"] = caller_of(cast.partner, cast["pia"], on=cast.day).secret
    for command in commands("Keys", "Apply"):
        answer = run(command, known)
        assert answer.status_code in {200, 201}, (command, answer.content)
        if answer.status_code == 201 and "profile" in command:
            known["APPLICATION"] = json.loads(answer.content)["number"]
    assert json.loads(run(commands("Apply")[6], known).content)["state"] == "submitted"


def test_every_command_of_borrowing_works_as_it_stands(db: None) -> None:
    world = make_world()
    world.sign(bullet())
    first = world.today
    world.draw(Decimal(1_000_000))
    world.close_through(first + timedelta(days=2))
    account = account_of(world)
    known = {
        "KEY": caller_of(world.partner, world.borrower, on=world.today).secret,
        "FACILITY": world.facility.number,
        "ACCOUNT": str(account.pk),
        "DAY": str(world.today),
        "FIRST": str(first),
        "LAST": str(world.today - timedelta(days=1)),
    }
    for command in commands("Borrow", "Statements"):
        answer = run(command, known)
        assert answer.status_code in {200, 201}, (command, answer.content)
        if answer.status_code == 201:
            known["DRAWDOWN"] = json.loads(answer.content)["number"]
    assert answer.content.startswith(b"%PDF")
