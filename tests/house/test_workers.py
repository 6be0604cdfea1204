"""Tests run side by side without meeting: each worker of a run has a database, a queue and a cache of its own."""

import os

from django.conf import settings

from tests import servers
from tests.conftest import worker_number


def test_each_worker_has_a_queue_and_a_cache_of_its_own() -> None:
    queue, cache = worker_number() * 2, worker_number() * 2 + 1
    assert os.environ["REDIS_URL"] == servers.redis_url(worker_number())
    assert settings.CELERY_BROKER_URL.endswith(f"={queue}")
    assert str(settings.CACHES["default"]["LOCATION"]).endswith(f"={cache}")
