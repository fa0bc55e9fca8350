"""The agent's end of the stream: attach, send what is spooled, forget what is acked, come back.

Everything sent is read from the spool, never held: a server that is away for days costs disk, not
memory. What comes down is handed to the callbacks as plain nouns; protobuf ends here.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import grpc
import grpc.aio
import structlog

from vedette.link import vedette_pb2 as pb
from vedette.link.acts import Acts
from vedette.link.attachment import Attachment
from vedette.link.claims import Claims, facts_message
from vedette.link.dictionary import Dictionary
from vedette.link.encode import microseconds
from vedette.link.identity import Credentials, Identity
from vedette.link.orders import Orders
from vedette.link.spool import Spool

if TYPE_CHECKING:
    from vedette.link.relay_voice import Voice

log = structlog.get_logger(__name__)

PROTOCOL = 1
SERVER_NAME = "vedette.server"
"""Stands in every server's certificate, so that any address leads to it."""

WELCOME_WITHIN_S = 30.0
FIRST_BACKOFF_S, LAST_BACKOFF_S = 1.0, 60.0
LONGEST_SPREAD_S = 300.0
"""A server says how long to spread; one that is gone cannot take back that it said months."""
LARGEST_SEQ = 1 << 62
"""Beyond it, what follows would soon not fit its field; nobody ever made so many reports."""
PROVEN_S = 10.0
"""A stream that lasted so long was no failure: the next attempt waits the shortest time again."""

OFFSET_WORTH_SAYING_S = 5.0
STUBBORN = 5
"""A frame refused so often is given up for a gap: one must not block all others."""
_FRAME_REFUSALS = {"bad_frame", "wrong_target", "not_storable"}

_JITTER = random.SystemRandom()

_OPTIONS = (
    ("grpc.ssl_target_name_override", SERVER_NAME),
    # Each attempt must be a new one, not the wait of an older channel to the same address.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    # A gRPC server hangs up on who pings more than once in five minutes without being sent data. The
    # second line is TCP's user timeout too: a heartbeat nobody acknowledges ends the stream in 20 s.
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)


_Call = grpc.aio.StreamStreamCall[bytes, pb.ToAgent]


