"""One open stream of a collector to its server: channels opened, frames carried, answers brought down.

At most the credits the server gave are on their way; they stay in memory until they are settled, so
that those of one agent can be sent again without troubling the others.
"""

import asyncio
from collections.abc import Callable

import grpc.aio
import structlog
from google.protobuf.message import Message

from vedette.link import vedette_pb2 as pb
from vedette.link.client import Refused, refuse_if_refused
from vedette.link.outgoing import Outgoing
from vedette.link.relay_meanings import MeaningFiles
from vedette.link.relay_members import Member, Members
from vedette.link.relay_queue import Note, Queue, Queued
from vedette.link.relay_signature import identity

log = structlog.get_logger(__name__)

UNDER_WAY_LIMIT = 512
"""Frames read and not settled, those of blocked agents among them."""
OPEN_WITHIN_S = 15.0
TRIES = 3
"""A frame refused so often is given up for a gap: one must not block all others of its agent."""
AGAIN_S = 0.5
ROOM_S = 0.05
FRAME_REFUSALS = {
    "bad_frame",
    "wrong_target",
    "not_storable",
    "forged",
    "sequence",
    "unknown_layout",
}


class _Opening:
    """A channel asked for and not answered.

    is_present: its agent waits for the answer. again: it had one before, on an earlier stream.
    """

    def __init__(
        self, public_key: bytes, hello: pb.Signed, *, is_present: bool, again: bool
    ) -> None:
        self.key = identity(public_key)
        self.public_key = public_key
        self.hello = hello
        self.is_present = is_present
        self.again = again
        self.answer: asyncio.Future[pb.Welcome] = asyncio.get_running_loop().create_future()


Call = grpc.aio.StreamStreamCall[Message, pb.ToCollector]


