"""Where a recipe works: its folder, its ports, whom its programs run as."""

import os
import secrets
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from vedette.db.identity import Identity
from vedette.errors import Conflict, Denied, Invalid, Missing
from vedette.lab import processes

HIGHEST_PORT = 65535
ELSEWHERE = "/usr/sbin:/usr/local/sbin:/sbin"
"""Where Debian keeps servers, out of a user's PATH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What a recipe is given. port: the first one asked for; None is any that is free."""

    folder: Path
    identity: Identity
    nodes: int
    port: int | None

    def ports(self, asked: int, more: int = 0) -> list[int]:
        """Return ports that nobody holds: `asked` in a row from `port` where one was named, and more.

        Raises `Conflict` when one that was asked for is taken.
        """
        named = [] if self.port is None else list(range(self.port, self.port + asked))
        held = [_hold(port) for port in named]
        held += [_hold(0) for _ in range(asked + more - len(named))]
        found = [int(each.getsockname()[1]) for each in held]
        for each in held:
            each.close()
        return found

    def write(self, name: str, text: str) -> Path:
        """Write a file of the folder that only its programs' user may read; return where it is."""
        path = self.folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        self._give(path)
        return path

    def password(self) -> str:
        """Make a password up and keep it in the file `password`; return it."""
        word = secrets.token_hex(16)
        self.write("password", word)
        return word

    @property
    def password_file(self) -> str:
        """Where `password` keeps it."""
        return str(self.folder / "password")

    def make(self, name: str) -> Path:
        """Make a folder in the folder and return it."""
        path = self.folder / name
        path.mkdir(mode=0o700)
        self._give(path)
        return path

    def run(self, *words: str) -> None:
        """Run a program to its end, as the user whom the others run as."""
        processes.run(words, self.folder, self.identity)

    def _give(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.identity.uid, self.identity.gid)


def find(program: str, *, install: str, first: str = "", last: str = "") -> str:
    """Return where a program is; raise `Missing` naming it and how to install it.

    first, last: folders to look in before and after those of PATH.
    """
    for path in (first, None, ELSEWHERE, last):
        if found := shutil.which(program, path=path):
            return found
    raise Missing(f"{program} is not installed", hint=install)


def refuse_bad_port(port: int | None, count: int) -> None:
    """Raise `Invalid` unless that many ports from `port` on exist."""
    if port is not None and not 0 < port <= HIGHEST_PORT - count + 1:
        raise Invalid(f"--port {port} is no port", hint=f"1 to {HIGHEST_PORT - count + 1}")


def _hold(port: int) -> socket.socket:
    held = socket.socket()
    # As servers do: a port whose last connections still linger is free.
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind(("127.0.0.1", port))
        held.listen(1)
    except PermissionError:
        held.close()
        raise Denied(f"you may not listen on port {port}", hint="take one above 1023") from None
    except OSError:
        held.close()
        raise Conflict(
            f"port {port} of 127.0.0.1 is taken", hint="name another, or none: a free one is found"
        ) from None
    return held
