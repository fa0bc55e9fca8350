"""The client's side of the doors: follow states live, whatever happens to the connection."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import grpc
import grpc.aio

from vedette.errors import Unavailable, VedetteError
from vedette.link import vedette_pb2 as pb
from vedette.link.channel import CLIENT_OPTIONS
from vedette.link.errors import error_of
from vedette.link.vedette_pb2_grpc import ReportsStub

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
FIRST_ANSWER_S = 15.0
"""A server that is there says something within this time."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """Where a server's clients' door is, and what opens it.

    authority_pem: the only authority to believe. token: with scope `read`. certificate_pem and
    key_pem: of a client, instead of a token, for the address that asks for certificates.
    """

    address: str
    authority_pem: bytes
    token: str | None = field(default=None, repr=False)
    certificate_pem: bytes | None = None
    key_pem: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Of what to be told: each names alternatives, all of them are conditions; empty is any."""

    targets: Sequence[str] = ()
    components: Sequence[str] = ()
    clusters: Sequence[str] = ()
    states: Sequence[str] = ()


EVERYTHING = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One target or component and how it is. was: "" in a snapshot, or when there was nothing."""

    subject: str
    name: str
    was: str
    now: str
    at: datetime
    reason: str
    error_class: str
    component: str
    cluster: str


@dataclass(frozen=True, slots=True)
class News:
    """What the server told at one moment. snapshot: all there is, said once; else what changed."""

    changes: Sequence[Told]
    snapshot: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection is gone; the next try follows in so many seconds."""

    error: VedetteError
    again_in_s: float


@dataclass(frozen=True, slots=True)
class Resumed:
    """The connection is back, and nothing was missed: what changed meanwhile follows."""


@dataclass(slots=True)
class _Memory:
    """What was told so far.

    A change repeated after a reconnect is not told again; of a further snapshot, which comes to
    those who were away or slow for long, only what differs is told, as changes.
    """

    cursor: int = 0
    began: bool = False
    held: dict[tuple[str, str], Told] = field(default_factory=dict)

    def take(self, told: Sequence[Told], *, snapshot: bool) -> News:
        before = dict(self.held) if snapshot else self.held
        if snapshot:
            self.held.clear()
        fresh = []
        for it in told:
            key = (it.subject, it.name)
            held = before.get(key)
            if held is None or (held.now, held.at) != (it.now, it.at):
                fresh.append(replace(it, was=held.now) if snapshot and held else it)
            self.held[key] = it
        is_first, self.began = not self.began, True
        return News(fresh, snapshot=snapshot and is_first)


async def watch(
    door: Door, wanted: Wanted = EVERYTHING
) -> AsyncGenerator[News | Lost | Resumed, None]:
    """Yield a snapshot, then what changes, for ever; reconnect where the stream ended.

    Raises what will not pass by itself: a wrong token, an unknown target, nobody at the address at
    the very first try.
    """
    memory = _Memory()
    async with aclosing(for_ever(lambda: _stream(door, wanted, memory))) as stream:
        async for news in stream:
            if not isinstance(news, News) or news.snapshot or news.changes:
                yield news


Piece = TypeVar("Piece")


async def for_ever(
    connect: Callable[[], AsyncIterator[Piece]],
) -> AsyncGenerator[Piece | Lost | Resumed, None]:
    """Yield what each stream yields, and open the next one where one ended; raises as `watch` does."""
    pause_s, was_lost, has_answered = FIRST_PAUSE_S, False, False
    while True:
        try:
            async for piece in connect():
                if was_lost:
                    yield Resumed()
                pause_s, was_lost, has_answered = FIRST_PAUSE_S, False, True
                yield piece
            lost = Unavailable("the server ended the stream")
        except Unavailable as error:
            if not has_answered:
                raise
            lost = error
        was_lost = True
        # Half of it by chance: a thousand watchers do not come back in one instant.
        wait_s = pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - spread, not secrecy
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
        yield Lost(lost, wait_s)
        await asyncio.sleep(wait_s)


async def _stream(door: Door, wanted: Wanted, memory: _Memory) -> AsyncIterator[News]:
    pages: list[Told] = []
    async with aclosing(
        frames(door, "Subscribe", request_for(wanted, cursor=memory.cursor))
    ) as stream:
        async for frame in stream:
            pages += [_told(change) for change in frame.changes]
            if not frame.more:
                memory.cursor = frame.cursor
                yield memory.take(pages, snapshot=frame.snapshot)
                pages = []


def request_for(wanted: Wanted, *, cursor: int) -> pb.SubscribeRequest:
    """Return what asks for that, from the cursor on; 0: from a snapshot on."""
    choice = pb.Filter(
        targets=wanted.targets,
        components=wanted.components,
        clusters=wanted.clusters,
        states=wanted.states,
    )
    return pb.SubscribeRequest(filter=choice, cursor=cursor)


async def frames(
    door: Door, method: str, request: pb.SubscribeRequest
) -> AsyncGenerator[Any, None]:
    """Yield the frames of one call of that method of Reports; raises what its end meant."""
    credentials = grpc.ssl_channel_credentials(
        door.authority_pem, door.key_pem, door.certificate_pem
    )
    async with grpc.aio.secure_channel(
        door.address, credentials, options=CLIENT_OPTIONS
    ) as channel:
        metadata = [("authorization", f"Bearer {door.token}")] if door.token else []
        call = getattr(ReportsStub(channel), method)(request, metadata=metadata)
        try:
            async with asyncio.timeout(FIRST_ANSWER_S):
                frame = await call.read()
            while frame is not grpc.aio.EOF:
                yield frame
                frame = await call.read()
        except TimeoutError:
            raise Unavailable(f"the server at {door.address} says nothing") from None
        except grpc.aio.AioRpcError as answer:
            raise _explained(answer, door) from None
        finally:
            call.cancel()


def _told(change: pb.StateChange) -> Told:
    return Told(
        subject=change.subject,
        name=change.name,
        was=change.was,
        now=change.now,
        at=EPOCH + timedelta(microseconds=change.at_us),
        reason=change.reason,
        error_class=change.error_class,
        component=change.component,
        cluster=change.cluster,
    )


def _explained(answer: grpc.aio.AioRpcError, door: Door) -> VedetteError:
    said = answer.details() or ""
    if answer.code() is not grpc.StatusCode.UNAVAILABLE or "failed to connect" not in said:
        return error_of(answer)
    # gRPC's sentence names sockets and error numbers of every address it tried.
    if "handshake" in said.lower() or "certificate" in said.lower():
        return Unavailable(
            f"{door.address} does not show a certificate of the authority we know",
            hint="is it the clients' address (--grpc-clients; --grpc with a certificate), and the "
            "fingerprint that server's?",
        )
    return Unavailable(f"no server answers at {door.address}", hint="is it running?")
