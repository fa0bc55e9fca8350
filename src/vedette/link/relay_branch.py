"""A collector behind a collector: its stream, with a branch for each agent that speaks through it."""

import asyncio
from typing import Any

import grpc.aio
import structlog
from google.protobuf.message import DecodeError

from vedette.errors import Unavailable
from vedette.link import vedette_pb2 as pb
from vedette.link.client import Refused
from vedette.link.outgoing import Outgoing
from vedette.link.relay import Relay
from vedette.link.relay_members import Member
from vedette.link.relay_signature import is_in_sequence

log = structlog.get_logger(__name__)

WINDOW = 128
"""Batches and gaps the other collector may have on their way, over all its branches."""
CHANNELS_LIMIT = 20_000
EARLY_LIMIT = 200

Context = grpc.aio.ServicerContext[Any, Any]


class Branch:
    """The way to an agent through the collector further out; channel 0 is that collector itself."""

    def __init__(self, number: int, out: Outgoing) -> None:
        self.number = number
        self.present = True
        self.member: Member | None = None
        self.early: list[pb.FromCollector] = []
        self.unacknowledged = 0
        self.is_refused = False
        self._has_window = False
        self._out = out

    def send(self, message: pb.ToAgent) -> None:
        """Queue a message."""
        granted = 0
        if self.number == 0 and not self._has_window:
            granted, self._has_window = WINDOW, True
        self._out.put(pb.ToCollector(channel=self.number, credits=granted, message=message))

    def acknowledge(self, seq: int, frames: int) -> None:
        """Say that everything up to `seq` is kept."""
        self.unacknowledged -= frames
        ack = pb.ToAgent(ack=pb.Ack(durable_seq=seq))
        self._out.put(pb.ToCollector(channel=self.number, credits=frames, message=ack))

    def refuse(self, reason: str, message: str, *, final: bool = False) -> None:
        """Say why it ends; the first reason wins."""
        if self.is_refused:
            return
        self.is_refused = True
        said = pb.ToAgent(refusal=pb.Refusal(reason=reason, message=message, final=final))
        owed, self.unacknowledged = self.unacknowledged, 0
        self._out.put(pb.ToCollector(channel=self.number, credits=owed, message=said))


class Trunk:
    """One collector's open stream; `serve` until it ends."""

    def __init__(self, relay: Relay, public_key: bytes, context: Context) -> None:
        self._relay = relay
        self._public_key = public_key
        self._context = context
        self._out = Outgoing(context.write)
        self._branches: dict[int, Branch] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Hear the collector until it leaves or breaks the protocol."""
        try:
            while True:
                message = await self._context.read()
                if not isinstance(message, pb.FromCollector):
                    return
                self._take(message)
                await self._relay.room()
                own = self._branches.get(0)
                if own is not None and own.is_refused:
                    return
        except (Refused, DecodeError) as bad:
            log.warning("a collector broke the protocol", why=str(bad))
            said = pb.ToAgent(refusal=pb.Refusal(reason="bad_frame", message=str(bad)))
            self._out.put(pb.ToCollector(message=said))
        finally:
            for task in self._tasks:
                task.cancel()
            for branch in self._branches.values():
                if branch.member is not None:
                    self._relay.leave(branch.member, branch)
            await self._out.emptied()

    def _take(self, message: pb.FromCollector) -> None:
        kind = message.WhichOneof("kind")
        if kind == "open":
            self._open(message)
        elif kind == "meanings":
            for layout in message.meanings.layouts:
                self._learn(layout)
        elif kind == "enrol":
            self._begin(self._enrol(message.enrol))
        elif (branch := self._branches.get(message.channel)) is not None:
            if branch.member is None and not branch.is_refused:
                if len(branch.early) >= EARLY_LIMIT:
                    raise Refused("bad_frame", "too much before a Welcome", final=False)
                branch.early.append(message)
            else:
                self._hear(branch, message)

    def _hear(self, branch: Branch, message: pb.FromCollector) -> None:
        kind = message.WhichOneof("kind")
        member = branch.member
        if kind == "carried":
            self._carried(branch, message.carried)
        elif member is None or branch.is_refused:
            return
        elif kind == "dropped":
            self._relay.note_dropped(member, message.dropped)
        elif kind == "away":
            branch.present = False
            self._relay.tell_away(member)

    def _carried(self, branch: Branch, signed: pb.Signed) -> None:
        costs = is_in_sequence(signed)
        if branch.is_refused or branch.member is None:
            if costs:
                self._out.put(pb.ToCollector(channel=branch.number, credits=1))
            return
        branch.unacknowledged += costs
        try:
            self._relay.take(branch.member, signed, branch)
        except Refused as refused:
            branch.refuse(refused.reason, refused.message, final=refused.final)

    def _open(self, message: pb.FromCollector) -> None:
        number, opened = message.channel, message.open
        in_turn = bool(self._branches) == bool(number) and number not in self._branches
        if not in_turn or len(self._branches) >= CHANNELS_LIMIT:
            raise Refused("bad_frame", "a collector opens channel 0 first, each once", final=False)
        if number == 0 and opened.public_key != self._public_key:
            raise Refused("forged", "the collector's key is not its certificate's", final=False)
        branch = self._branches[number] = Branch(number, self._out)
        self._begin(self._admit(branch, opened))

    async def _admit(self, branch: Branch, opened: pb.Open) -> None:
        try:
            branch.member = await self._relay.admit(opened.public_key, opened.hello, branch)
        except Refused as refused:
            branch.refuse(refused.reason, refused.message, final=refused.final)
        early, branch.early = branch.early, []
        for message in early:
            self._hear(branch, message)

    async def _enrol(self, asked: pb.EnrolThrough) -> None:
        try:
            enrolled = await self._relay.enrol(asked.request)
        except Unavailable as away:
            enrolled = pb.Enrolled(kind=away.kind, message=str(away))
        enrolled.id = asked.id
        self._out.put(pb.ToCollector(enrolled=enrolled))

    def _learn(self, layout: bytes) -> None:
        try:
            self._relay.meanings.learn(layout)
        except Unavailable as full:
            raise Refused("collector_full", full.message, final=False) from None

    def _begin(self, work: Any) -> None:  # noqa: ANN401 - a coroutine of any kind
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
