"""The accounts of this host's own files: `/etc/passwd`, `/etc/group`, `/etc/shadow`.

Accounts of a directory (LDAP, SSSD) stand in no file and are not told here. On macOS, where the files
are those of its services, the system is asked.
"""

import grp
import pwd
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import read_text

_LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A line of `/etc/passwd`. password: what its second field says, `x` where the shadow knows."""

    name: str
    password: str
    uid: int
    gid: int
    home: str
    shell: str


def accounts(context: Context) -> tuple[list[Account], int]:
    """Return the accounts, and how many lines are none; raise OSError."""
    if not has_files(context):
        return system_accounts(), 0
    found: list[Account] = []
    broken = 0
    for fields in _lines(context, "/etc/passwd"):
        try:
            name, password, uid, gid, _, home, shell = fields
            found.append(
                Account(
                    name=name,
                    password=password,
                    uid=int(uid),
                    gid=int(gid),
                    home=home,
                    shell=shell or "/bin/sh",
                )
            )
        except ValueError:
            broken += 1
    return found, broken


def has_files(context: Context) -> bool:
    """Return whether the files tell the accounts; macOS has them for its own services alone."""
    return sys.platform == "linux" or not context.this_host


def system_accounts() -> list[Account]:
    """Return the accounts that the system tells, without whether they have passwords."""
    return [
        Account(
            name=one.pw_name,
            password="x",  # noqa: S106 - told elsewhere
            uid=one.pw_uid,
            gid=one.pw_gid,
            home=one.pw_dir,
            shell=one.pw_shell or "/bin/sh",
        )
        for one in pwd.getpwall()
    ]


def system_groups() -> dict[str, tuple[int, frozenset[str]]]:
    """Return the groups that the system tells, as `groups` does."""
    return {one.gr_name: (one.gr_gid, frozenset(one.gr_mem)) for one in grp.getgrall()}


def names_by_uid(context: Context) -> dict[int, str]:
    """Return the first name of each number; nothing where that cannot be read."""
    try:
        found, _ = accounts(context)
    except OSError:
        return {}
    return {account.uid: account.name for account in reversed(found)}


def groups(context: Context) -> dict[str, tuple[int, frozenset[str]]]:
    """Return each group's number and those it names as members; raise OSError."""
    if not has_files(context):
        return system_groups()
    found: dict[str, tuple[int, frozenset[str]]] = {}
    for fields in _lines(context, "/etc/group"):
        if len(fields) == 4 and fields[2].isdigit():
            found[fields[0]] = (int(fields[2]), frozenset(filter(None, fields[3].split(","))))
    return found


def shadow(context: Context) -> dict[str, str]:
    """Return each account's password field; raise OSError, as whoever is not root will see."""
    return {one[0]: one[1] for one in _lines(context, "/etc/shadow") if len(one) > 1}


def _lines(context: Context, path: str) -> Iterator[list[str]]:
    for line in read_text(context, path, limit=_LIMIT_BYTES).split("\n"):
        if line.strip() and not line.startswith(("#", "+", "-")):  # those ask a directory
            yield line.split(":")
