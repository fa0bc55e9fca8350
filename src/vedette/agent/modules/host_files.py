"""Reading the small files in which a host says what it is.

They are somebody else's: a home may hold a pipe where a list of keys is expected, or a link to
`/dev/zero`. So nothing is opened that could make wait, and nothing is read without an end. Below
another root than `/` links are followed as they would be there.
"""

import errno
import os
import stat
from io import FileIO
from pathlib import Path, PurePosixPath

from vedette.agent.modules import Context

MASKED = "masked"
"""What stands in an answer for what `Context.privacy` keeps back."""

LIMIT_BYTES = 64 * 1024 * 1024
_PORTION_BYTES = 64 * 1024
_LINKS = 40


def place(context: Context, path: str) -> Path:
    """Return where an absolute path of the host stands; raise OSError when links go in a circle."""
    if context.this_host:
        return Path(path)
    done: list[str] = []
    ahead = _parts(path)
    links = 0
    while ahead:
        part = ahead.pop()
        here = Path(context.root, *done, part)
        if part == "..":
            done = done[:-1]
        elif here.is_symlink():
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            to = str(here.readlink())
            done = [] if to.startswith("/") else done
            ahead += _parts(to)
        else:
            done.append(part)
    return Path(context.root, *done)


def opened(context: Context, path: str) -> FileIO:
    """Return a regular file of the host, open, unbuffered; raise OSError when it is another thing."""
    found = os.open(place(context, path), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    file = FileIO(found)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file")
    return file


def read(context: Context, path: str, *, limit: int = LIMIT_BYTES) -> bytes:
    """Return what a regular file of the host holds; raise OSError, also when it is longer (bytes)."""
    content = bytearray()
    with opened(context, path) as file:
        # A portion at a time: files of /proc have no size, and most of them end in the first.
        while len(content) <= limit and (portion := file.read(_PORTION_BYTES)):
            content += portion
    if len(content) > limit:
        raise OSError(errno.EFBIG, f"it is longer than {limit} bytes")
    return bytes(content)


def read_text(context: Context, path: str, *, limit: int = LIMIT_BYTES) -> str:
    """Return it as text; what is no UTF-8 is written as its hexadecimal."""
    return plain(read(context, path, limit=limit))


def names(context: Context, path: str) -> list[str]:
    """Return what stands in a folder of the host, sorted; nothing when it cannot be read."""
    try:
        return sorted(os.listdir(place(context, path)))  # noqa: PTH208 - names, not paths
    except OSError:
        return []


def exists(context: Context, path: str) -> bool:
    """Return whether it is there; what cannot be told is not."""
    try:
        return place(context, path).exists()
    except OSError:
        return False


def linked(context: Context, path: str) -> str | None:
    """Return where a link leads, as it is written; None when it is none or may not be read."""
    folder, _, name = path.rpartition("/")
    try:
        return str((place(context, folder or "/") / name).readlink())
    except OSError:
        return None


def plain(text: bytes) -> str:
    """Return bytes as text that any JSON can carry."""
    return text.decode("utf-8", "backslashreplace")


def _parts(path: str) -> list[str]:
    return [part for part in reversed(PurePosixPath(path).parts) if part != "/"]
