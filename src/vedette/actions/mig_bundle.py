"""The content of a manifest: a tar.gz of files, read within bounds and nothing of it unpacked."""

import base64
import binascii
import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

from vedette.errors import Invalid, Missing
from vedette.trust.manifest import Entry, read_entries

CONTENT_BYTES = 48 << 20
"""Of the archive as it is handed in."""
UNPACKED_BYTES = 256 << 20
"""Of all its files together."""
MEMBERS = 1_000
_PIECE = 1 << 16


def read_content(written: str) -> bytes:
    """Return the archive of its base64; raises Invalid."""
    try:
        content = base64.b64decode(written.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise Invalid("the manifest's content is no base64") from None
    if not 0 < len(content) <= CONTENT_BYTES:
        raise Invalid(f"a manifest's content has 1 to {CONTENT_BYTES} bytes")
    return content


def entries_of(content: bytes) -> tuple[Entry, ...]:
    """Return the files of the archive by name, with their SHA-256; raises Invalid for what is no such archive."""
    found = []
    for name, file in _files(content):
        digest = hashlib.sha256()
        while piece := file.read(_PIECE):
            digest.update(piece)
        found.append({"name": name, "sha256": digest.hexdigest()})
    return read_entries(found)


def file_of(content: bytes, wanted: str) -> bytes:
    """Return one file of the archive, compressed by gzip; raises Missing when it holds none of that name."""
    for name, file in _files(content):
        if name == wanted:
            return gzip.compress(file.read(), mtime=0)
    raise Missing(f"object {wanted[:80]!a} not found in manifest")


def _files(content: bytes) -> Iterator[tuple[str, IO[bytes]]]:
    left, members = UNPACKED_BYTES, 0
    try:
        with tarfile.open(fileobj=_Bounded(content), mode="r|") as archive:
            for member in archive:
                left, members = left - member.size, members + 1
                if left < 0 or members > MEMBERS:
                    raise Invalid(
                        f"a manifest's files have more than {UNPACKED_BYTES} bytes, or are too many"
                    )
                file = archive.extractfile(member) if member.isreg() else None
                if file is not None:
                    yield PurePosixPath(member.name).name, file
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError) as wrong:
        raise Invalid(f"the manifest's content is no tar.gz: {wrong}") from None


class _Bounded(io.RawIOBase):
    """The archive without its compression, as long as it stays within bounds: headers, too, can be a bomb."""

    def __init__(self, content: bytes) -> None:
        self._from = gzip.GzipFile(fileobj=io.BytesIO(content))
        self._left = UNPACKED_BYTES + (MEMBERS << 12)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; raises Invalid once there are too many."""
        found = self._from.read(size)
        self._left -= len(found)
        if self._left < 0:
            raise Invalid(f"a manifest's files have more than {UNPACKED_BYTES} bytes")
        return found
