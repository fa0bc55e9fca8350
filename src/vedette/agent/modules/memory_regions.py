"""Which parts of a process's address space there are, as `/proc/PID/maps` says."""

from collections.abc import Iterator
from dataclasses import dataclass

_NOT_MEMORY = (b"[vvar", b"[vsyscall]")
"""The kernel's own; reading them through /proc fails."""
_HARMLESS_DEVICES = (b"/dev/shm/", b"/dev/zero")


@dataclass(frozen=True, slots=True)
class Region:
    """A mapping. start, end: addresses, the end not its own. path: of the file, "" for none.

    lazy: what the process never touched is nothing of its own: an empty page, or one of a file that
    it shares with others. A program and its libraries are not: they are looked at whole.
    """

    start: int
    end: int
    path: bytes
    readable: bool
    lazy: bool

    @property
    def searched(self) -> bool:
        """Whether it is memory that may be read: a device's registers may hang the host."""
        if not self.readable or self.path.startswith(_NOT_MEMORY):
            return False
        return not self.path.startswith(b"/dev/") or self.path.startswith(_HARMLESS_DEVICES)


def regions(maps: bytes) -> Iterator[Region]:
    """Yield the mappings in order of addresses; a line that is none is passed over."""
    for line in maps.splitlines():
        fields = line.split(None, 5)
        bounds = fields[0].partition(b"-") if len(fields) > 4 else (b"", b"", b"")
        try:
            start, end = int(bounds[0], 16), int(bounds[2], 16)
        except ValueError:
            continue
        path = fields[5] if len(fields) > 5 else b""
        lazy = fields[4] == b"0" or fields[1].endswith(b"s")
        yield Region(start, end, path, fields[1].startswith(b"r"), lazy)


def libraries(mapped: list[Region]) -> list[bytes]:
    """Return the files that are mapped, each once."""
    return list(dict.fromkeys(one.path for one in mapped if one.path.startswith(b"/")))
