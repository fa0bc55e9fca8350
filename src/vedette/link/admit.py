"""Who comes through the agents' door: the certificate, the Hello, the lineage; then a stream or a refusal."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.fleet.attach import DuplicateIdentity, NotBound, RevokedAgent, UnknownAgent, attach
from vedette.fleet.model import HelloFacts
from vedette.health import expect
from vedette.link import vedette_pb2 as pb
from vedette.link.decode import BadFrame
from vedette.link.hello import read_hello
from vedette.link.relay_channel import Channel
from vedette.link.stream import Context, Stream
from vedette.trust.authority import Authority
from vedette.trust.keys import public_key_of

PROTOCOL = 1
HELLO_WITHIN_S = 10
CLOCK_TOLERANCE_S = 2.0
"""A clock off by less is left alone; network delay looks like a clock that is behind."""
KEYS_KEPT = 20_000


class Refused(Exception):  # noqa: N818 - the end of a stream, told to the agent
    """This stream may not go on."""

    def __init__(self, reason: str, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.refusal = pb.Refusal(reason=reason, message=message, final=final)


class DatabaseAway(Refused):
    """The server cannot ask its database; the agent's spool keeps what it has."""

    def __init__(self) -> None:
        super().__init__("database_away", "the server's database does not answer; try again")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """What the agents' door needs to know of its server."""

    server: str
    authority: Authority
    clock: Callable[[], datetime]


async def admit(
    context: Context | Channel,
    pool: AsyncConnectionPool,
    options: LinkOptions,
    turn: asyncio.Semaphore,
) -> Stream:
    """Return the stream of an agent that may come in, its epoch taken; raise `Refused` otherwise.

    turn: taken once the Hello is there. A whole fleet that comes back at once waits here, where its
    handshakes are paid for already; a time-out of the pool would make it pay for them again.
    """
    public_key = context.public_key if isinstance(context, Channel) else _peer_key(context)
    hello = await _hello(context)
    try:
        facts = read_hello(hello)
    except BadFrame as bad:
        raise Refused(bad.reason, bad.message, final=True) from None
    try:
        async with turn:
            return await _admit(context, pool, options, public_key, facts)
    except (psycopg.OperationalError, PoolTimeout):
        raise DatabaseAway from None


async def _hello(context: Context | Channel) -> pb.Hello:
    try:
        # Not `wait_for`: before Python 3.12 it can lose a cancellation.
        async with asyncio.timeout(HELLO_WITHIN_S):
            first = await context.read()
    except TimeoutError:
        raise Refused("no_hello", "no Hello came within ten seconds") from None
    if not isinstance(first, pb.FromAgent) or first.WhichOneof("kind") != "hello":
        raise Refused("bad_frame", "the first message of a stream must be Hello")
    if first.hello.protocol != PROTOCOL:
        raise Refused(
            "protocol_version",
            f"the agent speaks protocol {first.hello.protocol}, this server {PROTOCOL}; "
            "upgrade the older one",
            final=True,
        )
    return first.hello


async def _admit(
    context: Context | Channel,
    pool: AsyncConnectionPool,
    options: LinkOptions,
    public_key: bytes,
    facts: HelloFacts,
) -> Stream:
    now = options.clock()
    address = context.peer()
    fingerprint = hashlib.sha256(public_key).digest()
    async with pool.connection() as conn:
        try:
            attached = await attach(
                conn,
                fingerprint,
                facts,
                server=options.server,
                address=address,
                now=now,
                kind=context.kind if isinstance(context, Channel) else "agent",
                via=context.via if isinstance(context, Channel) else None,
                public_key=public_key,
            )
        except (DuplicateIdentity, NotBound, RevokedAgent, UnknownAgent) as never:
            raise Refused(never.reason, str(never), final=True) from None
        if await expect.is_due(conn, attached.agent_id):
            await expect.run_once(conn, now=now)
        sight = await expect.sight_of(conn, attached.agent_id)
    if isinstance(context, Channel):
        context.agent_id = attached.agent_id
    return Stream(
        context=context,
        attached=attached,
        public_key=public_key,
        key_fingerprint=fingerprint,
        bundle_version=facts.facts.bundle_version,
        sight=sight,
        address=address,
        seq=attached.durable_seq,
        holds_revision=facts.config_revision,
        # A collector may have kept the Hello for hours; and times are changed on nobody's word.
        offset_us=0 if isinstance(context, Channel) else correction_us(facts.clock, now),
    )


def correction_us(agent_clock: datetime, now: datetime) -> int:
    """Return what to add to an agent's times, in µs: nothing while its clock is about right."""
    ahead_s = (agent_clock - now).total_seconds()
    return 0 if abs(ahead_s) <= CLOCK_TOLERANCE_S else -int(ahead_s * 1e6)


def _peer_key(context: Context) -> bytes:
    pem = next(iter(context.auth_context().get("x509_pem_cert", ())), b"")
    if not pem:
        raise Refused("no_certificate", "this door is for agents with a certificate", final=True)
    return _public_key(pem)


@lru_cache(maxsize=KEYS_KEPT)
def _public_key(pem: bytes) -> bytes:
    return public_key_of(pem)
