"""A collector's stream at the server: many agents on one connection, each a channel.

Channel 0 is the collector itself. Every channel is served like an agent's own stream; here they are
told apart, their answers share one outbox, and what they have on their way shares one window.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import grpc.aio
import structlog
from google.protobuf.message import DecodeError

from vedette.errors import VedetteError
from vedette.link import vedette_pb2 as pb
from vedette.link.decode import BadFrame
from vedette.link.outgoing import Outgoing
from vedette.link.relay_channel import Channel
from vedette.link.relay_signature import Forged, digest, is_in_sequence
from vedette.trust.keys import key_fingerprint

WINDOW = 128
"""Batches and gaps a collector may have on their way unacknowledged, over all its channels."""
CHANNELS_LIMIT = 20_000
LAYOUTS_LIMIT = 20_000
LAYOUT_BYTES_LIMIT = 64 * 1024 * 1024
"""What the layouts of one stream may take; an honest collector that needs more comes back afresh."""
ENROLMENTS_AT_ONCE = 8

EnrolThrough = Callable[..., Awaitable[pb.EnrolReply]]
Context = grpc.aio.ServicerContext[Any, Any]

log = structlog.get_logger(__name__)


class House(Protocol):
    """What serves a channel as it serves an agent's stream."""

    async def Attach(self, _: object, context: Any) -> None:  # noqa: N802, ANN401 - the name in the .proto; any context
        """Serve one agent until it leaves or is refused."""

    def note_away(self, agent_id: int) -> None:
        """Hear that this agent has left its collector."""


class Meanings:
    """The layouts a collector sent, by digest; before they grow too many the stream ends."""

    def __init__(self) -> None:
        self._held: dict[bytes, bytes] = {}
        self._bytes = 0

    def learn(self, layouts: pb.Meanings) -> None:
        """Keep them; raises BadFrame when they are too many."""
        for layout in layouts.layouts:
            named = digest(layout)
            if named not in self._held:
                self._held[named] = layout
                self._bytes += len(layout)
        if len(self._held) > LAYOUTS_LIMIT or self._bytes > LAYOUT_BYTES_LIMIT:
            raise BadFrame("too_many_layouts", "this stream has defined too much; begin another")

    def of(self, named: bytes) -> bytes | None:
        """Return the layout of that digest."""
        return self._held.get(named)


