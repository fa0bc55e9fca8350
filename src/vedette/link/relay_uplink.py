"""A collector's way to its server: attach, stay attached, come back."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import uuid4

import grpc
import grpc.aio
import structlog

from vedette.link import vedette_pb2 as pb
from vedette.link.claims import Claims, facts_message
from vedette.link.client import PROTOCOL, WELCOME_WITHIN_S, Refused, secure_channel
from vedette.link.encode import microseconds
from vedette.link.identity import Identity, take_renewed
from vedette.link.relay_flight import Call, Flight
from vedette.link.relay_meanings import MeaningFiles
from vedette.link.relay_members import Members
from vedette.link.relay_queue import Queue
from vedette.link.relay_voice import Voice

log = structlog.get_logger(__name__)

FIRST_BACKOFF_S, LAST_BACKOFF_S = 0.5, 20.0
"""One connection for many agents: it may come back sooner than each of them."""
RENEW_RETRY_S = 600.0

_JITTER = random.SystemRandom()


@dataclass(slots=True, kw_only=True)
class Uplink:
    """Stays attached; `flight` is the open stream, None while there is none."""

    identity: Identity
    claims: Claims
    clock: Callable[[], datetime]
    members: Members
    queue: Queue
    meanings: MeaningFiles
    flight: Flight | None = None
    run_id: str = field(default_factory=lambda: str(uuid4()))
    _voice: Voice | None = None
    _failures: int = 0
    _confirmed: bool = False
    _renew_not_before: float = 0.0

    async def run(self) -> None:
        """Stay attached; raises `Refused` when the server's word is final."""
        while True:
            why = "the server closed the stream"
            try:
                await self._fly()
            except Refused as refused:
                if refused.final:
                    raise
                why = str(refused)
            except grpc.aio.AioRpcError as fault:
                why = fault.details() or fault.code().name.lower()
            except (asyncio.InvalidStateError, TimeoutError) as fault:
                why = str(fault) or "the server did not answer in time"
            self._failures += 1
            most = min(FIRST_BACKOFF_S * 2.0 ** min(self._failures - 1, 10), LAST_BACKOFF_S)
            wait_s = _JITTER.uniform(0, most)
            log.warning("not attached to the server", why=why, again_in_s=round(wait_s, 1),
                        queued_reports=self.queue.spool.reports)  # fmt: skip
            await asyncio.sleep(wait_s)

    async def _fly(self) -> None:
        credentials = self.identity.credentials()
        if self._voice is None:
            self._voice = Voice(credentials.key_pem, self.run_id)
        async with secure_channel(credentials) as channel:
            relay: Callable[[], Call] = channel.stream_stream(
                "/vedette.v1.Link/Relay",
                request_serializer=pb.FromCollector.SerializeToString,
                response_deserializer=pb.ToCollector.FromString,
            )
            call = relay()
            flight = Flight(call, self.members, self.queue, self.meanings)
            flight.on_own = self._hear
            beating: asyncio.Task[None] | None = None
            try:
                async with asyncio.timeout(WELCOME_WITHIN_S):
                    welcome = await flight.welcome(self._opened(self._voice))
                self.queue.begin_again()
                self._failures = 0
                self.flight = flight
                self._welcomed(welcome)
                log.info("attached to the server", collector=welcome.agent_name)
                beating = asyncio.create_task(self._beat(flight, self._voice, welcome))
                await flight.run()
            finally:
                self.flight = None
                if beating is not None:
                    beating.cancel()
                call.cancel()

    def _opened(self, voice: Voice) -> pb.Open:
        hello = pb.Hello(
            protocol=PROTOCOL,
            run_id=self.run_id,
            welcomed_run_id=self.identity.welcomed_run_id(),
            clock_us=microseconds(self.clock()),
            facts=facts_message(self.claims),
        )
        said = voice.sign(pb.FromAgent(hello=hello).SerializeToString())
        return pb.Open(public_key=voice.public_key, hello=said)

    def _hear(self, message: pb.ToAgent) -> None:
        kind = message.WhichOneof("kind")
        if kind == "welcome":
            self._welcomed(message.welcome)
        elif kind == "renewed":
            take_renewed(self.identity, message.renewed)

    def _welcomed(self, welcome: pb.Welcome) -> None:
        if not welcome.provisional:
            self.identity.keep_welcomed(self.run_id)
            self._confirmed = True

    async def _beat(self, flight: Flight, voice: Voice, welcome: pb.Welcome) -> None:
        while True:
            now, spool = self.clock(), self.queue.spool
            beat = pb.Heartbeat(
                clock_us=microseconds(now),
                spooled_bytes=spool.size_bytes,
                spooled_reports=spool.reports,
                dropped_reports=spool.dropped_reports,
                welcomed=self._confirmed,
            )
            flight.own(voice.sign(pb.FromAgent(heartbeat=beat).SerializeToString()))
            loop_s = asyncio.get_running_loop().time()
            if now >= self.identity.renew_at() and loop_s >= self._renew_not_before:
                self._renew_not_before = loop_s + RENEW_RETRY_S
                renew = pb.RenewRequest(csr_pem=self.identity.request())
                flight.own(voice.sign(pb.FromAgent(renew=renew).SerializeToString()))
            await asyncio.sleep(max(welcome.heartbeat_ms, 100) / 1000)
