"""One agent as a server hears it through a collector: the messages of a stream, once they are checked.

It stands where a stream's gRPC context stands, so that whoever comes through a collector is admitted,
heard and told as everyone else. What differs is here: each frame is believed for its signature, and a
hole in the chain (the collector dropped or withheld something) becomes a gap in its place.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from uuid import UUID

import structlog
from google.protobuf.message import DecodeError

from vedette.link import vedette_pb2 as pb
from vedette.link.decode import BadFrame
from vedette.link.relay_signature import (
    Forged,
    identity,
    is_in_sequence,
    load_public_key,
    verify,
)

log = structlog.get_logger(__name__)

INBOX_LIMIT = 500
"""Messages of one channel that may wait; frames cost credits, and of all else nobody says so much."""

Tell = Callable[[int, pb.ToAgent, int], None]
"""Send to the collector: the channel, the message, the credits that come with it."""
Meaning = Callable[[bytes], bytes | None]
"""The serialised layout of that digest, None when the collector never sent it."""

Arrival = pb.Open | pb.Signed | pb.Dropped


class Channel:
    """The stream of one agent within a collector's.

    kind: what it must be enrolled as; None: an agent or a collector. via: the collector that brings
    it; None: it is the collector itself. cached: revision of the configuration the collector holds.
    """

    def __init__(
        self, number: int, public_key: bytes, peer: str, tell: Tell, meaning: Meaning
    ) -> None:
        self.number = number
        self.kind: str | None = None
        self.via: int | None = None
        self.public_key = public_key
        self.key_fingerprint = identity(public_key)
        self.agent_id: int | None = None
        self.name = ""
        self._key = load_public_key(public_key)
        self._peer = peer
        self._tell = tell
        self._meaning = meaning
        self._inbox: asyncio.Queue[Arrival] = asyncio.Queue(INBOX_LIMIT)
        self._is_flooded = False
        self._spilled = 0
        self._next: deque[pb.FromAgent] = deque()
        self._dropped: deque[pb.Dropped] = deque(maxlen=64)
        self._unacked: deque[int] = deque()
        self._durable = 0
        self._last = 0
        self._live = (b"", 0)
        self._known: dict[tuple[str, int], bytes | str] = {}

    def arrive(self, message: Arrival) -> None:
        """Queue what the collector sent; raises BadFrame when it says too much of itself.

        An agent that does costs its neighbours nothing: the next time it is read, its channel ends.
        """
        try:
            self._inbox.put_nowait(message)
        except asyncio.QueueFull:
            if not self.number:
                raise BadFrame("bad_frame", "the collector says more than we can hear") from None
            self._is_flooded = True
            self._spilled += isinstance(message, pb.Signed) and is_in_sequence(message)

    def peer(self) -> str:
        """Return where it comes from, for people."""
        return self._peer

    async def read(self) -> pb.FromAgent:
        """Return the agent's next message, checked."""
        try:
            while not self._next:
                self._refuse_flood()
                self._take(await self._inbox.get())
            message = self._next.popleft()
        except Forged as forged:
            log.warning("a forged frame", agent=self.name, through=self._peer, why=str(forged))
            raise BadFrame("forged", str(forged)) from None
        except DecodeError:
            raise BadFrame("bad_frame", "a frame that cannot be read") from None
        return message

    async def write(self, message: pb.ToAgent) -> None:
        """Send it to the agent by way of the collector."""
        granted = 0
        kind = message.WhichOneof("kind")
        if kind == "welcome":
            self._durable = self._last = message.welcome.durable_seq
            self.name = message.welcome.agent_name
        elif kind == "ack":
            self._durable = max(self._durable, message.ack.durable_seq)
            granted = self._settled()
        elif kind == "refusal":
            granted = len(self._unacked)
            self._unacked.clear()
        self._tell(self.number, message, granted)

    def close(self) -> int:
        """Return the credits of what will not be acknowledged any more."""
        waiting = sum(isinstance(each, pb.Signed) and is_in_sequence(each) for each in self._rest())
        owed = len(self._unacked) + waiting + self._spilled
        self._unacked.clear()
        return owed

    def _refuse_flood(self) -> None:
        if self._is_flooded:
            raise BadFrame("too_much", "more came through the collector than we can hear")

    def _rest(self) -> list[Arrival]:
        rest = []
        while not self._inbox.empty():
            rest.append(self._inbox.get_nowait())
        return rest

    def _settled(self) -> int:
        settled = 0
        while self._unacked and self._unacked[0] <= self._durable:
            self._unacked.popleft()
            settled += 1
        return settled

    def _take(self, arrived: Arrival) -> None:
        if isinstance(arrived, pb.Open):
            self._next.append(self._hello_of(arrived))
        elif isinstance(arrived, pb.Dropped):
            self._dropped.append(arrived)
        else:
            if is_in_sequence(arrived):
                self._unacked.append(arrived.number)
            verify(self._key, self.key_fingerprint, arrived)
            message = pb.FromAgent.FromString(arrived.frame)
            kind = message.WhichOneof("kind")
            if (kind in {"batch", "gap"}) != is_in_sequence(arrived):
                raise BadFrame("bad_frame", "a signed frame does not begin with what it holds")
            if kind in {"batch", "gap"}:
                self._take_numbered(
                    arrived, message, message.batch if kind == "batch" else message.gap
                )
            elif kind in {"hello", "define", "signed", None}:
                raise BadFrame("bad_frame", f"a signed frame holds {kind}")
            elif self._live[0] != arrived.run or arrived.number > self._live[1]:
                self._live = (arrived.run, arrived.number)
                self._next.append(message)

    def _hello_of(self, opened: pb.Open) -> pb.FromAgent:
        verify(self._key, self.key_fingerprint, opened.hello)
        message = pb.FromAgent.FromString(opened.hello.frame)
        try:
            run = UUID(message.hello.run_id).bytes
        except ValueError:
            raise BadFrame("bad_frame", "run_id is not a UUID") from None
        if message.WhichOneof("kind") != "hello" or run != opened.hello.run:
            raise Forged("the Hello is not of the run that signed it")
        # What the collector holds it gives to the agent itself.
        message.hello.config_revision = opened.config_revision
        return message

    def _take_numbered(
        self, signed: pb.Signed, message: pb.FromAgent, frame: pb.Batch | pb.Gap
    ) -> None:
        if frame.seq != signed.number:
            raise Forged("a frame bears another number than was signed")
        if frame.seq <= self._last:
            # Carried again after a break, or replayed: it is stored already, or on its way to be.
            self._unacked.pop()
            ack = pb.Ack(durable_seq=self._durable)
            self._tell(self.number, pb.ToAgent(ack=ack), 1)
            return
        if frame.prev > self._last:
            self._next.append(pb.FromAgent(gap=self._hole(frame.prev)))
        else:
            # The agent was not told how far the server is: what lies between is stored.
            frame.prev = self._last
        if isinstance(frame, pb.Batch):
            self._define(signed.terms)
        self._last = frame.seq
        self._next.append(message)

    def _hole(self, upto: int) -> pb.Gap:
        """Return the gap for what the signed chain says there was and the collector does not bring."""
        notes = [note for note in self._dropped if self._last < note.seq <= upto]
        gap = pb.Gap(
            seq=upto,
            prev=self._last,
            reports=sum(note.reports for note in notes),
            from_us=min((note.from_us for note in notes), default=0),
            to_us=max((note.to_us for note in notes), default=0),
            reason=notes[-1].reason[:64] if notes and notes[-1].reason else "withheld",
        )
        log.warning(
            "frames are missing", agent=self.name, through=self._peer, reason=gap.reason,
            after=self._last, before_and_with=upto,
        )  # fmt: skip
        return gap

    def _define(self, serialised: bytes) -> None:
        terms = pb.Terms.FromString(serialised)
        define = pb.Define()
        for term in terms.layouts:
            named = b"".join(term.digests)
            if self._known.get(("layout", term.ref)) != named:
                # Each piece in a message of its own: none gets longer than a message may be.
                self._next.extend(self._pieces(term))
                self._known["layout", term.ref] = named
        for error in terms.error_classes:
            if self._known.get(("error", error.ref)) != error.name:
                define.error_classes.append(error)
                self._known["error", error.ref] = error.name
        if define.error_classes:
            self._next.append(pb.FromAgent(define=define))

    def _pieces(self, term: pb.Term) -> Iterator[pb.FromAgent]:
        for digest in term.digests:
            found = self._meaning(digest)
            if found is None:
                raise BadFrame("unknown_layout", "the collector did not say what values mean")
            layout = pb.Layout.FromString(found)
            layout.ref = term.ref
            yield pb.FromAgent(define=pb.Define(layouts=[layout]))
