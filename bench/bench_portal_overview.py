"""What a partner's first page costs beside the least that the same server shows to the same person."""

from decimal import Decimal

from django.test import Client, override_settings

from bench.harness import Figure, benchmark, fresh_database, pair
from tests.servicing.world import bullet, make_world

FACILITIES = 3
ROUNDS = 40


@benchmark("portal_overview", max_ratio=3)
def portal_overview() -> Figure:
    """The floor is the person's page of second factors: the same frame and sign-in, and one query of its own."""
    with fresh_database(), override_settings(ALLOWED_HOSTS=["*"], SECURE_SSL_REDIRECT=False):
        world = make_world()
        for _ in range(FACILITIES):
            world.draw(Decimal(1_000_000), facility=world.sign(bullet()))
        client = Client()
        client.force_login(world.borrower)
        page, trivial = f"/partners/{world.partner.number}/", "/account/2fa/"
        for path in (page, trivial):
            answer = client.get(path)
            if answer.status_code != 200:
                raise AssertionError(f"{path} answers {answer.status_code}")
        ours, floor = pair(lambda: client.get(page), lambda: client.get(trivial), rounds=ROUNDS)
    return Figure(
        ours, floor, note=f"{FACILITIES} facilities with a loan each; beside the page of second factors"
    )
