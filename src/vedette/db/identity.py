"""Whom PostgreSQL runs as: it refuses to run as root, and nobody's system shall change for it.

Run by a normal user it is that user. Run by root: the owner of an existing data directory; else
root itself seen as an unprivileged user through a user namespace (files stay root's, nothing else
changes); else an existing unprivileged user, `VEDETTE_PG_USER` first. Never a new user, never a
chmod of somebody's folder.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
EXISTING_USERS = ("vedette", "postgres", "nobody")
"""Whom to become, in this order, where user namespaces are forbidden (Docker's default seccomp)."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom PostgreSQL runs as.

    uid, gid: who owns its files.
    inside: the uid it believes to have in a user namespace of its own; None without one.
    """

    uid: int
    gid: int
    inside: int | None = None

    def becomes(self, *, outlives_us: bool = False) -> Callable[[], None]:
        """Return what a child does between fork and exec; loads libc before the fork.

        The child ends with the process that made it, unless it `outlives_us`.
        """
        libc = ctypes.CDLL(None, use_errno=True)
        parent = os.getpid()

        def become() -> None:
            os.umask(0o077)
            if self.inside is not None:
                _enter_namespace(libc, self.inside)
            elif os.geteuid() == 0 and self.uid != 0:
                os.setgroups([])
                os.setgid(self.gid)
                os.setuid(self.uid)
            if not outlives_us:
                _die_with(libc, parent)

        return become


def choose_identity(postgres: Path, pgdata: Path) -> Identity:
    """Return whom to run `postgres` as; raise PermissionError saying what would be needed."""
    uid = os.geteuid()
    if uid != 0:
        return Identity(uid, os.getegid())
    owner = (pgdata if pgdata.exists() else pgdata.parent).stat()
    if owner.st_uid != 0:
        return Identity(owner.st_uid, owner.st_gid)
    named = os.environ.get("VEDETTE_PG_USER")
    refusals = []
    for name, candidate in _candidates(named):
        refusal = runs(postgres, candidate)
        if refusal is None:
            return candidate
        refusals.append(f"{name}: {refusal}")
    raise PermissionError(
        "PostgreSQL does not run as root, and nothing else works here: " + "; ".join(refusals)
    )


def _candidates(named: str | None) -> Iterator[tuple[str, Identity]]:
    if named is None and sys.platform == "linux":
        yield "user namespace", Identity(0, 0, inside=_unprivileged_uid())
    for name in (named,) if named else EXISTING_USERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        yield name, Identity(user.pw_uid, user.pw_gid)


def runs(postgres: Path, identity: Identity) -> str | None:
    """Return None when the program runs as that identity, else why not."""
    try:
        subprocess.run(  # noqa: S603 - our own binary
            [postgres, "-V"],
            preexec_fn=identity.becomes(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    except PermissionError:
        return f"may not reach {postgres}"
    except (OSError, subprocess.SubprocessError) as error:
        return str(error)
    return None


def _unprivileged_uid() -> int:
    # initdb looks its user up by uid: it must exist. 65534 is nobody nearly everywhere.
    return next((user.pw_uid for user in pwd.getpwall() if user.pw_name == "nobody"), 65534)


def _enter_namespace(libc: ctypes.CDLL, inside: int) -> None:
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    # gid_map may only be written once setgroups is given up.
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{inside} {uid} 1"),
        ("gid_map", f"{inside} {gid} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(line, encoding="ascii")


def _die_with(libc: ctypes.CDLL, parent: int) -> None:
    # After the change of identity, which clears it. SIGINT is PostgreSQL's fast shutdown.
    if sys.platform != "linux":
        return
    libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT))
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
