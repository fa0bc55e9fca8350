"""Giving back what only the start needed: an agent is a guest on its host.

Importing leaves garbage, and pages of libraries that are used once: a third of what a fresh agent
holds. Linux and glibc only; elsewhere nothing happens.
"""

import gc
import sys
from contextlib import suppress
from pathlib import Path

_MADV_DONTNEED = 4
_LEAST_BYTES = 256 * 1024
"""Smaller mappings are not worth a call."""


def settle() -> None:
    """Collect garbage, return freed memory to the system, and let go of code not in use.

    Safe to repeat. Code that is needed again is read from the page cache.
    """
    gc.collect()
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        for start, size in untouched(Path("/proc/self/smaps").read_text()):
            libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), _MADV_DONTNEED)
        libc.malloc_trim(0)


def untouched(smaps: str) -> list[tuple[int, int]]:
    """Return start and size of each mapping of a file that holds nothing but the file's own bytes.

    It may not be writable and no page of it may be anonymous: what the loader wrote into it before
    sealing it would be lost.
    """
    found: list[tuple[int, int]] = []
    fields: list[str] = []
    for line in smaps.splitlines():
        name, _, rest = line.partition(" ")
        if not name.endswith(":"):
            fields = line.split(maxsplit=5)
        elif name == "Anonymous:" and len(fields) == 6 and fields[5].startswith("/"):
            start, end = (int(part, 16) for part in fields[0].split("-"))
            is_clean = rest.split()[0] == "0" and fields[1] in {"r-xp", "r--p"}
            if is_clean and end - start >= _LEAST_BYTES:
                found.append((start, end - start))
    return found
