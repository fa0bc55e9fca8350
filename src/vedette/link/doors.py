"""The gRPC doors for clients: all of the service Reports but Ask."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any, Self

import grpc
import grpc.aio
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.db.listen import listen
from vedette.errors import Invalid, Missing, Unavailable
from vedette.health.model import State
from vedette.link import vedette_pb2 as pb
from vedette.link.answer import Context, answering
from vedette.link.audience import Filter, Subscriber
from vedette.link.brief import BriefReads
from vedette.link.errors import NotSignedIn
from vedette.link.feed import Feed
from vedette.link.frames import frame
from vedette.link.history import History
from vedette.link.parts import end
from vedette.link.report_feed import ReportFeed
from vedette.link.signin import Caller, SignIn

NAMES_LIMIT = 1_000
"""Names in each field of a filter."""

NAME_LIMIT = 253
SHOWN = 40
LATEST_BYTES = 3 * 1024 * 1024
"""An answer in one message stays below gRPC's usual limit of 4 MiB."""

ASK_AGAIN_S = 60.0
"""Tokens and certificates of open streams are looked at this often, notified or not: they expire."""

WORDS = frozenset(state.word for state in State)

AnyFeed = Feed | ReportFeed

log = structlog.get_logger(__name__)


class Doors:
    """The service Reports; `async with Doors(…) as doors: doors.open(server)` for each listener.

    While it lasts, streams whose token or certificate is revoked or expires are closed within seconds.
    parts: tasks that must not end before it is left; whoever opens it watches them.
    """

    def __init__(self, feed: Feed, pool: AsyncConnectionPool, dsn: str, sign_in: SignIn) -> None:
        self._feed = feed
        self.reports = ReportFeed(pool, feed)
        self.reads = BriefReads(pool)
        self._history = History(self.reads)
        self._dsn = dsn
        self._sign_in = sign_in
        self._streams: dict[Subscriber[Any], Caller] = {}
        self._stack = AsyncExitStack()
        self._ask_again = asyncio.Event()
        self.parts: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.reports)
        self.parts = [
            *self.reports.parts,
            asyncio.create_task(self._listen(), name="access notices"),
            asyncio.create_task(self._guard(), name="guard of the doors"),
        ]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await end(self.parts)
        await self._stack.aclose()

    def say_goodbye(self) -> None:
        """End every stream, so that its client looks for another server at once."""
        for subscriber in self._streams:
            subscriber.close(Unavailable("the server is stopping", hint="come back"))

    def open(self, server: grpc.aio.Server) -> None:
        """Serve Reports on this server; frames go out as the bytes they were serialised to once."""
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            "Subscribe": grpc.unary_stream_rpc_method_handler(
                self.subscribe, request_deserializer=pb.SubscribeRequest.FromString
            ),
            "SubscribeReports": grpc.unary_stream_rpc_method_handler(
                self.subscribe_reports, request_deserializer=pb.SubscribeRequest.FromString
            ),
            "Latest": grpc.unary_unary_rpc_method_handler(
                self.latest,
                request_deserializer=pb.Filter.FromString,
                response_serializer=pb.Frame.SerializeToString,
            ),
            "Range": grpc.unary_stream_rpc_method_handler(
                self.range,
                request_deserializer=pb.RangeRequest.FromString,
                response_serializer=pb.ReportPage.SerializeToString,
            ),
        }
        service = grpc.method_handlers_generic_handler("vedette.v1.Reports", handlers)
        server.add_generic_rpc_handlers((service,))

    async def subscribe(
        self, request: pb.SubscribeRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Send what stands, or what changed since the cursor, then every change."""
        async for page in self._stream(self._feed, request, context):
            yield page

    async def subscribe_reports(
        self, request: pb.SubscribeRequest, context: Context
    ) -> AsyncIterator[bytes]:
        """Send the latest reports, or those since the cursor, then every report."""
        async for page in self._stream(self.reports, request, context):
            yield page

    async def _stream(
        self, feed: AnyFeed, request: pb.SubscribeRequest, context: Context
    ) -> AsyncIterator[bytes]:
        async with answering(context):
            caller = await self._sign_in.reader(context)
            choice = await self._choice(request.filter)
            async with self._subscriber(feed, choice, caller, request.cursor) as subscriber:
                async for page in subscriber.frames():
                    yield page

    async def latest(self, request: pb.Filter, context: Context) -> pb.Frame:
        """Return what stands."""
        async with answering(context):
            await self._sign_in.reader(context)
            standing = self._feed.standing(await self._choice(request))
            answer = frame(standing, cursor=self._feed.cursor, snapshot=True)
            if answer.ByteSize() > LATEST_BYTES:
                raise Invalid(
                    f"{len(standing)} states are too many for one answer",
                    hint="name targets or a cluster, or use Subscribe, which sends pages",
                )
            return answer
        raise AssertionError("answering() ends the call")

    async def range(
        self, request: pb.RangeRequest, context: Context
    ) -> AsyncIterator[pb.ReportPage]:
        """Send the kept reports of one target, oldest first."""
        async with answering(context):
            await self._sign_in.reader(context)
            async for page in self._history.pages(request):
                yield page

    def subscriber(
        self, choice: Filter, caller: Caller, *, cursor: int = 0, reports: bool = False
    ) -> AbstractAsyncContextManager[Subscriber[Any]]:
        """Subscribe while the block lasts, to changes or to reports.

        The stream is closed when the caller may no longer read, or we stop.
        """
        feed: AnyFeed = self.reports if reports else self._feed
        return self._subscriber(feed, choice, caller, cursor)

    @asynccontextmanager
    async def _subscriber(
        self, feed: AnyFeed, choice: Filter, caller: Caller, cursor: int
    ) -> AsyncIterator[Subscriber[Any]]:
        async with feed.subscriber(choice, cursor=cursor) as subscriber:
            self._streams[subscriber] = caller
            try:
                # Revoked between the sign-in and now, no notice of it would find this stream.
                if not await self._sign_in.still_welcome(caller):
                    raise _unwelcome(caller)
                yield subscriber
            finally:
                del self._streams[subscriber]

    async def _choice(self, wanted: pb.Filter) -> Filter:
        return await self.choice(
            targets=wanted.targets,
            components=wanted.components,
            clusters=wanted.clusters,
            states=wanted.states,
        )

    async def choice(
        self,
        *,
        targets: Iterable[str] = (),
        components: Iterable[str] = (),
        clusters: Iterable[str] = (),
        states: Iterable[str] = (),
    ) -> Filter:
        """Return the filter of these names; raises Invalid or Missing for one there is not."""
        wanted = _names("states", states)
        if wrong := sorted(wanted - WORDS):
            raise Invalid(
                f"there is no state {wrong[0][:SHOWN]!a}",
                hint=f"there are {', '.join(sorted(WORDS))}",
            )
        choice = Filter(
            targets=_names("targets", targets),
            components=_names("components", components),
            clusters=_names("clusters", clusters),
            states=wanted,
        )
        try:
            self._check_names(choice)
        except Missing:
            await self._feed.reread()  # declared this very moment, perhaps
            self._check_names(choice)
        return choice

    def _check_names(self, choice: Filter) -> None:
        for kind, names in (
            ("targets", choice.targets),
            ("components", choice.components),
            ("clusters", choice.clusters),
        ):
            if unknown := sorted(names - self._feed.names(kind)):
                raise Missing(
                    f"there is no {kind.removesuffix('s')} {unknown[0][:SHOWN]!r}",
                    hint=f"vedette get {kind} lists them" if kind != "clusters" else None,
                )

    async def _listen(self) -> None:
        async for _ in listen(self._dsn, ["vedette_access"]):
            self._ask_again.set()

    async def _guard(self) -> None:
        while True:
            try:
                async with asyncio.timeout(ASK_AGAIN_S):
                    await self._ask_again.wait()
            except TimeoutError:
                pass
            self._ask_again.clear()
            try:
                await self._close_the_unwelcome()
            except (psycopg.Error, PoolTimeout) as error:
                # Nobody is thrown out because our database is away; the next round asks again.
                log.warning("cannot look at who reads", error=str(error))

    async def _close_the_unwelcome(self) -> None:
        for caller in set(self._streams.values()):
            if not await self._sign_in.still_welcome(caller):
                for subscriber, its in list(self._streams.items()):
                    if its == caller:
                        subscriber.close(_unwelcome(caller))


def _unwelcome(caller: Caller) -> NotSignedIn:
    shown = "certificate" if caller.secret is None else "token"
    return NotSignedIn(f"the {shown} was revoked or has expired")


def _names(field: str, given: Iterable[str]) -> frozenset[str]:
    names = list(given)
    if len(names) > NAMES_LIMIT:
        raise Invalid(f"{field} holds {len(names)} names, the limit is {NAMES_LIMIT}")
    for name in names:
        if not 0 < len(name) <= NAME_LIMIT:
            raise Invalid(
                f"{field} holds a name of {len(name)} characters; 1 to {NAME_LIMIT} may be"
            )
    return frozenset(names)
