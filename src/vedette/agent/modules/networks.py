"""The networks of this host, each as its namespace's tables in /proc tell it.

The host's own is that of process 1, whatever network the agent itself was put into: our own tables
would speak of that one.
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import names, place, plain, read
from vedette.agent.modules.neighbours6 import neighbours6
from vedette.agent.modules.sockets import TABLES, Address, Socket, read_table
from vedette.agent.modules.tally import Tally

DEFAULT = "default"


@dataclass(slots=True)
class Network:
    """One network namespace. name: `default`, or as the kernel calls it. folders: where it is told."""

    name: str
    folders: list[str]
    context: Context
    tally: Tally
    _kept: list[Socket] | None = field(default=None)

    def sockets(self) -> list[Socket]:
        """Return the sockets of TCP and UDP."""
        if self._kept is None:
            self._kept = []
            for table, protocol in TABLES:
                content = self._table(table, optional=table.endswith("6"))
                found, broken = read_table(content, protocol)
                self._kept += found
                self._broken(table, broken)
        return self._kept

    def neighbours(self) -> list[tuple[Address, str]]:
        """Return address and MAC of the neighbours of IPv4 that have answered."""
        found: list[tuple[Address, str]] = []
        broken = 0
        for line in self._table("arp").splitlines()[1:]:
            fields = plain(line).split()
            try:
                answered = int(fields[2], 16) & _ATF_COM
                address, mac = ip_address(fields[0]), fields[3]
            except (ValueError, IndexError):
                broken += 1
                continue
            if answered:
                found.append((address, mac))
        self._broken("arp", broken)
        return found

    def neighbours6(self) -> list[tuple[Address, str]] | None:
        """Return those of IPv6; None of a network we are not in, whose the kernel does not tell us."""
        if not self._is_ours():
            return None
        try:
            return [*neighbours6()]
        except OSError as failed:
            words = f"neighbours of IPv6: {failed.strerror or failed}"
            self.tally.fault(words, unanswered=True)
            return []

    def _is_ours(self) -> bool:
        if not self.context.this_host:
            return False
        # The tables of a network are one file, whoever's folder they are looked at in.
        ours = os.stat("/proc/self/net/tcp").st_ino  # noqa: PTH116 - as below
        for folder in self.folders:
            with suppress(OSError):
                return os.stat(f"{folder}/tcp").st_ino == ours  # noqa: PTH116 - a path is enough
        return False

    def addresses(self) -> list[Address]:
        """Return the host's own addresses."""
        return [*_of_trie(self._table("fib_trie")), *self._addresses6()]

    def _addresses6(self) -> list[Address]:
        found: list[Address] = []
        for line in self._table("if_inet6", optional=True).splitlines():
            text = line.split(None, 1)[0] if line.strip() else b""
            try:
                found.append(IPv6Address(bytes.fromhex(plain(text))))
            except ValueError:
                self._broken("if_inet6", 1)
        return found

    def _table(self, name: str, *, optional: bool = False) -> bytes:
        """Return a table of the first process that still tells it; b"" and a fault when none does."""
        fault: OSError | None = None
        for folder in self.folders:
            try:
                return read(self.context, f"{folder}/{name}")
            except OSError as failed:
                # Without IPv6 there are no tables of it.
                if optional and failed.errno == errno.ENOENT:
                    return b""
                fault = fault or failed
        words = (fault.strerror or str(fault)) if fault else "nobody tells it"
        self.tally.fault(f"{name} of the network {self.name}: {words}", unanswered=True)
        return b""

    def _broken(self, table: str, lines: int) -> None:
        if lines:
            self.tally.fault(f"{table} of the network {self.name}: {lines} lines cannot be read")


def host_network(context: Context, tally: Tally) -> Network:
    """Return the network this host is in."""
    # Where /proc hides other users' processes, the agent, whose child we are, is not hidden from us.
    tellers = ("/proc/1/net", f"/proc/{os.getppid()}/net", "/proc/net")
    return Network(DEFAULT, list(tellers), context, tally)


def all_networks(context: Context, tally: Tally) -> list[Network]:
    """Return every network that some process is in; faults name how many could not be told.

    What another user's process is in only root may ask by name; that two are in the same one everybody
    can see, since the tables of a network are one file.
    """
    found: dict[str, list[str]] = {}
    unnamed: dict[int, list[str]] = {}
    names_of: dict[int, str] = {}
    hidden = 0
    for pid in processes(context):
        folder, space = f"/proc/{pid}/net", space_of(context, pid)
        try:
            table = place(context, f"{folder}/tcp").stat().st_ino
        except FileNotFoundError:  # it has ended, waited for or not
            continue
        except OSError:
            hidden += 1
            continue
        if space is not None:
            found.setdefault(space, []).append(folder)
            names_of[table] = space
        else:
            unnamed.setdefault(table, []).append(folder)
    for table, folders in unnamed.items():
        found.setdefault(names_of.get(table, f"net:[hidden-{table}]"), []).extend(folders)
    if hidden:
        words = f"the network of {hidden} processes cannot be told: that takes root"
        tally.fault(words, unanswered=True)
    return [Network(name, folders, context, tally) for name, folders in sorted(found.items())]


def space_of(context: Context, pid: int) -> str | None:
    """Return the network namespace of a process, as the kernel calls it; None where it may not be known."""
    try:
        return os.fsdecode(context.opener.link(f"{place(context, f'/proc/{pid}/ns')}/net"))
    except OSError:
        return None


def processes(context: Context) -> list[int]:
    """Return the numbers of the processes there are, in order."""
    return sorted(
        int(name) for name in names(context, "/proc") if name.isascii() and name.isdigit()
    )


def macs(context: Context) -> Iterator[str]:
    """Yield the MAC of each interface that has one."""
    for name in names(context, "/sys/class/net"):
        try:
            mac = plain(read(context, f"/sys/class/net/{name}/address", limit=4096)).strip()
        except OSError:  # no interface, as `bonding_masters`, or it has gone
            continue
        if mac.strip("0:"):
            yield mac


_ATF_COM = 2
"""Flag of a complete entry of the ARP table: it has answered."""


def _of_trie(table: bytes) -> list[Address]:
    #            |-- 192.0.2.2
    #               /32 host LOCAL
    found: dict[Address, None] = {}
    held = ""
    for line in plain(table).splitlines():
        text = line.strip()
        if text.startswith("|-- "):
            held = text[4:]
        elif text.startswith("/32 host LOCAL"):
            try:
                found[IPv4Address(held)] = None
            except ValueError:
                continue
    return list(found)
