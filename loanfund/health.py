"""Are the parts of the running system answering? What /healthz, /readyz and the launcher ask."""

import os
import sys
import time
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView
from redis.exceptions import RedisError

BEAT_SECONDS = 30
"""A worker or beat that has not been heard of for this long does not answer."""


def heard_from(part: str) -> None:
    """Notes that `part` ("worker" or "beat") is alive now."""
    cache.set(f"heartbeat:{part}", time.time(), timeout=BEAT_SECONDS)


def _database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return ""


def _migrations() -> str:
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} migrations have not run" if waiting else ""


def _redis() -> str:
    cache.set("heartbeat:cache", 1, timeout=BEAT_SECONDS)
    return ""


def _heard(part: str) -> Callable[[], str]:
    def check() -> str:
        if cache.get(f"heartbeat:{part}", -1.0) < settings.STARTED_AT:
            return f"not heard from in the last {BEAT_SECONDS} seconds"
        return ""

    return check


READY: dict[str, Callable[[], str]] = {"database": _database, "migrations": _migrations, "redis": _redis}
HEALTHY = READY | {"worker": _heard("worker"), "beat": _heard("beat")}


def problems(checks: dict[str, Callable[[], str]]) -> dict[str, str]:
    """Runs the checks and returns a word about each: "ok", or what is wrong."""
    found = {}
    for name, check in checks.items():
        try:
            found[name] = check() or "ok"
        except (DatabaseError, RedisError, OSError) as error:
            # The details (addresses, user names) belong in the log of the server, not on a public page.
            found[name] = f"does not answer ({type(error).__name__})"
    return found


def _answer(checks: dict[str, Callable[[], str]]) -> JsonResponse:
    found = problems(checks)
    well = all(word == "ok" for word in found.values())
    return JsonResponse({"ok": well, "parts": found}, status=200 if well else 503)


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when this web process can serve: database, schema and Redis are there."""
    return _answer(READY)


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when every part of the system answers, the worker and beat included."""
    return _answer(HEALTHY)


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus counters, for the bearer of METRICS_TOKEN only."""
    if (
        not settings.METRICS_TOKEN
        or request.headers.get("Authorization") != f"Bearer {settings.METRICS_TOKEN}"
    ):
        return HttpResponse("There is nothing here.", status=404, content_type="text/plain")
    return ExportToDjangoView(request)


def _web_answers() -> str:
    """Asks the web server in this container, as the proxy in front of it would."""
    host = urlsplit(settings.BASE_URL).netloc
    port = os.environ.get("BIND", ":8000").rpartition(":")[2]
    asked = urllib.request.Request(f"http://127.0.0.1:{port}/readyz", headers={"Host": host})
    with urllib.request.urlopen(asked, timeout=5) as answer:  # nosec B310 # our own address
        return "" if answer.status == 200 else f"answered {answer.status}"


def main(words: list[str]) -> int:
    """`python -m loanfund.health web|worker|beat`: exit code 0 when that part answers, for container health checks."""
    checks = {"web": _web_answers, "worker": _heard("worker"), "beat": _heard("beat")}
    if len(words) != 1 or words[0] not in checks:
        sys.stderr.write(f"Say which part: {', '.join(checks)}\n")
        return 2
    found = problems({words[0]: checks[words[0]]})
    sys.stdout.write(f"{words[0]}: {found[words[0]]}\n")
    return 0 if found[words[0]] == "ok" else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loanfund.settings")
    sys.exit(main(sys.argv[1:]))
