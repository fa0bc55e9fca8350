"""The processes of a host, as /proc tells them; each thing is read when it is asked for."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from io import FileIO
from pathlib import Path
from typing import BinaryIO, Protocol

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import opened, place, plain, read, read_text
from vedette.agent.modules.networks import Network, host_network, processes, space_of
from vedette.agent.modules.sockets import Socket, listeners
from vedette.agent.modules.tally import Tally

_CMDLINE_BYTES = 4 * 1024 * 1024
_DELETED = " (deleted)"
_TICKS = os.sysconf("SC_CLK_TCK")


class Process(Protocol):
    """One process. All of it raises OSError: ProcessLookupError, FileNotFoundError when it has ended."""

    pid: int

    @property
    def name(self) -> str:
        """Its short name, which it may have given itself."""
        ...

    @property
    def ppid(self) -> int:
        """Its parent's number."""
        ...

    @property
    def uid(self) -> int:
        """Whose rights it has."""
        ...

    @property
    def started(self) -> datetime:
        """When it began."""
        ...

    @property
    def cmdline(self) -> str:
        """Its arguments, a space between; "" of the kernel's own."""
        ...

    @property
    def exe(self) -> str:
        """The path of its program; "" of the kernel's own."""
        ...

    @property
    def is_deleted(self) -> bool:
        """Whether that path no longer leads to what runs."""
        ...

    def program(self) -> BinaryIO:
        """Return what runs, open, also when it has been deleted."""
        ...

    def listening(self) -> list[Socket]:
        """Return the sockets it listens on."""
        ...


@dataclass
class ProcProcess:
    """One process as /proc tells it."""

    pid: int
    host: "ProcHost"

    @cached_property
    def _stat(self) -> tuple[bytes, list[bytes]]:
        # 7 (a name) with (anything) in it) S 1 …: the name ends at the last parenthesis
        head, _, tail = read(self.host.context, f"/proc/{self.pid}/stat").rpartition(b")")
        fields = tail.split()
        if len(fields) < 20:
            raise OSError(f"/proc/{self.pid}/stat cannot be read")
        return head.partition(b"(")[2], fields

    @property
    def name(self) -> str:
        """Its short name, which it may have given itself."""
        return plain(self._stat[0])

    @property
    def ppid(self) -> int:
        """Its parent's number."""
        return int(self._stat[1][1])

    @property
    def started(self) -> datetime:
        """When it began."""
        return datetime.fromtimestamp(self.host.boot_s + int(self._stat[1][19]) / _TICKS, UTC)

    @cached_property
    def uid(self) -> int:
        """Whose rights it has."""
        status = read(self.host.context, f"/proc/{self.pid}/status")
        line = next((one for one in status.split(b"\n") if one.startswith(b"Uid:")), b"")
        fields = line.split()
        if len(fields) < 3 or not fields[2].isdigit():
            raise OSError(f"/proc/{self.pid}/status says not whose it is")
        return int(fields[2])

    @cached_property
    def cmdline(self) -> str:
        """Its arguments, a space between; "" of the kernel's own."""
        told = read(self.host.context, f"/proc/{self.pid}/cmdline", limit=_CMDLINE_BYTES)
        return plain(told.rstrip(b"\0").replace(b"\0", b" "))

    @cached_property
    def _exe(self) -> str:
        try:
            return plain(self.host.context.opener.link(f"{self._place}/exe"))
        except FileNotFoundError:
            self._place.stat()  # the kernel's own have none; who has ended raises
            return ""

    @property
    def exe(self) -> str:
        """The path of its program; "" of the kernel's own."""
        return self._exe.removesuffix(_DELETED)

    @property
    def is_deleted(self) -> bool:
        """Whether that path no longer leads to what runs."""
        return self._exe.endswith(_DELETED)

    def program(self) -> BinaryIO:
        """Return what runs, open, also when it has been deleted."""
        if not self.host.context.this_host:
            return opened(self.host.context, f"/proc/{self.pid}/exe")
        return FileIO(self.host.context.opener.open(f"{self._place}/exe"))

    def listening(self) -> list[Socket]:
        """Return the sockets it listens on."""
        table = self.host.listeners_of(self.pid)
        if not table:
            return []
        held = dict.fromkeys(self._inodes())
        return [table[inode] for inode in held if inode in table]

    def _inodes(self) -> Iterator[int]:
        for to in self.host.context.opener.links(f"{self._place}/fd"):
            if to.startswith(b"socket:[") and to[8:-1].isdigit():
                yield int(to[8:-1])

    @property
    def _place(self) -> Path:
        return place(self.host.context, f"/proc/{self.pid}")


class ProcHost:
    """All processes of a host and what they share."""

    def __init__(self, context: Context, tally: Tally) -> None:
        self.context = context
        self._tally = tally
        self._listeners: dict[str, dict[int, Socket]] = {}

    def __iter__(self) -> Iterator[Process]:
        """Yield each process there was when asked; any may have ended since."""
        return (ProcProcess(pid, self) for pid in processes(self.context))

    @cached_property
    def boot_s(self) -> int:
        """When the host began, in seconds since 1970; 0 when it does not say."""
        lines = read_text(self.context, "/proc/stat").splitlines()
        found = [line.split() for line in lines if line.startswith("btime ")]
        return int(found[0][1]) if found else 0

    def listeners_of(self, pid: int) -> dict[int, Socket]:
        """Return the listening sockets of the network that a process is in, by inode."""
        space = space_of(self.context, pid) or ""
        if space not in self._listeners:
            told = [f"/proc/{pid}/net"]
            network = (
                Network(space, told, self.context, self._tally)
                if space
                else host_network(self.context, self._tally)
            )
            self._listeners[space] = listeners(network.sockets())
        return self._listeners[space]
