"""Placeholder until written."""


def protect_after_migrate(**_kwargs: object) -> None:
    """Protect."""
