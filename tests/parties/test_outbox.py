"""The outbox against a mail server that refuses, stalls or is cut off: everything is mailed, and nothing twice."""

import io
import os
import signal
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from loanfund.audit.models import AuditEvent
from loanfund.parties import services, tasks
from loanfund.parties.models import Notice
from tests import stack
from tests.parties.cast import TODAY, person


class MailServer(socketserver.ThreadingTCPServer):
    """A mail server as far as it is needed. It turns away the first `refuses` mails, and keeps silent while `stalls`, in
    which time it takes mails all the same if it `takes_in_silence`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, refuses: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.refuses = refuses
        self.stalls = threading.Event()
        self.takes_in_silence = False
        self.asked = threading.Event()
        self.taken: list[str] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Talk(socketserver.StreamRequestHandler):
    """One connection: every command is agreed to, and a mail is taken when its last line is here."""

    server: MailServer

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline().decode().strip().upper():
            if line == "DATA":
                self._say("354 go on")
                self._take()
            else:
                self._say("221 bye" if line == "QUIT" else "250 yes")
                if line == "QUIT":
                    return

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
            lines.append(line)
        if self.server.stalls.is_set():
            if self.server.takes_in_silence:
                self.server.taken.append("\n".join(lines))
            self.server.asked.set()
            self.rfile.read()  # until the other side is gone
        elif self.server.refuses:
            self.server.refuses -= 1
            self._say("451 not now")
        else:
            self.server.taken.append("\n".join(lines))
            self._say("250 taken")

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def listening(refuses: int = 0) -> Iterator[MailServer]:
    with MailServer(refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        backend = "django.core.mail.backends.smtp.EmailBackend"
        with override_settings(EMAIL_BACKEND=backend, EMAIL_HOST="127.0.0.1", EMAIL_PORT=server.port):
            yield server
        server.shutdown()


def sends(now: datetime) -> None:
    """What the worker does, at this time."""
    for claimed in services.claim_notices(now=now):
        services.send_claimed(notice_id=claimed, base_url="http://fund.example", now=now)


def tell(subject: str = "Hello", key: str = "k") -> None:
    people = [person(f"Owner-{key}")]
    services.notify(recipients=people, kind="test", key=key, subject=subject, body="There.", on=TODAY)


@pytest.mark.django_db
def test_a_mail_that_is_refused_twice_arrives_once() -> None:
    tell()
    with listening(refuses=2) as server:
        for minutes in range(0, 60, 1):
            sends(timezone.now() + timedelta(minutes=minutes))
    assert len(server.taken) == 1
    assert "Subject: Hello" in server.taken[0]
    notice = Notice.objects.get()
    assert (notice.state, notice.attempts) == (Notice.State.SENT, 3)
    assert f"<notice-{notice.pk}@loanfund>" in server.taken[0]


@pytest.mark.django_db
def test_one_that_can_never_be_mailed_holds_up_nobody_and_is_kept_as_failed() -> None:
    tell(key="good", subject="An account\r\nBcc: thief@example.org")
    tell(key="bad")
    Notice.objects.filter(key__startswith="bad").update(subject="Two\nlines")
    Notice.objects.filter(key__startswith="bad").update(not_before=timezone.now() - timedelta(hours=1))
    with listening() as server:
        for hours in range(0, 60, 1):
            sends(timezone.now() + timedelta(hours=hours))
    assert len(server.taken) == 1
    assert "Subject: An account Bcc: thief@example.org" in server.taken[0]
    assert "\nBcc:" not in server.taken[0]
    failed = Notice.objects.get(state=Notice.State.FAILED)
    assert "newlines" in failed.last_error


@pytest.mark.parametrize("takes", [True, False])
def test_a_worker_that_is_killed_before_the_answer_leaves_a_mail_in_doubt_and_nobody_guesses(
    committed_db: str, takes: bool
) -> None:
    tell()
    with listening() as server:
        server.takes_in_silence = takes
        server.stalls.set()
        with stack.worker(EMAIL_URL=f"smtp://127.0.0.1:{server.port}") as worker:
            tasks.send_notices.delay()
            assert server.asked.wait(30), worker.output()
            os.killpg(worker.pid, signal.SIGKILL)
        server.stalls.clear()
        notice = Notice.objects.get()
        assert notice.state == Notice.State.HANDED
        for minutes in range(0, 230, 10):
            sends(timezone.now() + timedelta(minutes=minutes))
        assert len(server.taken) == takes
        listed = told("mails_in_doubt")
        assert not listed  # its sender may be waiting for the answer still
        Notice.objects.update(claimed_until=timezone.now() + timedelta(hours=3))
        assert f"{notice.pk} <notice-{notice.pk}@loanfund> to owner-k@example.org: Hello." in told(
            "mails_in_doubt"
        )
        said = told("mails_in_doubt", *(["--arrived"] if takes else ["--again"]), f"{notice.pk}")
        assert said == f"{notice.pk} Hello: {'sent' if takes else 'waiting'}\n"
        for hours in range(60):
            sends(timezone.now() + timedelta(hours=hours))
    assert len(server.taken) == 1
    assert Notice.objects.get().state == Notice.State.SENT
    assert AuditEvent.objects.filter(action__startswith="notice.found_").count() == 1
    with pytest.raises(CommandError, match="not in doubt"):
        told("mails_in_doubt", "--again", f"{notice.pk}")


def told(command: str, *words: str) -> str:
    out = io.StringIO()
    call_command(command, *words, stdout=out)
    return out.getvalue()


@pytest.mark.django_db
def test_a_mail_in_doubt_that_nobody_looks_into_goes_out_again_under_the_same_id() -> None:
    tell()
    with listening() as server, override_settings(EMAIL_TIMEOUT=0.2):
        server.takes_in_silence = True
        server.stalls.set()
        sends(timezone.now())
        server.stalls.clear()
        notice = Notice.objects.get()
        assert (notice.state, notice.last_error[:14]) == (Notice.State.HANDED, "No answer from")
        sends(timezone.now() + timedelta(hours=3, minutes=59))
        assert len(server.taken) == 1
        for minutes in (1, 10, 600):
            sends(timezone.now() + timedelta(hours=4, minutes=minutes))
    assert len(server.taken) == 2
    assert all(f"<notice-{notice.pk}@loanfund>" in mail for mail in server.taken)
    assert Notice.objects.get().state == Notice.State.SENT


@pytest.mark.django_db
def test_of_two_senders_whose_claims_overlap_one_hands_over() -> None:
    tell()
    with listening() as server:
        now = timezone.now()
        (slow,) = services.claim_notices(now=now)
        late = now + timedelta(minutes=6)
        assert services.claim_notices(now=late) == [slow]
        assert services.send_claimed(notice_id=slow, base_url="http://fund.example", now=late)
        assert not services.send_claimed(notice_id=slow, base_url="http://fund.example", now=late)
    assert len(server.taken) == 1


@pytest.mark.django_db
def test_a_server_that_cannot_be_reached_leaves_no_doubt() -> None:
    tell()
    with listening() as server:
        port = server.port
    smtp = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=smtp, EMAIL_HOST="127.0.0.1", EMAIL_PORT=port, EMAIL_TIMEOUT=0.2):
        server.server_close()
        sends(timezone.now())
    assert Notice.objects.get().state == Notice.State.WAITING
