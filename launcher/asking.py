"""Asking a server of ours over HTTP whether it is well yet."""

import http.client
import urllib.error
import urllib.request
from contextlib import closing


def answer_of(url: str, seconds: float = 5) -> tuple[int, str]:
    """The status and the beginning of what is said there; (0, why) as long as nobody answers properly."""
    try:
        with urllib.request.urlopen(url, timeout=seconds) as answer:  # nosec B310 # our own address
            return answer.status, answer.read(2000).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with closing(error):
            return error.code, error.read(2000).decode(errors="replace")
    # A connection to a port at which nobody listens yet may meet itself, and then hears its own question for an answer.
    except (OSError, http.client.HTTPException) as error:
        return 0, str(error)
