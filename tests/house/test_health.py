"""What watchers hear: /readyz of this process, /healthz of the whole system."""

import time

import pytest
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from loanfund.health import heard_from, main

pytestmark = pytest.mark.django_db


def test_a_web_server_with_its_database_and_redis_is_ready(client: Client) -> None:
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ok": True, "parts": {"database": "ok", "migrations": "ok", "redis": "ok"}}


def test_the_system_is_well_only_while_worker_and_beat_are_heard(client: Client) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["worker"] == "not heard from in the last 30 seconds"
    heard_from("worker")
    heard_from("beat")
    assert client.get("/healthz").status_code == 200


def test_a_sign_of_life_from_before_the_start_does_not_count(client: Client, settings: Settings) -> None:
    heard_from("worker")
    heard_from("beat")
    settings.STARTED_AT = time.time() + 1
    assert client.get("/healthz").status_code == 503


def test_a_silent_worker_fails_its_container_check(capsys: pytest.CaptureFixture[str]) -> None:
    cache.delete("heartbeat:worker")
    assert main(["worker"]) == 1
    heard_from("worker")
    assert main(["worker"]) == 0
    assert capsys.readouterr().out.endswith("worker: ok\n")


def test_an_unknown_part_is_answered_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kitchen"]) == 2
    assert capsys.readouterr().err == "Say which part: web, worker, beat\n"


def test_metrics_are_for_the_bearer_of_the_token_only(client: Client, settings: Settings) -> None:
    assert client.get("/metrics").status_code == 404
    settings.METRICS_TOKEN = "a token"
    assert client.get("/metrics", headers={"Authorization": "Bearer another"}).status_code == 404
    answer = client.get("/metrics", headers={"Authorization": "Bearer a token"})
    assert b"django_http_requests" in answer.content


def test_every_page_forbids_scripts_and_styles_from_elsewhere(client: Client) -> None:
    policy = client.get("/account/login/").headers["Content-Security-Policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert "unsafe" not in policy
