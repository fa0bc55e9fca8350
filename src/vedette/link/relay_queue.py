"""What agents said and the server has not stored: one spool for all, so that one sync serves them all.

Beside it stands, per agent, how far it came, so that a frame that comes again is known; and what had to
be dropped, so that the hole in its chain can be told.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import msgspec
import structlog
from google.protobuf.message import DecodeError

from vedette.errors import Unavailable
from vedette.link import vedette_pb2 as pb
from vedette.link.segment import HEAD_BYTES, Segment
from vedette.link.spool import GAP, Caps, Record, Spool
from vedette.trust.keys import write_key

log = structlog.get_logger(__name__)

FRAME = 1
"""Kind of a spooled record: the agent's key (32 bytes), then the serialised Signed."""
KEY_BYTES = 32
CREDITS = 16
"""Frames an agent may send before the first of them is acknowledged."""
LEAST_ROOM, MOST_ROOM = 0.1, 0.5
"""Shares of the spool that are kept free for what agents may send yet, as many as there are."""


@dataclass(slots=True, eq=False)
class Queued:
    """A frame on its way up. number: in the spool; seq: the agent's own."""

    number: int
    key: bytes
    signed: pb.Signed
    reports: int
    at_us: int
    sent: bool = False
    settled: bool = False

    @property
    def seq(self) -> int:
        """The agent's own number of it."""
        return self.signed.number


class Note(msgspec.Struct, array_like=True):
    """Frames of one agent that were dropped, up to and with `seq`."""

    seq: int
    reports: int
    from_us: int
    to_us: int
    reason: str


class Book(msgspec.Struct):
    """By agent: the highest number settled, and what was dropped since."""

    settled: dict[str, int] = {}
    notes: dict[str, list[Note]] = {}


