"""rpm's database as rpm has written it since 2020: SQLite, a package's header in each row.

A header is two numbers (of entries, of bytes), the entries of four numbers each (tag, type, offset,
count), and the bytes they point into; all numbers are of 32 bits, the greatest byte first.
"""

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from vedette.agent.modules.host_files import plain
from vedette.agent.modules.packages_rpm_old import NotThis

_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH = 1000, 1001, 1002, 1003, 1022
_WANTED = {_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH}
_INT32, _STRING = 4, 6
_MOST_ENTRIES = 65_536


class Broken(Exception):  # noqa: N818 - what is the matter with the database
    """The database cannot be read; the message says why."""


def read_rpmdb(path: Path) -> list[tuple[str, str, str]]:
    """Return name, version (epoch:version-release) and architecture of each package; raise `Broken`."""
    # A database in use has a log beside it that is read only with a file that we may not make;
    # without it, what was installed this minute is not seen.
    for way in ("mode=ro", "immutable=1"):
        with suppress(sqlite3.OperationalError):
            return list(_rows(path, way))
    raise Broken("SQLite cannot open it")


def _rows(path: Path, way: str) -> Iterator[tuple[str, str, str]]:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{way}", uri=True)) as base:
            for (blob,) in base.execute("SELECT blob FROM Packages ORDER BY hnum"):
                yield read_header(blob if isinstance(blob, bytes) else b"")
    except sqlite3.OperationalError:
        raise
    except sqlite3.Error as fault:
        raise Broken(str(fault)) from None


def read_headers(blobs: Iterator[bytes]) -> list[tuple[str, str, str]]:
    """Return what `read_header` does of each; raise `Broken`."""
    try:
        return [read_header(blob) for blob in blobs]
    except (NotThis, struct.error) as fault:
        raise Broken(str(fault)) from None


def read_header(blob: bytes) -> tuple[str, str, str]:
    """Return name, version and architecture of a header; raise `Broken` when it is none."""
    try:
        told = dict(_entries(blob))
        name, version = told[_NAME], told[_VERSION]
    except (struct.error, KeyError, ValueError):
        raise Broken("a header in it is broken") from None
    epoch, release = told.get(_EPOCH), told.get(_RELEASE)
    whole = (f"{epoch}:" if epoch else "") + version + (f"-{release}" if release else "")
    return name, whole, told.get(_ARCH, "(none)")


def _entries(blob: bytes) -> Iterator[tuple[int, str]]:
    count, _ = struct.unpack_from(">II", blob)
    if count > _MOST_ENTRIES:
        raise ValueError(count)
    data = 8 + 16 * count
    for at in range(8, data, 16):
        tag, kind, offset, _ = struct.unpack_from(">IIII", blob, at)
        if tag in _WANTED and kind == _STRING:
            yield tag, plain(blob[data + offset : blob.index(b"\0", data + offset)])
        elif tag in _WANTED and kind == _INT32:
            yield tag, str(*struct.unpack_from(">I", blob, data + offset))
