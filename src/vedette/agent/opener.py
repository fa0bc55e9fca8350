"""What opens of other processes what the kernel guards: we ourselves, or a helper (`agent/opening.py`)."""

import os
from contextlib import suppress
from typing import Protocol


class Opener(Protocol):
    """Opens what of other processes is guarded; raises OSError as the kernel does."""

    def open(self, path: str) -> int:
        """Return a descriptor of the file, open for reading."""
        ...

    def link(self, path: str) -> bytes:
        """Return where a link leads."""
        ...

    def links(self, path: str) -> list[bytes]:
        """Return where the links of a folder lead; those that are gone meanwhile are left out."""
        ...


class Direct:
    """Opens by itself."""

    def open(self, path: str) -> int:
        """Return a descriptor of the file, open for reading."""
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def link(self, path: str) -> bytes:
        """Return where a link leads."""
        return os.fsencode(os.readlink(path))  # noqa: PTH115 - not a path of ours

    def links(self, path: str) -> list[bytes]:
        """Return where the links of a folder lead; those that are gone meanwhile are left out."""
        found: list[bytes] = []
        with os.scandir(path) as entries:
            for entry in entries:
                with suppress(OSError):
                    found.append(self.link(entry.path))
        return found


DIRECT = Direct()
