"""Files: what may be uploaded, how it is kept, and how it is read back."""

import hashlib
import re
import secrets
import socket
import struct
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import IO

import filetype
from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.parties.models import Partner, StoredFile, User

ALLOWED = {
    "application/pdf": (".pdf",),
    "image/png": (".png",),
    "image/jpeg": (".jpg", ".jpeg"),
    "text/csv": (".csv",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (".xlsx",),
}
CHUNK = 1 << 16
CLAMD_SECONDS = 30
LEFT_ALONE = timedelta(days=1)
"""How old an upload without a row has to be before it is removed."""


def check_upload(*, name: str, size: int, content: IO[bytes]) -> str:
    """The content type of an upload by what it is, not by what it is called; a refusal says what to send instead.

    `size` is in bytes. The position of `content` is put back to its start.
    """
    limit = settings.UPLOAD_MAX_BYTES
    if size == 0:
        raise Refused(f"{name} is empty. Choose the file again.", field="file")
    if size > limit:
        raise Refused(
            f"{name} has {size / 1_048_576:.0f} MB; at most {limit // 1_048_576} MB can be sent. "
            "Split it, or make its pictures smaller.",
            field="file",
        )
    ending = "." + name.rpartition(".")[2].lower() if "." in name else ""
    content.seek(0)
    found = _kind(content.read(8192), ending)
    content.seek(0)
    if found is None or found not in ALLOWED:
        raise Refused(
            f"{name} is not a file that can be taken here, whatever its name says. Send a PDF, PNG, JPEG, CSV or XLSX.",
            field="file",
        )
    if ending not in ALLOWED[found]:
        raise Refused(
            f"{name} is really a {ALLOWED[found][0][1:].upper()} file. Rename it to end in {ALLOWED[found][0]}.",
            field="file",
        )
    return found


def _kind(head: bytes, ending: str) -> str | None:
    guess = filetype.guess(head)
    if guess is not None:
        if guess.mime == "application/zip" and ending == ".xlsx" and b"xl/" in head:
            return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return str(guess.mime)
    # A CSV has no mark of its own: it is text, and it is what its name says.
    if ending == ".csv" and b"\x00" not in head and _is_text(head):
        return "text/csv"
    return None


def _is_text(head: bytes) -> bool:
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            # The head may end within a character.
            head[:-4].decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


@transaction.atomic
def store_file(
    *, name: str, size: int, content: IO[bytes], partner: Partner | None, actor: User, on: date, now: datetime
) -> StoredFile:
    """Keep an upload: checked, scanned where a scanner is set, under a random name in private storage.

    Refused with a sentence for a wrong kind, an empty or too large file, or one that the scanner stops.
    """
    content_type = check_upload(name=name, size=size, content=content)
    digest = hashlib.sha256()
    while chunk := content.read(CHUNK):
        digest.update(chunk)
    scanned = _scan(name, content) if settings.CLAMD_ADDRESS else False
    content.seek(0)
    folder = f"{on:%Y/%m}"
    path = default_storage.save(f"{folder}/{secrets.token_hex(16)}{ALLOWED[content_type][0]}", File(content))
    try:
        with transaction.atomic():
            stored = StoredFile.objects.create(
                name=name[-200:],
                path=path,
                content_type=content_type,
                size=size,
                sha256=digest.hexdigest(),
                partner=partner,
                uploaded_by=actor,
                scanned_at=now if scanned else None,
            )
            record(
                actor=actor,
                action="file.stored",
                obj=stored,
                on=on,
                after={"name": stored.name, "size": size, "sha256": stored.sha256},
            )
    except Exception:
        default_storage.delete(path)
        raise
    return stored


def read_file(stored: StoredFile) -> IO[bytes]:
    """The bytes of a stored file, opened for reading. Raises Refused when they are gone or were changed."""
    if not default_storage.exists(stored.path):
        raise Refused(f"{stored.name} is missing from the document store; tell operations.")
    with default_storage.open(stored.path, "rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    if digest != stored.sha256:
        raise Refused(f"{stored.name} is not what was uploaded: its digest differs. Tell operations.")
    opened: IO[bytes] = default_storage.open(stored.path, "rb")
    return opened


def sweep_files(*, now: datetime) -> int:
    """Remove uploads that no row names and that are older than `LEFT_ALONE`; return how many.

    An upload is on disk before the act it belongs to is done, so one that was refused, or killed, leaves its bytes behind.
    Only the folders of uploads are looked at, and an act in flight is far younger than what is removed.
    """
    removed = 0
    for folder in _upload_folders():
        names = default_storage.listdir(folder)[1]
        named = set(StoredFile.objects.filter(path__startswith=f"{folder}/").values_list("path", flat=True))
        for path in sorted({f"{folder}/{name}" for name in names} - named):
            if now - default_storage.get_modified_time(path) > LEFT_ALONE:
                default_storage.delete(path)
                removed += 1
    if removed:
        record(actor=None, action="files.swept", on=now.date(), after={"files": removed})
    return removed


def _upload_folders() -> Iterator[str]:
    """The folders of uploads, one a month, such as 2026/03."""
    if not default_storage.exists(""):
        return
    for year in default_storage.listdir("")[0]:
        if re.fullmatch(r"\d{4}", year):
            for month in default_storage.listdir(year)[0]:
                if re.fullmatch(r"\d{2}", month):
                    yield f"{year}/{month}"


def _scan(name: str, content: IO[bytes]) -> bool:
    """Ask clamd (INSTREAM: length-prefixed chunks, big-endian, a zero length ends it). True when it was found clean."""
    content.seek(0)
    try:
        with _clamd() as link:
            link.sendall(b"zINSTREAM\0")
            while chunk := content.read(CHUNK):
                link.sendall(struct.pack("!I", len(chunk)) + chunk)
            link.sendall(struct.pack("!I", 0))
            answer = b""
            while not answer.endswith(b"\0") and (more := link.recv(4096)):
                answer += more
    except OSError as error:
        raise Refused(f"{name} could not be checked for viruses just now. Try again in a minute.") from error
    if not answer.rstrip(b"\0").endswith(b" OK"):
        raise Refused(
            f"{name} was stopped by the virus scanner. Check the machine it comes from.", field="file"
        )
    return True


def _clamd() -> socket.socket:
    address = settings.CLAMD_ADDRESS
    if address.startswith("/"):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(CLAMD_SECONDS)
        link.connect(address)
        return link
    host, _, port = address.rpartition(":")
    return socket.create_connection((host, int(port)), timeout=CLAMD_SECONDS)
