"""Where a process comes from and when it began, as `/proc/PID/stat` says."""

import os
from collections.abc import Iterator
from pathlib import Path

_PARENT, _STARTED = 1, 19
"""Places among the fields after the name, which stands in brackets and may hold anything."""


def parent(proc: Path, pid: int) -> int:
    """Return whose child a process is; 0 where that is not known."""
    return _field(proc, pid, _PARENT)


def started(proc: Path, pid: int) -> int:
    """Return when a process began, in the kernel's ticks since it booted; 0 where not known."""
    return _field(proc, pid, _STARTED)


def ancestors(proc: Path) -> Iterator[int]:
    """Yield this process and all it descends from, but the first of the system."""
    found: set[int] = set()
    pid = os.getpid()
    while pid > 1 and pid not in found:
        found.add(pid)
        yield pid
        pid = parent(proc, pid)


def _field(proc: Path, pid: int, place: int) -> int:
    try:
        return int((proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()[place])
    except (OSError, ValueError, IndexError):
        return 0
