"""One file of the spool: records one after the other, each with a checksummed head.

The head carries enough to account for a record whose bytes are lost: its number, the number before
it, and how many reports all records before it held. Whatever is missing between two heads can be
counted to the report.
"""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"VdS1"
_HEAD = struct.Struct("<4sB3xQQQIqqII")
_CRC = struct.Struct("<I")
HEAD_BYTES = _HEAD.size + _CRC.size
SEARCH_BYTES = 64 * 1024
"""How much is read at once while looking for the next whole record behind damage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is known of a record without its payload.

    kind: the writer's own word for what the payload is (1 to 255).
    seq, prev: its number, and the number of the record given out before it (0: the first ever).
    before: reports in all records ever given out before this one.
    from_us, to_us: oldest and newest time in it, µs since 1970.
    length, crc: of the payload.
    """

    kind: int
    seq: int
    prev: int
    before: int
    reports: int
    from_us: int
    to_us: int
    length: int
    crc: int

    @property
    def after(self) -> int:
        """Reports in all records up to and with this one."""
        return self.before + self.reports


def pack(head: Head) -> bytes:
    """Return the head as it stands on disk."""
    packed = _HEAD.pack(
        MAGIC,
        head.kind,
        head.seq,
        head.prev,
        head.before,
        head.reports,
        head.from_us,
        head.to_us,
        head.length,
        head.crc,
    )
    return packed + _CRC.pack(zlib.crc32(packed))


def unpack(packed: bytes) -> Head | None:
    """Return the head, or None when these bytes are not one."""
    if len(packed) < HEAD_BYTES or not packed.startswith(MAGIC):
        return None
    if zlib.crc32(packed[: _HEAD.size]) != _CRC.unpack_from(packed, _HEAD.size)[0]:
        return None
    _, kind, seq, prev, before, reports, from_us, to_us, length, crc = _HEAD.unpack_from(packed)
    return Head(
        kind=kind,
        seq=seq,
        prev=prev,
        before=before,
        reports=reports,
        from_us=from_us,
        to_us=to_us,
        length=length,
        crc=crc,
    )


class Segment:
    """A file of records; what is whole in it can always be read, whatever befell the rest.

    first, last: the first and the last head in it, None while it is empty.
    size: bytes up to the end of the last record.
    """

    def __init__(self, path: Path, fd: int) -> None:
        self.path = path
        self.fd = fd
        self.first: Head | None = None
        self.last: Head | None = None
        self.size = 0

    @classmethod
    def create(cls, path: Path) -> "Segment":
        """Make an empty segment; raises OSError."""
        return cls(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))

    @classmethod
    def open(cls, path: Path) -> "Segment":
        """Open a segment left by an earlier run; its end may be torn, its middle damaged."""
        segment = cls(path, os.open(path, os.O_RDWR | os.O_CLOEXEC))
        segment.size = os.fstat(segment.fd).st_size
        for _, head in segment.heads():
            segment.first = segment.first or head
            segment.last = head
        return segment

    def append(self, head: Head, payload: bytes) -> None:
        """Write one record at the end; raises OSError and leaves the segment as it was."""
        try:
            written = os.pwritev(self.fd, (pack(head), payload), self.size)
            while written < HEAD_BYTES + head.length:
                # A short write tells nothing of why; writing the rest does, or succeeds.
                rest = (pack(head) + payload)[written:]
                written += os.pwrite(self.fd, rest, self.size + written)
        except OSError:
            os.ftruncate(self.fd, self.size)
            raise
        self.size += written
        self.first = self.first or head
        self.last = head

    def heads(self, offset: int = 0) -> Iterator[tuple[int, Head]]:
        """Yield every readable head from there on with its offset; step over damage."""
        while offset < self.size:
            head = unpack(os.pread(self.fd, HEAD_BYTES, offset))
            if head is None:
                offset = self.next_whole(offset + 1)
                continue
            yield offset, head
            offset += HEAD_BYTES + head.length

    def payload(self, offset: int, head: Head) -> bytes | None:
        """Return the payload of the record at that offset, None when it is damaged or torn."""
        payload = os.pread(self.fd, head.length, offset + HEAD_BYTES)
        if len(payload) < head.length or zlib.crc32(payload) != head.crc:
            return None
        return payload

    def next_whole(self, offset: int) -> int:
        """Return where the next readable head begins, from offset on; `size` if there is none."""
        while offset < self.size:
            chunk = os.pread(self.fd, SEARCH_BYTES, offset)
            at = chunk.find(MAGIC)
            if at >= 0:
                if unpack(os.pread(self.fd, HEAD_BYTES, offset + at)) is not None:
                    return offset + at
                offset += at + 1
            else:
                # The magic may lie across the border of two chunks.
                offset += max(len(chunk) - len(MAGIC) + 1, 1)
        return self.size

    def cut_torn_end(self) -> None:
        """Cut off what an append that never finished left behind the last whole record."""
        end = 0
        for offset, head in self.heads():
            if offset + HEAD_BYTES + head.length <= self.size:
                end = offset + HEAD_BYTES + head.length
        if end < self.size:
            os.ftruncate(self.fd, end)
            self.size = end

    def close(self) -> None:
        """Close the file; the records stay."""
        os.close(self.fd)
