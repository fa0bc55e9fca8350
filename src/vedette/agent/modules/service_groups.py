"""Which services have processes, as the kernel's control groups tell it.

systemd keeps each service in a group of its name. A service that has done its work and ended is not
running, though systemd may call it active.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from vedette.agent.modules import Context
from vedette.agent.modules.host_files import exists, place
from vedette.agent.modules.tally import Tally

_ROOTS = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
"""Of systemd's own hierarchy: of version 1, of both, of version 2 alone."""
_BOOTED = "/run/systemd/system"
_DEPTH = 12
_PROCS = "cgroup.procs"


def processes_by_unit(context: Context, tally: Tally) -> dict[str, int] | None:
    """Return how many processes each unit has that has any; None where systemd does not run."""
    root = next((one for one in _ROOTS if exists(context, f"{one}/{_PROCS}")), None)
    if root is None or not exists(context, _BOOTED):
        return None
    found: dict[str, int] = {}
    for group, unit in _units(place(context, root), _DEPTH):
        if tally.over:
            break
        found[unit] = found.get(unit, 0) + _count(group, _DEPTH)
    return {unit: count for unit, count in found.items() if count}


def _units(folder: Path, depth: int) -> Iterator[tuple[Path, str]]:
    """Yield the groups of units; what is below them is theirs."""
    for group in _groups(folder):
        name = group.name.removeprefix("_")  # how systemd keeps apart what the kernel uses itself
        if name.endswith((".service", ".socket", ".mount", ".swap")):
            yield group, name
        elif depth:
            yield from _units(group, depth - 1)


def _count(group: Path, depth: int) -> int:
    try:
        here = len((group / _PROCS).read_bytes().split())
    except OSError:  # it has ended, or its processes stand deeper (threaded groups)
        here = 0
    return here + (sum(_count(one, depth - 1) for one in _groups(group)) if depth else 0)


def _groups(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as listing:
            return sorted(Path(one.path) for one in listing if one.is_dir(follow_symlinks=False))
    except OSError:
        return []
