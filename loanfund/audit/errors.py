"""What a service says when a rule is broken: one sentence that a person can act on."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError

SQLSTATE_CLASS = "LF"
"""Errors raised by our own triggers and functions have a SQLSTATE that starts so; their message is a sentence."""


class Refused(Exception):
    """A rule was broken. `sentence` says what to do; `field` names the input it is about, or is empty."""

    def __init__(self, sentence: str, *, field: str = "", code: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field
        self.code = code

    def __str__(self) -> str:
        return self.sentence


class InFlight(Refused):
    """The same request is being worked on by another connection: ask again in a moment."""


class OtherContent(Refused):
    """A key that was used before has come with another content."""


def sqlstate(error: BaseException) -> str:
    """The five-letter SQLSTATE beneath a Django database error, or an empty string."""
    cause = error.__cause__ if isinstance(error, DatabaseError) else error
    return str(getattr(cause, "sqlstate", "") or "")


def sentence_of(error: BaseException) -> str:
    """The primary message of a database error, without its context lines."""
    cause = error.__cause__ or error
    diagnosis = getattr(cause, "diag", None)
    return str(getattr(diagnosis, "message_primary", "") or cause)


@contextmanager
def refusals() -> Iterator[None]:
    """Turn a refusal by one of our database rules into `Refused`; let every other error through."""
    try:
        yield
    except DatabaseError as error:
        state = sqlstate(error)
        if not state.startswith(SQLSTATE_CLASS):
            raise
        raise Refused(sentence_of(error), code=state) from error