class Refused(Exception):  # noqa: N818 - a decision of the server, not a fault
    """The server ended the stream and said why; `final`: someone must act first."""

    def __init__(self, reason: str, message: str, *, final: bool) -> None:
        super().__init__(f"{message} ({reason})")
        self.reason = reason
        self.message = message
        self.final = final


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A target this agent is to look at; settings are JSON and hold secrets as references only."""

    target_id: int
    name: str
    connector: str
    every: timedelta
    timeout: timedelta
    settings_json: str
    requests_json: str = ""
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    thresholds_json: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """All targets of this agent, as of a revision."""

    revision: int
    assignments: tuple[Assignment, ...]


@dataclass(slots=True, kw_only=True)
class Standing:
    """How the link is, for metrics and the log.

    connected: a server has welcomed us and the stream is open.
    clock_offset_s: this host's clock less the server's; None before the first Welcome.
    """

    connected: bool = False
    agent_name: str = ""
    clock_offset_s: float | None = None
    attempts: int = 0
    last_error: str = ""


@dataclass(slots=True, kw_only=True)
class Client:
    """One agent's link to its server; `run` until cancelled.

    configuration: called with each configuration; a revision already applied is not sent again.
    """

    identity: Identity
    spool: Spool
    dictionary: Dictionary
    claims: Claims
    clock: Callable[[], datetime]
    configure: Callable[[Configured], None]
    orders: Orders = field(default_factory=Orders)
    acts: Acts = field(default_factory=Acts)
    run_id: str = field(default_factory=lambda: str(uuid4()))
    revision: int = 0
    standing: Standing = field(default_factory=Standing)
    _spread_s: float = 0.0
    _failures: int = 0
    _stubborn: tuple[int, int] = (0, 0)
    _voice: "Voice | None" = None
    _voice_of_run: "Voice | None" = None
    _attachment: Attachment | None = None

    async def run(self) -> None:
        """Stay attached; raises `Refused` when the server's word is final."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            self.standing.attempts += 1
            try:
                await self._attach()
                self.standing.last_error = "the server closed the stream"
            except Refused as refused:
                self._note_refusal(refused)
                if refused.final:
                    raise
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError) as fault:
                self.standing.last_error = _words(fault)
            lasted = self.standing.connected and loop.time() - began > PROVEN_S
            self.standing.connected = False
            self._failures = 0 if lasted else self._failures + 1
            wait_s = self._wait_s(lasted=lasted)
            log.warning(
                "not attached to the server",
                why=self.standing.last_error,
                again_in_s=round(wait_s, 1),
                spooled_reports=self.spool.reports,
            )
            await asyncio.sleep(wait_s)

    async def _attach(self) -> None:
        credentials = self.identity.credentials()
        async with secure_channel(credentials) as channel:
            attach: Callable[[], _Call] = channel.stream_stream(
                "/vedette.v1.Link/Attach",
                request_serializer=None,  # frames are bytes already
                response_deserializer=pb.ToAgent.FromString,
            )
            call = attach()
            try:
                async with asyncio.timeout(WELCOME_WITHIN_S):
                    welcome = await self._say_hello(call)
                await self._stay(call, welcome)
            finally:
                call.cancel()

    async def _say_hello(self, call: _Call) -> pb.Welcome:
        self._voice = None
        asked_at = self.clock()
        hello = pb.Hello(
            protocol=PROTOCOL,
            run_id=self.run_id,
            welcomed_run_id=self.identity.welcomed_run_id(),
            last_seq=self.spool.highest_seq,
            clock_us=microseconds(asked_at),
            config_revision=self.revision,
            facts=facts_message(self.claims),
        )
        said = pb.FromAgent(hello=hello).SerializeToString()
        await call.write(said)
        answer = await self._answer(call)
        if answer.welcome.sign:
            # A collector: the server believes only what bears our signature.
            from vedette.link.relay_voice import Voice

            key_pem = self.identity.credentials().key_pem
            self._voice = self._voice_of_run = self._voice_of_run or Voice(key_pem, self.run_id)
            self._voice.begin()
            await call.write(self._voice.message(said))
            answer = await self._answer(call)
        answered_at = self.clock()
        middle = asked_at + (answered_at - asked_at) / 2
        welcome = answer.welcome
        offset_s = (microseconds(middle) - welcome.clock_us) / 1e6
        self.standing.clock_offset_s = offset_s
        if abs(offset_s) > OFFSET_WORTH_SAYING_S:
            log.warning("this host's clock differs from the server's", ahead_s=round(offset_s, 1))
        return welcome

    async def _answer(self, call: _Call) -> pb.ToAgent:
        answer = await call.read()
        if not isinstance(answer, pb.ToAgent):
            raise TimeoutError("the server closed the stream before it said anything")
        refuse_if_refused(answer)
        return answer

    async def _stay(self, call: _Call, welcome: pb.Welcome) -> None:
        if welcome.durable_seq > LARGEST_SEQ:
            raise TimeoutError(f"the server says it holds report {welcome.durable_seq}")
        if not welcome.provisional:
            # The identity must outlive us before the server hears that it does.
            await asyncio.to_thread(self.identity.keep_welcomed, self.run_id)
        self.spool.resume(welcome.durable_seq)
        self._spread_s = min(welcome.reconnect_spread_ms / 1000, LONGEST_SPREAD_S)
        self.standing.connected = True
        self.standing.agent_name = welcome.agent_name
        log.info("attached to the server", agent=welcome.agent_name, resume=welcome.durable_seq)
        attachment = Attachment(
            call=call,
            spool=self.spool,
            dictionary=self.dictionary,
            identity=self.identity,
            clock=self.clock,
            credits=welcome.credits,
            heartbeat_s=max(welcome.heartbeat_ms, 100) / 1000,
            revision=self.revision,
            orders=self.orders,
            acts=self.acts,
            give_up=self._given_up(),
            confirmed=not welcome.provisional,
            voice=self._voice,
            bundle_version=lambda: self.claims.bundle_version,
        )
        self.spool.listener = attachment.wake
        self.orders.begin(attachment.wake)
        self.acts.begin(attachment.wake)
        self._attachment = attachment
        try:
            await attachment.run(self._take)
        finally:
            self._attachment = None
            self.spool.listener = lambda: None
            self.orders.end()
            self.acts.end()

    def _take(self, message: pb.ToAgent) -> None:
        """Act on what is not the stream's own business."""
        refuse_if_refused(message)
        if message.WhichOneof("kind") == "configuration":
            configured = _configured(message.configuration)
            self.configure(configured)
            self.revision = configured.revision
        elif message.WhichOneof("kind") == "welcome" and self._attachment is not None:
            self.identity.keep_welcomed(self.run_id)
            self._attachment.confirm()

    def _note_refusal(self, refused: Refused) -> None:
        self.standing.last_error = str(refused)
        log.error("the server refused us", reason=refused.reason, message=refused.message)
        if refused.reason in _FRAME_REFUSALS:
            seq, times = self._stubborn
            acked = self.spool.acked_seq
            self._stubborn = (acked, times + 1 if seq == acked else 1)

    def _given_up(self) -> bool:
        """Say whether the first frame of the next stream was refused too often to be sent again."""
        seq, times = self._stubborn
        return times >= STUBBORN and seq == self.spool.acked_seq

    def _wait_s(self, *, lasted: bool) -> float:
        """Return how long to wait: full jitter, so that a thousand agents do not come as one."""
        if lasted:
            return _JITTER.uniform(0, max(self._spread_s, FIRST_BACKOFF_S))
        most = min(FIRST_BACKOFF_S * 2.0 ** min(self._failures - 1, 10), LAST_BACKOFF_S)
        return _JITTER.uniform(0, max(most, self._spread_s if self._failures == 1 else 0))


def secure_channel(credentials: Credentials) -> grpc.aio.Channel:
    """Return a channel over mutual TLS to whoever our authority vouches for at that address."""
    return grpc.aio.secure_channel(
        credentials.address,
        grpc.ssl_channel_credentials(
            root_certificates=credentials.authority_pem,
            private_key=credentials.key_pem,
            certificate_chain=credentials.certificate_pem,
        ),
        options=_OPTIONS,
    )


def refuse_if_refused(message: pb.ToAgent) -> None:
    """Raise `Refused` when that is what the server said."""
    if message.WhichOneof("kind") == "refusal":
        said = message.refusal
        raise Refused(said.reason, said.message, final=said.final)


def _configured(said: pb.Configuration) -> Configured:
    return Configured(
        revision=said.revision,
        assignments=tuple(
            Assignment(
                target_id=target.id,
                name=target.name,
                connector=target.connector,
                every=timedelta(milliseconds=target.every_ms),
                timeout=timedelta(milliseconds=target.timeout_ms),
                settings_json=target.settings_json,
                requests_json=target.requests_json,
                keep=tuple(target.keep),
                drop=tuple(target.drop),
                thresholds_json=target.thresholds_json,
            )
            for target in said.targets
        ),
    )


def _words(fault: Exception) -> str:
    if isinstance(fault, grpc.aio.AioRpcError):
        return fault.details() or fault.code().name.lower()
    return str(fault) or "the server did not answer in time"
