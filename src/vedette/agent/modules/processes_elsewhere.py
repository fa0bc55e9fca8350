"""The processes of a host where there is no /proc: macOS, by psutil."""

import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import BinaryIO, TypeVar

import psutil

from vedette.agent.modules.processes import Process
from vedette.agent.modules.sockets import Socket, unmapped

Told = TypeVar("Told")
_TCP_LISTEN, _UDP_UNCONNECTED = 10, 7


class OtherProcess:
    """One process as psutil tells it."""

    def __init__(self, told: psutil.Process) -> None:
        self.pid = told.pid
        self._told = told

    @property
    def name(self) -> str:
        """Its short name."""
        return _asked(self._told.name)

    @property
    def ppid(self) -> int:
        """Its parent's number."""
        return _asked(self._told.ppid)

    @property
    def uid(self) -> int:
        """Whose rights it has."""
        return int(_asked(self._told.uids).effective)

    @property
    def started(self) -> datetime:
        """When it began."""
        return datetime.fromtimestamp(_asked(self._told.create_time), UTC)

    @property
    def cmdline(self) -> str:
        """Its arguments, a space between."""
        return " ".join(_asked(self._told.cmdline))

    @property
    def exe(self) -> str:
        """The path of its program."""
        return _asked(self._told.exe)

    @property
    def is_deleted(self) -> bool:
        """Whether that path leads nowhere."""
        return bool(self.exe) and not Path(self.exe).exists()

    def program(self) -> BinaryIO:
        """Return what stands where its program stood, open."""
        return Path(self.exe).open("rb")

    def listening(self) -> list[Socket]:
        """Return the sockets it listens on."""
        nobody = ip_address("0.0.0.0")  # noqa: S104 - nothing is bound
        return [
            Socket(
                "tcp" if one.type == socket.SOCK_STREAM else "udp",
                unmapped(ip_address(one.laddr[0].partition("%")[0])),
                one.laddr[1],
                nobody,
                0,
                _TCP_LISTEN if one.type == socket.SOCK_STREAM else _UDP_UNCONNECTED,
            )
            for one in _asked(self._told.net_connections)
            if one.laddr and tuple(one.raddr) == () and one.status in ("LISTEN", "NONE")
        ]


def other_processes() -> Iterator[Process]:
    """Yield each process there is."""
    return (OtherProcess(told) for told in psutil.process_iter())


def _asked(question: Callable[[], Told]) -> Told:
    """Return the answer; raise what /proc would."""
    try:
        return question()
    except (psutil.NoSuchProcess, psutil.ZombieProcess) as fault:
        raise ProcessLookupError(str(fault)) from None
    except psutil.AccessDenied as fault:
        raise PermissionError(str(fault)) from None
