"""What a spool must remember whatever happens: two slots in one file of fixed size.

The slots are written in turn, so that a crash in the midst of one leaves the other, and in place,
so that a full disk cannot stop it.
"""

import os
import zlib
from pathlib import Path

import msgspec

SLOT_BYTES = 4096
KEPT = 8
"""Drops and gaps remembered one by one; older ones matter only to a server far behind."""


class Drop(msgspec.Struct, array_like=True, frozen=True):
    """Records up to and with `seq` that were dropped, why, and the times they covered."""

    seq: int
    reason: str
    from_us: int
    to_us: int


class Mark(msgspec.Struct, array_like=True, frozen=True):
    """Up to and with the record `seq` there were `after` reports, the newest of `at_us`."""

    seq: int = 0
    after: int = 0
    at_us: int = 0

    def at_number(self, seq: int) -> "Mark":
        """Return the same count under another number."""
        return Mark(seq, self.after, self.at_us)


class Ledger(msgspec.Struct):
    """What outlives a crash.

    generation: grows with each writing; the slot with the higher one counts.
    high: no number above it was ever given out.
    shift: what the numbers in the files differ by from those the other side sees.
    last, acked: the newest record given out, the newest the other side holds.
    dropped: reports dropped since the spool was made.
    drops, gaps: the last drops, and the gaps already told.
    """

    generation: int = 0
    high: int = 0
    shift: int = 0
    last: Mark = Mark()
    acked: Mark = Mark()
    dropped: int = 0
    drops: list[Drop] = []
    gaps: list[Mark] = []


class LedgerFile:
    """The file; `read` once, then `write` as often as you like."""

    def __init__(self, path: Path) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if os.fstat(self._fd).st_size < 2 * SLOT_BYTES:
            # Written out, not left as a hole: a hole would need space when it is needed most.
            os.pwrite(self._fd, bytes(2 * SLOT_BYTES), 0)

    def read(self) -> Ledger:
        """Return the newest whole slot; an empty ledger when there is none."""
        slots = [self._slot(0), self._slot(SLOT_BYTES)]
        return max((s for s in slots if s is not None), key=_generation, default=Ledger())

    def write(self, ledger: Ledger) -> None:
        """Write the older slot and return once it is on the medium."""
        del ledger.drops[:-KEPT], ledger.gaps[:-KEPT]
        ledger.generation += 1
        body = msgspec.json.encode(ledger).ljust(SLOT_BYTES - 4)
        os.pwrite(
            self._fd,
            zlib.crc32(body).to_bytes(4, "little") + body,
            ledger.generation % 2 * SLOT_BYTES,
        )
        sync_file(self._fd)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _slot(self, offset: int) -> Ledger | None:
        slot = os.pread(self._fd, SLOT_BYTES, offset)
        if len(slot) < SLOT_BYTES or zlib.crc32(slot[4:]) != int.from_bytes(slot[:4], "little"):
            return None
        try:
            return msgspec.json.decode(slot[4:], type=Ledger)
        except msgspec.MsgspecError:
            return None


def sync_file(fd: int) -> None:
    """Bring a file's bytes to the medium; macOS has no fdatasync."""
    getattr(os, "fdatasync", os.fsync)(fd)


def _generation(ledger: Ledger) -> int:
    return ledger.generation