class Session:
    """One collector's open stream; `serve` until it ends."""

    def __init__(self, context: Context, house: House, enrol: EnrolThrough | None) -> None:
        self._context = context
        self._house = house
        self._enrol = enrol
        self._outbox = Outgoing(context.write)
        self._meanings = Meanings()
        self._channels: dict[int, Channel] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._enrolments: set[asyncio.Task[None]] = set()
        self._owed = 0
        """Frames that came, less the credits that went back for them."""
        self._ended = asyncio.Event()
        self._collector: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """Who it is, once it was let in."""

    async def serve(self) -> None:
        """Hear the collector until it leaves, is refused, or breaks the protocol."""
        listening = asyncio.create_task(self._listen())
        refused = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({listening, refused}, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
        except BadFrame as bad:
            self._refuse(0, bad.reason, bad.message)
        finally:
            rest = (listening, refused, *self._tasks.values(), *self._enrolments)
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)
            await self._outbox.emptied()

    async def _listen(self) -> None:
        while True:
            try:
                message = await self._context.read()
                if not isinstance(message, pb.FromCollector):
                    return
                self._take(message)
            except (Forged, DecodeError) as error:
                raise BadFrame("bad_frame", str(error)) from None

    def _take(self, message: pb.FromCollector) -> None:
        channel = self._channels.get(message.channel)
        if message.WhichOneof("kind") == "carried" and is_in_sequence(message.carried):
            self._owed += 1
            if self._owed > WINDOW:
                raise BadFrame("credits", f"more than {WINDOW} frames came that are not settled")
        match message.WhichOneof("kind"):
            case "open":
                self._open(message.channel, message.open)
            case "meanings":
                self._meanings.learn(message.meanings)
            case "enrol":
                self._begin_enrolment(message.enrol)
            case "carried" if channel is not None:
                channel.arrive(message.carried)
            case "dropped" if channel is not None:
                channel.arrive(message.dropped)
            case "away" if channel is not None and channel.agent_id is not None:
                self._house.note_away(channel.agent_id)
            case "carried" if is_in_sequence(message.carried):
                # Its channel ended with a refusal that the collector had not read yet.
                self._tell(message.channel, None, 1)

    def _open(self, number: int, opened: pb.Open) -> None:
        in_turn = bool(self._channels) == bool(number) and number not in self._channels
        if not in_turn or len(self._channels) >= CHANNELS_LIMIT:
            raise BadFrame(
                "bad_frame", "a collector opens channel 0 first, each once, not too many"
            )
        channel = self._new_channel(number, opened)
        channel.arrive(opened)
        self._channels[number] = channel
        self._tasks[number] = asyncio.create_task(self._serve(channel))

    def _new_channel(self, number: int, opened: pb.Open) -> Channel:
        peer = self._context.peer()
        own = self._channels.get(0)
        if own is not None:
            peer = f"{own.name} ({peer})"
        channel = Channel(number, opened.public_key, peer, self._tell, self._meanings.of)
        if own is None:
            channel.kind = "collector"
            pem = next(iter(self._context.auth_context().get("x509_pem_cert", ())), b"")
            if not pem or key_fingerprint(pem) != channel.key_fingerprint:
                raise Forged("the collector's key is not that of its certificate")
        return channel

    async def _serve(self, channel: Channel) -> None:
        """Serve a channel like an agent's stream."""
        if channel.number:
            # Whoever comes through a collector comes after it.
            channel.via = await self._collector
        try:
            await self._house.Attach(None, channel)
        except Exception:
            log.exception("a stream through a collector failed", agent=channel.name)
            self._refuse(channel.number, "fault", "a fault of the server; try again")
        owed = channel.close()
        if owed:
            self._tell(channel.number, None, owed)
        del self._channels[channel.number], self._tasks[channel.number]
        if channel.number == 0:
            self._ended.set()

    def _begin_enrolment(self, asked: pb.EnrolThrough) -> None:
        if len(self._enrolments) >= ENROLMENTS_AT_ONCE:
            self._answer(asked.id, pb.Enrolled(kind="unavailable", message="too many at once"))
            return
        task = asyncio.create_task(self._enrol_one(asked))
        self._enrolments.add(task)
        task.add_done_callback(self._enrolments.discard)

    async def _enrol_one(self, asked: pb.EnrolThrough) -> None:
        if self._enrol is None:
            self._answer(
                asked.id, pb.Enrolled(kind="unavailable", message="nobody is enrolled here")
            )
            return
        own = self._channels[0]
        try:
            reply = await self._enrol(asked.request, own.peer(), via=await self._collector)
            self._answer(asked.id, pb.Enrolled(reply=reply))
        except VedetteError as error:
            log.warning("refused an enrolment", through=own.name, said=str(error))
            self._answer(asked.id, pb.Enrolled(kind=error.kind, message=str(error)))
        except Exception:
            log.exception("an enrolment failed", through=own.name)
            self._answer(asked.id, pb.Enrolled(kind="unavailable", message="a fault of the server"))

    def _answer(self, asked: int, enrolled: pb.Enrolled) -> None:
        enrolled.id = asked
        self._outbox.put(pb.ToCollector(enrolled=enrolled))

    def _refuse(self, number: int, reason: str, message: str) -> None:
        refusal = pb.Refusal(reason=reason, message=message)
        self._tell(number, pb.ToAgent(refusal=refusal), 0)

    def _tell(self, number: int, message: pb.ToAgent | None, granted: int) -> None:
        own = self._channels.get(0)
        self._owed -= granted
        if number == 0 and own is not None and own.agent_id and not self._collector.done():
            self._collector.set_result(own.agent_id)
            granted += WINDOW
        self._outbox.put(pb.ToCollector(channel=number, credits=granted, message=message))
