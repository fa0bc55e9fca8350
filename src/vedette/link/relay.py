"""A collector: stands between agents and a server they cannot reach, and keeps what they say.

It takes frames as their agents signed them, acknowledges them once they are on its disk, and carries
them up one stream. It can delay what it carries; it can neither invent nor change it (link/relay_signature).
It knows neither the database nor what the reports mean.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

import structlog

from vedette.errors import Unavailable
from vedette.health.rules import reconnect_spread
from vedette.link import vedette_pb2 as pb
from vedette.link.claims import Claims
from vedette.link.client import Refused
from vedette.link.encode import microseconds
from vedette.link.identity import Identity
from vedette.link.relay_meanings import MeaningFiles
from vedette.link.relay_members import Down, Member, Members
from vedette.link.relay_queue import CREDITS, Note, Queue
from vedette.link.relay_signature import Forged, identity, load_public_key, verify
from vedette.link.relay_uplink import Uplink
from vedette.link.spool import Caps

log = structlog.get_logger(__name__)

HEARTBEAT_MS = 10_000
GATHER_S = 0.005
"""How long the first frame waits for others before the disk is asked to keep them."""
LET_GO_S = 1.0
FULL_S = 0.5
FRAMES = ("batch", "gap")


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOptions:
    """How a collector keeps what it keeps."""

    directory: Path
    caps: Caps


class Relay:
    """A running collector, but for its listeners; `async with Relay(…) as relay: await relay.wait()`."""

    def __init__(
        self,
        who: Identity,
        claims: Claims,
        options: RelayOptions,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self.members = Members(options.directory / "members")
        self.queue = Queue(options.directory, options.caps)
        self.meanings = MeaningFiles(options.directory / "layouts")
        if not self.queue.spool.reports:
            self.meanings.forget()
        self.uplink = Uplink(
            identity=who,
            claims=claims,
            clock=clock,
            members=self.members,
            queue=self.queue,
            meanings=self.meanings,
        )
        self._clock = clock
        self._owed: dict[Down, tuple[int, int]] = {}
        self._put = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Start."""
        for work, name in ((self.uplink.run(), "uplink"), (self._keep(), "keep")):
            self._tasks.append(asyncio.create_task(work, name=name))
        self._tasks.append(asyncio.create_task(self._let_go(), name="let go"))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; what is queued stays on disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.queue.close()

    async def wait(self) -> None:
        """Wait until a part ends that must not; raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def admit(self, public_key: bytes, said: pb.Signed, down: Down) -> Member:
        """Let an agent in and welcome it, if the server does, or did once and is away; raises Refused."""
        hello = _checked_hello(public_key, said)
        member = self.members.get(identity(public_key))
        welcome = await self._ask_server(public_key, said, member)
        if welcome is None:
            if member is None:
                raise Refused(
                    "server_away", "the server is away, and never let this one in here", final=False
                )
            if member.is_present and member.run != said.run:
                raise Refused(
                    "server_away",
                    "another run of this agent is connected, and the server is away",
                    final=False,
                )
        name = welcome.agent_name if welcome else ""
        member = self.members.keep(public_key, said, name)
        # What we say is kept must be; and nothing may come down before the Welcome.
        await asyncio.to_thread(self.queue.sync)
        older, member.down = member.down, down
        member.on_probation = welcome is None or welcome.provisional
        if older is not None and older is not down:
            older.refuse("superseded", "a newer stream of this agent took over")
        down.send(pb.ToAgent(welcome=self._welcome(member)))
        if member.kept.configuration and hello.config_revision != member.kept.revision:
            down.send(pb.ToAgent.FromString(member.kept.configuration))
        return member

    def take(self, member: Member, signed: pb.Signed, down: Down) -> None:
        """Take what an agent says: frames onto the disk, everything else up at once; raises Refused."""
        try:
            for layout in signed.layouts:
                self.meanings.learn(layout)
            if not signed.frame:
                return
            message = pb.FromAgent.FromString(signed.frame)
            if message.WhichOneof("kind") not in FRAMES:
                flight = self.uplink.flight
                if flight is not None:
                    flight.carry(member, signed)
                return
            self._take_frame(member, signed, message, down)
        except Unavailable as full:
            raise Refused("collector_full", full.message, final=False) from None

    async def room(self) -> None:
        """Wait until what is not kept finds room on its way up."""
        if self.uplink.flight is not None:
            await self.uplink.flight.room()

    def leave(self, member: Member, down: Down) -> None:
        """Hear that this way to the agent is gone."""
        self._owed.pop(down, None)
        if member.down is down:
            member.down = None
            self.tell_away(member)

    def tell_away(self, member: Member) -> None:
        """Tell the server that the agent is not connected."""
        if self.uplink.flight is not None:
            self.uplink.flight.away(member)

    def note_dropped(self, member: Member, dropped: pb.Dropped) -> None:
        """Hear from a collector further out what it had to drop."""
        note = Note(
            dropped.seq, dropped.reports, dropped.from_us, dropped.to_us, dropped.reason[:60]
        )
        self.queue.note(member.key, note)
        if self.uplink.flight is not None:
            self.uplink.flight.dropped(member, note)

    async def enrol(self, request: pb.EnrolRequest) -> pb.Enrolled:
        """Pass an enrolment on; raises Unavailable."""
        flight = self.uplink.flight
        if flight is None:
            raise Unavailable("the collector is not attached to its server", hint="try again later")
        try:
            return await flight.enrol(request)
        except TimeoutError:
            raise Unavailable("the server did not answer the collector") from None

    def _take_frame(
        self, member: Member, signed: pb.Signed, message: pb.FromAgent, down: Down
    ) -> None:
        is_batch = message.WhichOneof("kind") == "batch"
        frame = message.batch if is_batch else message.gap
        if frame.seq != signed.number:
            raise Refused("bad_frame", "a frame bears another number than was signed", final=False)
        if frame.seq > self.queue.last_seq(member.key):
            for term in pb.Terms.FromString(signed.terms).layouts:
                if not all(named in self.meanings for named in term.digests):
                    raise Refused(
                        "unknown_layout", "a batch uses a layout that never came", final=False
                    )
            signed.ClearField("layouts")
            reports = message.batch.rows if is_batch else message.gap.reports
            self.queue.put(member.key, signed, reports=reports, at_us=microseconds(self._clock()))
        _, frames = self._owed.get(down, (0, 0))
        self._owed[down] = (self.queue.last_seq(member.key), frames + 1)
        self._put.set()

    async def _ask_server(
        self, public_key: bytes, said: pb.Signed, member: Member | None
    ) -> pb.Welcome | None:
        flight = self.uplink.flight
        if flight is None:
            return None
        try:
            return await flight.open(public_key, said, member.kept.revision if member else 0)
        except TimeoutError:
            return None

    def _welcome(self, member: Member) -> pb.Welcome:
        count = sum(each.is_present for each in self.members)
        return pb.Welcome(
            durable_seq=self.queue.last_seq(member.key),
            credits=CREDITS,
            config_revision=member.kept.revision,
            clock_us=microseconds(self._clock()),
            heartbeat_ms=HEARTBEAT_MS,
            reconnect_spread_ms=int(reconnect_spread(count) / timedelta(milliseconds=1)),
            agent_name=member.kept.name,
            sign=True,
            provisional=member.on_probation,
        )

    async def _keep(self) -> None:
        """Bring frames to the disk together, then acknowledge them and carry them on."""
        while True:
            await self._put.wait()
            await asyncio.sleep(GATHER_S)
            self._put.clear()
            owed, self._owed = self._owed, {}
            try:
                await asyncio.to_thread(self.queue.sync)
            except OSError as fault:
                log.error("the spool cannot be synced", why=fault.strerror)  # noqa: TRY400 - the reason is enough, a trace says no more
                await asyncio.sleep(FULL_S)
                self._owed = {**owed, **self._owed}
                self._put.set()
                continue
            if self.uplink.flight is not None:
                self.uplink.flight.pump()
            while self.queue.is_full:  # noqa: ASYNC110 - room comes with the acks, a second apart
                # The agents' own spools have room: whoever waits loses nothing.
                await asyncio.sleep(FULL_S)
            for down, (seq, frames) in owed.items():
                down.acknowledge(seq, frames)

    async def _let_go(self) -> None:
        while True:
            await asyncio.sleep(LET_GO_S)
            try:
                await self.queue.let_go()
            except OSError as fault:
                log.error("the book cannot be written", why=fault.strerror)  # noqa: TRY400 - the reason is enough, a trace says no more


def _checked_hello(public_key: bytes, said: pb.Signed) -> pb.Hello:
    try:
        verify(load_public_key(public_key), identity(public_key), said)
    except Forged as forged:
        raise Refused("forged", str(forged), final=False) from None
    message = pb.FromAgent.FromString(said.frame)
    if message.WhichOneof("kind") != "hello":
        raise Refused("bad_frame", "the first signed message must be Hello", final=False)
    return message.hello