class Queue:
    """The spool and its book; used from one thread, but for `sync`."""

    def __init__(self, directory: Path, caps: Caps | None = None) -> None:
        self.spool = Spool(directory / "spool", caps)
        self._path = directory / "book.json"
        self._book = self._read_book()
        self._seqs = {bytes.fromhex(key): seq for key, seq in self._book.settled.items()}
        self._under_way: deque[Queued] = deque()
        self._settled_number = 0
        self._largest = 0
        self._is_book_old = False
        self.spool.dropping = self._note_dropped
        self._find_what_waits()

    @property
    def is_full(self) -> bool:
        """Whether agents should wait, so that nothing is dropped: their own spools have room.

        Room is kept for all that they may send before they notice, each frame as large as any yet.
        """
        size = self.spool.caps.size_bytes
        owed = CREDITS * self._largest * max(len(self._seqs), 1)
        return size - self.spool.size_bytes < max(LEAST_ROOM * size, min(owed, MOST_ROOM * size))

    @property
    def under_way(self) -> deque[Queued]:
        """What was read and is not settled, in order."""
        return self._under_way

    def last_seq(self, key: bytes) -> int:
        """Return the highest number of that agent that is kept here, or was stored by the server."""
        return self._seqs.get(key, 0)

    def knows(self, key: bytes, seq: int) -> None:
        """Hear that the server has stored everything of that agent up to there."""
        if seq > self.last_seq(key):
            self._seqs[key] = seq
            self._keep_settled(key, seq)

    def put(self, key: bytes, signed: pb.Signed, *, reports: int, at_us: int) -> None:
        """Keep a frame; raises Unavailable when there is no room at all."""
        payload = key + signed.SerializeToString()
        self._largest = max(self._largest, HEAD_BYTES + len(payload))
        self.spool.append(FRAME, payload, reports=reports, from_us=at_us, to_us=at_us)
        if not self.spool.has_room:
            raise Unavailable("the collector's disk is full", hint="make room; agents keep theirs")
        self._seqs[key] = signed.number

    def read(self) -> Queued | None:
        """Return the next frame to be sent, None when there is none now."""
        while (record := self.spool.read()) is not None:
            queued = _queued(record)
            if queued is not None:
                self._under_way.append(queued)
                return queued
            lost = Queued(record.seq, b"", pb.Signed(), record.reports, record.to_us, settled=True)
            self._under_way.append(lost)
            self._sweep()
        return None

    def settle(self, queued: Queued) -> None:
        """Say that the server has it, or that nobody will ever take it."""
        queued.settled = True
        if queued.seq > self._book.settled.get(queued.key.hex(), 0):
            self._keep_settled(queued.key, queued.seq)
        self._sweep()

    def give_up(self, queued: Queued, reason: str) -> Note:
        """Drop a frame the server will not take, and return the note of it."""
        queued.settled = True
        note = Note(queued.seq, queued.reports, queued.at_us, queued.at_us, reason)
        self.note(queued.key, note)
        self._sweep()
        return note

    def begin_again(self) -> None:
        """Read again whatever is not settled: the stream it went up is gone."""
        self._under_way.clear()
        # From behind what was let go: what is settled beyond it goes up again, and is known there.
        self.spool.resume(self.spool.acked_seq)

    def note(self, key: bytes, note: Note) -> None:
        """Keep that frames of this agent will not come."""
        self._book.notes.setdefault(key.hex(), []).append(note)
        del self._book.notes[key.hex()][:-64]
        self._is_book_old = True

    def notes(self, key: bytes) -> list[Note]:
        """Return what of this agent was dropped and not told yet, or told and not settled."""
        return self._book.notes.get(key.hex(), [])

    def forget(self, key: bytes) -> None:
        """Forget an agent that is none any more."""
        self._seqs.pop(key, None)
        self._book.settled.pop(key.hex(), None)
        self._book.notes.pop(key.hex(), None)
        self._is_book_old = True

    def sync(self) -> None:
        """Bring what was put to the medium; from any thread."""
        self.spool.sync()

    async def let_go(self) -> None:
        """Write the book, and only then let the spool forget what is settled."""
        settled = self._settled_number
        if self._is_book_old:
            self._is_book_old = False
            await asyncio.to_thread(write_key, self._path, msgspec.json.encode(self._book))
        if settled > self.spool.acked_seq:
            self.spool.ack(settled)

    async def close(self) -> None:
        """Bring everything to the medium."""
        await self.let_go()
        await asyncio.to_thread(self.spool.close)

    def _sweep(self) -> None:
        while self._under_way and self._under_way[0].settled:
            self._settled_number = self._under_way.popleft().number

    def _keep_settled(self, key: bytes, seq: int) -> None:
        name = key.hex()
        self._book.settled[name] = seq
        if name in self._book.notes:
            self._book.notes[name] = [each for each in self._book.notes[name] if each.seq > seq]
            if not self._book.notes[name]:
                del self._book.notes[name]
        self._is_book_old = True

    def _note_dropped(self, segment: Segment, reason: str) -> None:
        """Note, agent by agent, what goes with a segment the spool must drop."""
        told: dict[bytes, Note] = {}
        for offset, head in segment.heads():
            payload = segment.payload(offset, head)
            if payload is None or head.seq <= self.spool.acked_seq:
                continue
            key, seq = payload[:KEY_BYTES], pb.Signed.FromString(payload[KEY_BYTES:]).number
            if seq <= self._book.settled.get(key.hex(), 0):
                continue
            note = told.setdefault(
                key, Note(seq, 0, head.from_us, head.to_us, f"collector_{reason}")
            )
            note.seq, note.reports, note.to_us = seq, note.reports + head.reports, head.to_us
        for key, note in told.items():
            self.note(key, note)

    def _find_what_waits(self) -> None:
        while (record := self.spool.read()) is not None:
            queued = _queued(record)
            if queued is not None:
                self._seqs[queued.key] = max(queued.seq, self._seqs.get(queued.key, 0))
        self._settled_number = self.spool.acked_seq
        self.begin_again()

    def _read_book(self) -> Book:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Book)
        except FileNotFoundError:
            return Book()
        except msgspec.MsgspecError:
            log.warning("the collector's book is damaged; agents may send some frames again")
            return Book()


def _queued(record: Record) -> Queued | None:
    if record.kind == GAP:
        return None
    try:
        signed = pb.Signed.FromString(record.payload[KEY_BYTES:])
    except DecodeError:
        return None
    return Queued(record.seq, record.payload[:KEY_BYTES], signed, record.reports, record.to_us)