class Flight:
    """A welcomed stream upwards; `run` until it ends. Everything else is called from outside."""

    def __init__(self, call: Call, members: Members, queue: Queue, meanings: MeaningFiles) -> None:
        self.on_own: Callable[[pb.ToAgent], None] = lambda _: None
        self._call = call
        self._members = members
        self._queue = queue
        self._meanings = meanings
        self._out = Outgoing(call.write)
        self._credits = 0
        self._channels = 0
        self._by_channel: dict[int, Member] = {}
        self._opening: dict[int, _Opening] = {}
        self._has_unsent = False
        self._explained: set[bytes] = set()
        self._enrolling: dict[int, asyncio.Future[pb.Enrolled]] = {}

    async def welcome(self, opened: pb.Open) -> pb.Welcome:
        """Say who we are and return the server's Welcome; raises Refused."""
        await self._call.write(pb.FromCollector(open=opened))
        while True:
            message = await self._call.read()
            if not isinstance(message, pb.ToCollector):
                raise TimeoutError("the server closed the stream before it said anything")
            self._credits += message.credits
            refuse_if_refused(message.message)
            if message.message.WhichOneof("kind") == "welcome":
                return message.message.welcome

    async def run(self) -> None:
        """Hear the server until the stream ends; raises Refused when that is its word."""
        for member in self._members:
            member.channel, member.blocked = 0, False
            if member.is_present:
                self._reopen(member)
        self.pump()
        try:
            while True:
                message = await self._call.read()
                if not isinstance(message, pb.ToCollector):
                    return
                self._hear(message)
                self.pump()
        finally:
            for opening in self._opening.values():
                opening.answer.cancel()
            for asked in self._enrolling.values():
                asked.cancel()

    async def open(self, public_key: bytes, hello: pb.Signed, revision: int) -> pb.Welcome:
        """Ask the server to let this one in; raises Refused, or TimeoutError when it does not answer."""
        answer = self._open(public_key, hello, revision, is_present=True)
        try:
            return await asyncio.wait_for(asyncio.shield(answer), OPEN_WITHIN_S)
        except asyncio.CancelledError:
            if answer.cancelled():
                raise TimeoutError("the stream to the server broke") from None
            raise

    def carry(self, member: Member, signed: pb.Signed) -> None:
        """Send what is not kept: heartbeats, requests, answers; dropped while there is no channel."""
        if member.channel:
            self._out.put(pb.FromCollector(channel=member.channel, carried=signed))

    async def room(self) -> None:
        """Wait while the server takes less than is said: who speaks is not read meanwhile."""
        while self._out.is_full:  # noqa: ASYNC110 - room comes with every message that is written
            await asyncio.sleep(ROOM_S)

    def own(self, signed: pb.Signed) -> None:
        """Say something of the collector itself."""
        self._out.put(pb.FromCollector(carried=signed))

    def away(self, member: Member) -> None:
        """Say that this agent has left."""
        if member.channel:
            self._out.put(pb.FromCollector(channel=member.channel, away=pb.Away()))

    def dropped(self, member: Member, note: Note) -> None:
        """Say that these frames will not come."""
        if member.channel:
            told = pb.Dropped(
                seq=note.seq, reports=note.reports, from_us=note.from_us, to_us=note.to_us,
                reason=note.reason,
            )  # fmt: skip
            self._out.put(pb.FromCollector(channel=member.channel, dropped=told))

    async def enrol(self, request: pb.EnrolRequest) -> pb.Enrolled:
        """Pass an enrolment on and return the answer; raises TimeoutError."""
        self._channels += 1
        asked = self._channels
        answer: asyncio.Future[pb.Enrolled] = asyncio.get_running_loop().create_future()
        self._enrolling[asked] = answer
        self._out.put(pb.FromCollector(enrol=pb.EnrolThrough(id=asked, request=request)))
        try:
            return await asyncio.wait_for(asyncio.shield(answer), OPEN_WITHIN_S)
        except asyncio.CancelledError:
            if answer.cancelled():
                raise TimeoutError("the stream to the server broke") from None
            raise
        finally:
            self._enrolling.pop(asked, None)

    def pump(self) -> None:
        """Send what waits, as far as the credits go."""
        if self._has_unsent:
            self._has_unsent = False
            for unsent in [each for each in self._queue.under_way if not each.sent]:
                self._send(unsent)
        while self._credits > 0 and len(self._queue.under_way) < UNDER_WAY_LIMIT:
            queued = self._queue.read()
            if queued is None:
                return
            self._send(queued)

    def _send(self, queued: Queued) -> None:
        member = self._members.get(queued.key)
        if queued.sent or queued.settled:
            return
        if member is None:
            self._queue.settle(queued)  # the server will not have it any more
        elif member.channel and self._credits > 0:
            self._explain(queued.signed)
            queued.sent = True
            self._credits -= 1
            self._out.put(pb.FromCollector(channel=member.channel, carried=queued.signed))
        else:
            self._has_unsent = True
            if not member.channel:
                self._reopen(member)

    def _explain(self, signed: pb.Signed) -> None:
        if not signed.terms:
            return
        for term in pb.Terms.FromString(signed.terms).layouts:
            for named in term.digests:
                if named not in self._explained and (layout := self._meanings.of(named)):
                    self._explained.add(named)
                    self._out.put(pb.FromCollector(meanings=pb.Meanings(layouts=[layout])))

    def _reopen(self, member: Member) -> None:
        if member.blocked or member.key in [each.key for each in self._opening.values()]:
            return
        kept = member.kept
        hello = pb.Signed.FromString(kept.hello)
        answer = self._open(
            kept.public_key, hello, kept.revision, is_present=member.is_present, again=True
        )
        # Nobody waits for it: what the answer means is done when it is heard.
        answer.add_done_callback(lambda done: done.cancelled() or done.exception())

    def _open(
        self,
        public_key: bytes,
        hello: pb.Signed,
        revision: int,
        *,
        is_present: bool,
        again: bool = False,
    ) -> "asyncio.Future[pb.Welcome]":
        self._channels += 1
        opening = _Opening(public_key, hello, is_present=is_present, again=again)
        self._opening[self._channels] = opening
        opened = pb.Open(public_key=public_key, hello=hello, config_revision=revision)
        self._out.put(pb.FromCollector(channel=self._channels, open=opened))
        return opening.answer

    def _hear(self, message: pb.ToCollector) -> None:
        self._credits += message.credits
        if message.WhichOneof("kind") == "enrolled":
            asked = self._enrolling.pop(message.enrolled.id, None)
            if asked is not None and not asked.done():
                asked.set_result(message.enrolled)
        elif message.WhichOneof("kind") == "message":
            if message.channel == 0:
                refuse_if_refused(message.message)
                self.on_own(message.message)
            elif message.channel in self._opening:
                self._answered(message.channel, message.message)
            elif (member := self._by_channel.get(message.channel)) is not None:
                self._bring(member, message.channel, message.message)

    def _answered(self, channel: int, message: pb.ToAgent) -> None:
        """Hear the first answer on a channel: the agent is let in, or not."""
        opening = self._opening.pop(channel)
        answer, member = opening.answer, self._members.get(opening.key)
        if message.WhichOneof("kind") != "welcome":
            said = message.refusal
            if not answer.done():
                answer.set_exception(Refused(said.reason, said.message, final=said.final))
            if member is not None and not member.channel:
                self._not_let_in(member, said)
            return
        welcome = message.welcome
        self._queue.knows(opening.key, welcome.durable_seq)
        member = self._members.keep(opening.public_key, opening.hello, welcome.agent_name)
        self._let_in(member, channel, welcome, again=opening.again)
        if not opening.is_present:
            self.away(member)
        if not answer.done():
            answer.set_result(welcome)

    def _let_in(self, member: Member, channel: int, welcome: pb.Welcome, *, again: bool) -> None:
        """Speak for this member on that channel from now on.

        again: its own stream to us outlived ours to the server. It is welcomed once more, so that it
        says again what it was not told to be stored: the telling may have been lost with our stream.
        """
        self._by_channel.pop(member.channel, None)
        member.channel, member.blocked = channel, False
        self._by_channel[channel] = member
        is_news = member.on_probation or again
        if not welcome.provisional and is_news and member.down is not None:
            member.on_probation = False
            member.down.send(pb.ToAgent(welcome=welcome))
        for note in self._queue.notes(member.key):
            self.dropped(member, note)
        self._settle(member, welcome.durable_seq)
        for queued in self._of(member):
            queued.sent = False
        self._has_unsent = True

    def _bring(self, member: Member, channel: int, message: pb.ToAgent) -> None:
        kind = message.WhichOneof("kind")
        if kind == "ack":
            self._settle(member, message.ack.durable_seq)
        elif kind == "refusal":
            self._refused(member, channel, message.refusal)
        elif kind == "configuration":
            self._members.keep_configuration(member, message)
            self._pass_on(member, message)
        elif kind == "welcome":
            member.on_probation = False
            self._pass_on(member, message)
        else:
            self._pass_on(member, message)

    def _pass_on(self, member: Member, message: pb.ToAgent) -> None:
        if member.down is not None:
            member.down.send(message)

    def _settle(self, member: Member, durable_seq: int) -> None:
        for queued in self._of(member):
            if queued.seq <= durable_seq:
                member.tries.clear()
                self._queue.settle(queued)

    def _of(self, member: Member) -> list[Queued]:
        """Return what of this member is under way."""
        return [q for q in self._queue.under_way if q.key == member.key and not q.settled]

    def _refused(self, member: Member, channel: int, said: pb.Refusal) -> None:
        if channel != member.channel:
            return
        del self._by_channel[channel]
        member.channel = 0
        for queued in self._of(member):
            queued.sent = False
        if said.reason in FRAME_REFUSALS:
            self._count_try(member, said)
        self._not_let_in(member, said)

    def _not_let_in(self, member: Member, said: pb.Refusal) -> None:
        log.warning(
            "an agent was refused", agent=member.kept.name, reason=said.reason, why=said.message
        )
        if said.final:
            self._members.forget(member)
            self._queue.forget(member.key)
            for queued in self._of(member):
                self._queue.settle(queued)
            if member.down is not None:
                member.down.refuse(said.reason, said.message, final=True)
            return
        member.blocked = True
        asyncio.get_running_loop().call_later(AGAIN_S, self._try_again, member)

    def _try_again(self, member: Member) -> None:
        member.blocked = False
        if not member.channel and (member.is_present or self._of(member)):
            self._reopen(member)

    def _count_try(self, member: Member, said: pb.Refusal) -> None:
        first = next(iter(self._of(member)), None)
        if first is None:
            return
        member.tries[first.number] = member.tries.get(first.number, 0) + 1
        if member.tries[first.number] >= TRIES:
            log.error(
                "a frame is given up", agent=member.kept.name, seq=first.seq, why=said.message
            )
            self._queue.give_up(first, f"refused_{said.reason}")
