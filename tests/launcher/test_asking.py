"""Asking whether the web server is well: whatever answers, it is an answer and never the end of the launcher."""

import socket
import threading
from contextlib import closing

import pytest

from launcher.asking import answer_of


def answered_with(said: bytes | None) -> tuple[int, str]:
    """What is made of a server that says this, or, with None, repeats the question as a connection that met itself does."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()

        def serve() -> None:
            with closing(listening.accept()[0]) as asked:
                question = asked.recv(4096)
                asked.sendall(question if said is None else said)

        answering = threading.Thread(target=serve)
        answering.start()
        try:
            return answer_of(f"http://127.0.0.1:{listening.getsockname()[1]}/healthz")
        finally:
            answering.join()


def test_a_well_server_is_heard() -> None:
    assert answered_with(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell") == (200, "well")


def test_an_ill_server_says_what_it_lacks() -> None:
    assert answered_with(b"HTTP/1.1 503 No\r\nContent-Length: 5\r\n\r\nredis") == (503, "redis")


@pytest.mark.parametrize("said", [None, b"", b"nonsense\r\n\r\n"], ids=["itself", "nothing", "nonsense"])
def test_what_is_no_answer_is_not_well_and_ends_nothing(said: bytes | None) -> None:
    status, why = answered_with(said)
    assert status == 0
    assert why


def test_a_port_at_which_nobody_listens_is_not_well() -> None:
    with closing(socket.socket()) as nobody:
        nobody.bind(("127.0.0.1", 0))
        assert answer_of(f"http://127.0.0.1:{nobody.getsockname()[1]}/healthz")[0] == 0
