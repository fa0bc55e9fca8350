"""What has been said and not yet heard: a bounded queue on disk that loses nothing silently.

Every record has a number that is never used twice, not even after a crash, and names the number
before it. Reading follows that chain: where a link is missing (the oldest was dropped for want of
room, a sector went bad, a file was deleted) `read` returns a gap in its place, with the count of
the reports that are gone: the other side sees an unbroken chain whatever happened here.

Used from one thread, except `sync`, which is meant for another.
"""

import errno
import fcntl
import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Lock

from vedette.errors import Conflict, Unavailable
from vedette.link.chain import GAP, Reader, Record
from vedette.link.ledger import Drop, LedgerFile, Mark, sync_file
from vedette.link.segment import HEAD_BYTES, Head, Segment

__all__ = ["GAP", "Caps", "Record", "Spool"]

RESERVED = 10_000
"""Numbers promised to the medium at once: a crash may skip so many, never repeat one."""

FULL = (errno.ENOSPC, errno.EDQUOT)
_LEAST_SEGMENT, _MOST_SEGMENT = 64 * 1024, 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """How much a spool may hold; beyond either the oldest is dropped."""

    size_bytes: int = 256 * 1024 * 1024
    age: timedelta = timedelta(days=7)

    @property
    def segment_bytes(self) -> int:
        """Size at which a new file is begun: a small part of the whole is dropped at once."""
        return min(max(self.size_bytes // 16, _LEAST_SEGMENT), _MOST_SEGMENT)

    @property
    def age_us(self) -> int:
        """The age in µs."""
        return self.age // timedelta(microseconds=1)


class Spool:
    """A spool in a directory of its own, which one process may hold at a time.

    listener: called after every append, so that a reader can wake.
    dropping: called with a segment that is about to be dropped, and why.
    has_room: False while the last record found none.

    Numbers in the files count from 1; `shift` lifts them above what the other side already holds,
    should this directory ever be wiped or restored from an old copy.
    """

    def __init__(self, directory: Path, caps: Caps | None = None) -> None:
        self.caps = caps or Caps()
        self.listener: Callable[[], None] = lambda: None
        self.dropping: Callable[[Segment, str], None] = lambda _segment, _reason: None
        self.has_room = True
        self._directory = directory
        self._sync_lock = Lock()
        self._dirty: list[Segment] = []
        self._gone: list[Segment] = []
        self._unsaved = False
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock_fd = _lock(directory / "lock")
            self._file = LedgerFile(directory / "ledger")
            self._ledger = self._file.read()
            self._segments = [Segment.open(path) for path in sorted(directory.glob("*.seg"))]
            self._mend()
        except OSError as fault:
            raise Unavailable(
                f"the spool {directory} cannot be opened: {fault.strerror}",
                hint="the data directory must be writable for the agent",
            ) from fault
        self._promised = 0
        # Numbers up to `high` may have been given out by a run whose last writes never arrived.
        self._floor = max(self._ledger.high, self._ledger.last.seq)
        self._reader = Reader(self._segments, self._ledger)

    @property
    def highest_seq(self) -> int:
        """No number above this one was ever given out."""
        return max(self._floor, self._ledger.last.seq) + self._ledger.shift

    @property
    def acked_seq(self) -> int:
        """Everything up to here is held by the other side."""
        return self._ledger.acked.seq + self._ledger.shift

    @property
    def size_bytes(self) -> int:
        """Bytes on disk."""
        return sum(segment.size for segment in self._segments)

    @property
    def reports(self) -> int:
        """Reports given out and not yet acked, dropped ones included until their gap is acked."""
        return max(self._ledger.last.after - self._ledger.acked.after, 0)

    @property
    def dropped_reports(self) -> int:
        """Reports dropped since the spool was made."""
        return self._ledger.dropped

    def append(self, kind: int, payload: bytes, *, reports: int, from_us: int, to_us: int) -> int:
        """Keep one record and return its number.

        Never fails for want of room: the oldest makes place, and if even that does not help this
        one is lost and its number becomes a gap.
        """
        last = self._ledger.last
        seq = max(last.seq, self._floor) + 1
        if seq > self._promised:
            self._save(reserve=True)
        head = Head(
            kind=kind,
            seq=seq,
            prev=last.seq,
            before=last.after,
            reports=reports,
            from_us=from_us,
            to_us=to_us,
            length=len(payload),
            crc=zlib.crc32(payload),
        )
        self._make_room(HEAD_BYTES + len(payload), now_us=to_us)
        self.has_room = self._write(head, payload)
        if not self.has_room:
            self._note_drop("disk_full", head, reports)
        self._ledger.last = Mark(seq, head.after, to_us)
        self._unsaved = True
        self.listener()
        return seq + self._ledger.shift

    def read(self) -> Record | None:
        """Return what follows the record read last, None when there is no more now."""
        record = self._reader.read()
        self._unsaved |= self._reader.told
        if record is None or not self._ledger.shift:
            return record
        shift = self._ledger.shift
        return replace(record, seq=record.seq + shift, prev=record.prev + shift)

    def ack(self, seq: int) -> None:
        """Forget everything up to and with this number; repeating it changes nothing."""
        local = seq - self._ledger.shift
        if local <= self._ledger.acked.seq:
            return
        self._ledger.acked = self._reader.mark(local)
        self._reader.pass_over(self._ledger.acked)
        while len(self._segments) > 1 and _last(self._segments[0]).seq <= local:
            self._remove_oldest()
        self._unsaved = True

    def resume(self, durable_seq: int) -> None:
        """Take the other side's word for what it holds, then read from behind it.

        A number above any of ours means that this directory is not the one that gave it out:
        all that is kept here is lifted above it. One below what was acked means that the other side
        has lost what it had; the chain then starts where it stands now.
        """
        if durable_seq > self.highest_seq:
            self._ledger.shift = durable_seq - self._ledger.acked.seq
            self._save()
        self.ack(durable_seq)
        self._reader.rewind(durable_seq - self._ledger.shift)

    def sync(self) -> None:
        """Bring everything appended to the medium; call it about once a second, from any thread."""
        with self._sync_lock:
            dirty, self._dirty = self._dirty, []
            gone, self._gone = self._gone, []
            for segment in dirty:
                sync_file(segment.fd)
            for segment in gone:
                segment.close()
        if self._unsaved:
            self._unsaved = False
            self._save(reserve=self._promised - self._ledger.last.seq < RESERVED // 2)

    def close(self) -> None:
        """Bring everything to the medium and let go of the files."""
        self.sync()
        self._ledger.high = max(self._floor, self._ledger.last.seq)
        self._file.write(self._ledger)
        for segment in self._segments:
            segment.close()
        self._file.close()
        os.close(self._lock_fd)

    def _mend(self) -> None:
        """Leave nothing half-written behind; what was lost shows in the chain."""
        for segment in [s for s in self._segments if s.last is None]:
            self._segments.remove(segment)
            segment.close()
            segment.path.unlink()
        if self._segments:
            newest = _last(self._segments[-1])
            if newest.seq > self._ledger.last.seq:
                self._ledger.last = Mark(newest.seq, newest.after, newest.to_us)
            self._segments[-1].cut_torn_end()

    def _save(self, *, reserve: bool = False) -> None:
        with self._sync_lock:
            if reserve:
                self._ledger.high = max(self._floor, self._ledger.last.seq) + RESERVED
            self._file.write(self._ledger)
            # Only now: a number may be used once the promise that it is taken is on the medium.
            self._promised = self._ledger.high

    def _write(self, head: Head, payload: bytes) -> bool:
        """Append, dropping the oldest as long as the disk is full; False when nothing helped."""
        while True:
            try:
                if not self._segments or self._is_done(self._segments[-1], head):
                    path = self._directory / f"{head.seq:020}.seg"
                    self._segments.append(Segment.create(path))
                newest = self._segments[-1]
                newest.append(head, payload)
            except OSError as fault:
                if fault.errno not in FULL or not self._drop_oldest("disk_full"):
                    return False
            else:
                if newest not in self._dirty:
                    self._dirty.append(newest)
                return True

    def _is_done(self, segment: Segment, head: Head) -> bool:
        if segment.first is None:
            return False
        too_old = head.to_us - segment.first.from_us > self.caps.age_us // 16
        too_big = segment.size + HEAD_BYTES + head.length > self.caps.segment_bytes
        return too_old or too_big

    def _make_room(self, wanted: int, *, now_us: int) -> None:
        oldest_us = now_us - self.caps.age_us
        while (
            self._segments and self._segments[0].last and self._segments[0].last.to_us < oldest_us
        ):
            self._drop_oldest("spool_old")
        while len(self._segments) > 1 and self.size_bytes + wanted > self.caps.size_bytes:
            self._drop_oldest("spool_full")

    def _drop_oldest(self, reason: str) -> bool:
        if not self._segments or self._segments[0].first is None:
            return False
        first, last = self._segments[0].first, _last(self._segments[0])
        lost = last.after - max(first.before, self._ledger.acked.after)
        if lost > 0:
            self.dropping(self._segments[0], reason)
            self._note_drop(reason, replace(last, from_us=first.from_us), lost)
        self._remove_oldest()
        return True

    def _note_drop(self, reason: str, upto: Head, reports: int) -> None:
        ledger = self._ledger
        ledger.dropped += reports
        from_us, to_us = upto.from_us, upto.to_us
        told = ledger.gaps[-1].seq if ledger.gaps else 0
        newest = ledger.drops[-1] if ledger.drops else None
        if newest and newest.reason == reason and newest.seq > max(told, ledger.acked.seq):
            from_us, to_us = min(from_us, newest.from_us), max(to_us, newest.to_us)
            ledger.drops.pop()
        ledger.drops.append(Drop(upto.seq, reason, from_us, to_us))

    def _remove_oldest(self) -> None:
        oldest = self._segments.pop(0)
        self._reader.leave(oldest)
        with suppress(FileNotFoundError):
            oldest.path.unlink()
        # Closed by `sync`, which may be at work on it in its thread.
        self._gone.append(oldest)


def _last(segment: Segment) -> Head:
    assert segment.last is not None, "only a segment that was just begun is empty"
    return segment.last


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise Conflict(
            f"the spool {path.parent} is in use by another agent",
            hint="give each agent a --data-dir of its own",
        ) from None
    return fd
