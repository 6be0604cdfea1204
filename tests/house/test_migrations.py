"""The migrations are all there, and say what the models say."""

import io

import pytest
from django.core.management import call_command


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    told = io.StringIO()
    try:
        call_command("makemigrations", check=True, dry_run=True, verbosity=2, stdout=told)
    except SystemExit:
        pytest.fail(f"Some models have no migration yet:\n{told.getvalue()}", pytrace=False)


@pytest.mark.django_db
def test_django_finds_nothing_to_complain_about() -> None:
    call_command("check", fail_level="WARNING")
