"""Counters of a web server with several processes."""

import urllib.request

from tests import stack


def requests_counted(url: str) -> float:
    asked = urllib.request.Request(f"{url}/metrics", headers={"Authorization": "Bearer a token"})
    with urllib.request.urlopen(asked, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("django_http_requests_before_middlewares_total")
    )


def test_whichever_process_answers_speaks_for_all(committed_db: str) -> None:
    with stack.web(WEB_WORKERS="2", METRICS_TOKEN="a token") as url:
        for _ in range(20):
            urllib.request.urlopen(f"{url}/readyz", timeout=5).close()
        counts = [requests_counted(url) for _ in range(10)]
    assert counts == sorted(counts)
    assert counts[0] >= 20
