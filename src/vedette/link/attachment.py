"""One open stream of an agent: what goes up within the credits, what comes down."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import grpc.aio
import structlog

from vedette.link import vedette_pb2 as pb
from vedette.link.acts import Acts
from vedette.link.dictionary import Dictionary
from vedette.link.encode import BATCH, batch_frame, microseconds, refs_in
from vedette.link.identity import Identity, take_renewed
from vedette.link.orders import Orders
from vedette.link.spool import Record, Spool

if TYPE_CHECKING:
    from vedette.link.relay_voice import Voice

log = structlog.get_logger(__name__)

RENEW_RETRY_S = 600.0
"""How long an unanswered request for a new certificate keeps us from asking again."""


@dataclass(slots=True, kw_only=True)
class Attachment:
    """A welcomed stream.

    confirmed: this run is welcomed, and kept as such.
    credits: batches and gaps that may still be sent before the next ack.
    bundle_version: of the trust bundle the agent decides by now.
    voice: says things as a collector wants them, signed; None: as they are.
    give_up: send a gap in place of the first batch, which the server refuses again and again.
    """

    call: "grpc.aio.StreamStreamCall[bytes, pb.ToAgent]"
    spool: Spool
    dictionary: Dictionary
    identity: Identity
    clock: Callable[[], datetime]
    credits: int
    heartbeat_s: float
    revision: int
    orders: Orders = field(default_factory=Orders)
    acts: Acts = field(default_factory=Acts)
    confirmed: bool = True
    give_up: bool = False
    voice: "Voice | None" = None
    bundle_version: Callable[[], int] = int
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _layouts: set[int] = field(default_factory=set)
    _errors: set[int] = field(default_factory=set)
    _generation: int = 0
    _renew_not_before: float = 0.0
    _newly_confirmed: bool = False

    def confirm(self) -> None:
        """Hear that a run that was welcomed on probation is welcomed now."""
        self._newly_confirmed = not self.confirmed
        self.confirmed = True
        self.acts.say_all()
        self.wake()

    def wake(self) -> None:
        """Look again for something to send."""
        self._woken.set()

    async def run(self, take: Callable[[pb.ToAgent], None]) -> None:
        """Send and receive until the stream ends; `take` gets what is not ours, and may raise."""
        receiving = asyncio.create_task(self._receive(take), name="receive")
        sending = asyncio.create_task(self._send(), name="send")
        both = {receiving, sending}
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not receiving.done():
                # A write fails when the server has left; what it said last may still be on its way.
                await asyncio.wait({receiving}, timeout=1.0)
        finally:
            for task in both:
                task.cancel()
            ended = await asyncio.gather(receiving, sending, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception):
                raise outcome

    async def _receive(self, take: Callable[[pb.ToAgent], None]) -> None:
        while True:
            message = await self.call.read()
            if not isinstance(message, pb.ToAgent):
                return
            kind = message.WhichOneof("kind")
            if kind == "ack":
                self._acked(message.ack)
            elif kind == "renewed":
                take_renewed(self.identity, message.renewed)
            elif kind in ("command", "cancel"):
                self.orders.take(message)
            elif kind in ("act", "told", "trust"):
                await self.acts.take(message)
            else:
                take(message)
                if kind == "configuration":
                    self.revision = message.configuration.revision

    def _acked(self, ack: pb.Ack) -> None:
        self.spool.ack(ack.durable_seq)
        self.credits += ack.credits
        self.wake()

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        await self._beat(welcomed=self.confirmed)
        beat_at = loop.time() + self.heartbeat_s
        while True:
            self._woken.clear()
            # Somebody waits for these: they go before what is spooled, and need no credit.
            while (said := self.orders.next()) is not None:
                await self.say(said)
            # One piece at a time, so that an answer of many megabytes lets heartbeats through.
            if (piece := await self.acts.next()) is not None:
                await self.say(piece)
            while self._may_report() and (record := self.spool.read()) is not None:
                self.credits -= 1
                await self._send_record(record)
                if loop.time() >= beat_at:
                    break
            if loop.time() >= beat_at or self._newly_confirmed:
                await self._beat(welcomed=self._newly_confirmed)
                self._newly_confirmed = False
                beat_at = loop.time() + self.heartbeat_s
                continue
            if self._has_to_say():
                continue
            try:
                async with asyncio.timeout_at(beat_at):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def _has_to_say(self) -> bool:
        return self.orders.waiting or self.acts.waiting

    def _may_report(self) -> bool:
        return self.credits > 0 and not self._has_to_say()

    async def _send_record(self, record: Record) -> None:
        if record.kind != BATCH:
            await self._send_gap(record, record.reason)
            return
        layouts, errors = refs_in(record.payload)
        if self.give_up or not self.dictionary.knows(layouts, errors):
            await self._send_gap(record, "refused" if self.give_up else "corrupt")
            self.give_up = False
            return
        if self.dictionary.generation != self._generation:
            self._generation = self.dictionary.generation
            self._layouts.clear()
            self._errors.clear()
        frame = batch_frame(record.seq, record.prev, record.payload)
        if self.voice is not None:
            for message in self.voice.batch(frame, record.seq, layouts, errors, self.dictionary):
                await self.call.write(message)
            return
        layouts -= self._layouts
        errors -= self._errors
        if layouts or errors:
            for define in self.dictionary.define(layouts, errors):
                await self.call.write(pb.FromAgent(define=define).SerializeToString())
            self._layouts |= layouts
            self._errors |= errors
        await self.call.write(frame)

    async def _send_gap(self, record: Record, reason: str) -> None:
        gap = pb.Gap(
            seq=record.seq,
            prev=record.prev,
            reports=record.reports,
            from_us=record.from_us,
            to_us=record.to_us,
            reason=reason,
        )
        log.error("reports are lost", reports=record.reports, reason=reason)
        await self.say(pb.FromAgent(gap=gap), seq=gap.seq)

    async def say(self, message: pb.FromAgent, *, seq: int = 0) -> None:
        """Write a message, signed where a collector wants it so; `seq` is a gap's own number."""
        frame = message.SerializeToString()
        await self.call.write(frame if self.voice is None else self.voice.message(frame, seq=seq))

    async def _beat(self, *, welcomed: bool = False) -> None:
        now = self.clock()
        beat = pb.Heartbeat(
            clock_us=microseconds(now),
            spooled_bytes=self.spool.size_bytes,
            spooled_reports=self.spool.reports,
            dropped_reports=self.spool.dropped_reports,
            config_revision=self.revision,
            welcomed=welcomed,
            bundle_version=self.bundle_version(),
        )
        await self.say(pb.FromAgent(heartbeat=beat))
        loop_s = asyncio.get_running_loop().time()
        if now >= self.identity.renew_at() and loop_s >= self._renew_not_before:
            self._renew_not_before = loop_s + RENEW_RETRY_S
            request = pb.RenewRequest(csr_pem=self.identity.request())
            await self.say(pb.FromAgent(renew=request))
