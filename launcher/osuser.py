"""Who a server may run as: PostgreSQL refuses to run as root, so root hands it to somebody with no rights."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Trouble(Exception):
    """Something the person at the terminal can mend; its text is the sentence that says how."""


@dataclass(frozen=True)
class Drop:
    """How to run a command as an unprivileged user. `prefix` goes before the command; uid and gid own its files."""

    uid: int
    gid: int
    prefix: tuple[str, ...] = ()
    by_python: bool = False

    def command(self, command: Sequence[str]) -> list[str]:
        return [*self.prefix, *command]

    def popen_options(self) -> dict[str, Any]:
        """What subprocess needs where there is no setpriv."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.by_python else {}

    def own(self, folder: Path) -> None:
        """Makes `folder` this user's alone. Its parents keep the rights they have."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
        if owner not in {os.geteuid(), self.uid}:
            raise Trouble(
                f"{folder} belongs to the user with the number {owner}. Start as that user, or move the folder away."
            )
        if folder.stat().st_uid != self.uid:
            os.chown(folder, self.uid, self.gid)
        folder.chmod(0o700)

    def reaches(self, *paths: Path) -> bool:
        """Whether this user can enter or run all of `paths` (a folder closed to others may lie above them)."""
        look = 'for path; do test -r "$path" && test -x "$path" || exit 1; done'
        test = self.command(["/bin/sh", "-c", look, "sh", *map(str, paths)])
        return subprocess.run(test, check=False, cwd="/", **self.popen_options()).returncode == 0


def same_user() -> Drop:
    return Drop(os.geteuid(), os.getegid())


def unprivileged(owner_of: Path) -> list[Drop]:
    """The ways for root to run a server, best first: as the user who owns the data already, else as nobody.

    The second way keeps one right of root's, to look into folders closed to others, so that a checkout below root's
    home can be served without opening that home to anybody. An ordinary user has one way: as he is.
    """
    if os.geteuid() != 0:
        return [same_user()]
    uid = owner_of.stat().st_uid if owner_of.exists() else 0
    try:
        user = pwd.getpwuid(uid) if uid else pwd.getpwnam("nobody")
    except KeyError:
        raise Trouble(
            "PostgreSQL does not run as root, and this machine has no user 'nobody' to run it as. "
            "Start again as an ordinary user."
        ) from None
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return [Drop(user.pw_uid, user.pw_gid, by_python=True)]
    plain = (setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    # access(2) forgets capabilities of anyone but root, and initdb asks it, unless that is switched off.
    kept = ("--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search")
    looking = (*plain, *kept, "--securebits=+no_setuid_fixup")
    return [Drop(user.pw_uid, user.pw_gid, (*plain, "--")), Drop(user.pw_uid, user.pw_gid, (*looking, "--"))]
