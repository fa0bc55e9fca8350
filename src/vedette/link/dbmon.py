"""dbmon's door: `/dbmon.HealCheck/Pull`, for its clients as they are.

dbmon gave each report to whoever pulled first, and lost what a reply could not carry. Here a client
has a cursor, which moves when its reply has left: what it was not sent, it is sent next time.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Self, cast

import grpc
import grpc.aio
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette import clock
from vedette.health import feed_reads, pull
from vedette.health.model import State
from vedette.health.pull import News, Puller, Stretch
from vedette.link import dbmon_pb2 as pb
from vedette.link.answer import Context, answering
from vedette.link.brief import BriefReads
from vedette.link.dbmon_nodes import FAILED, NOTHING, OK, Reading, as_json, go_time, is_failure
from vedette.link.signin import SignIn

SERVICE = "dbmon.HealCheck"
MOST = 10_000
"""Reports in one reply, however many were asked for."""

REPLY_BYTES = 3584 * 1024
"""A reply is closed before it is longer: gRPC's usual limit for a client is 4 MiB."""

PAGE_ROWS = 500
READINGS = 1_000
"""Layouts remembered."""

NAME_LIMIT = 200
FIELD_BYTES = 8
"""Tag and length of one Probe, at most."""

log = structlog.get_logger(__name__)


class DbmonDoor:
    """The service HealCheck; `async with DbmonDoor(…) as door: door.open(server)` for each listener."""

    def __init__(self, pool: AsyncConnectionPool, reads: BriefReads, sign_in: SignIn) -> None:
        self._pool = pool
        self._reads = reads
        self._sign_in = sign_in
        self._run = token_hex(8)  # a port of the run before may be another client's now
        self._turns: dict[Puller, _Turn] = {}
        self._readings: dict[int, Reading] = {}
        self._settling: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.gather(*self._settling, return_exceptions=True)

    def open(self, server: grpc.aio.Server, *, anonymous: bool = False) -> None:
        """Serve HealCheck on this server; anonymous: to everybody, a client is its connection."""

        async def pull_signed(request: pb.PullRequest, context: Context) -> pb.PullReply:
            async with answering(context):
                caller = await self._sign_in.reader(context)
                return await self._pull(request, context, caller.name)
            raise AssertionError("answering() ends the call")

        async def pull_anonymous(request: pb.PullRequest, context: Context) -> pb.PullReply:
            async with answering(context):
                return await self._pull(request, context, f"{self._run} {context.peer()}")
            raise AssertionError("answering() ends the call")

        handler = grpc.unary_unary_rpc_method_handler(
            pull_anonymous if anonymous else pull_signed,
            request_deserializer=pb.PullRequest.FromString,
            response_serializer=pb.PullReply.SerializeToString,
        )
        service = grpc.method_handlers_generic_handler(SERVICE, {"Pull": handler})
        server.add_generic_rpc_handlers((service,))

    async def _pull(self, request: pb.PullRequest, context: Context, client: str) -> pb.PullReply:
        asked = request.clusterId
        async with self._reads.connection() as conn:
            # PostgreSQL has no text with a NUL, hence no such name either.
            is_name = len(asked) <= NAME_LIMIT and "\0" not in asked
            targets = await pull.cockroaches(conn, asked) if is_name else {}
        if not targets:
            said = f"Cluster was not found : '{asked[:NAME_LIMIT]}'"
            await context.abort(grpc.StatusCode.NOT_FOUND, said)
        puller = Puller(client, asked)
        reply = _Reply(asked, request.nbProbes)
        turn = await self._take_turn(puller)
        try:
            await self._fill(reply, puller, targets)
        except BaseException:
            self._end_turn(puller, turn)
            raise

        def ended(call: Context) -> None:
            self._settle(self._settled(puller, turn, reply, has_left=call.done()))

        # Called once the reply has left, or cannot leave any more.
        context.add_done_callback(cast("Any", ended))
        return reply.message

    async def _fill(self, reply: "_Reply", puller: Puller, targets: dict[int, str]) -> None:
        async with self._reads.connection() as conn:
            stretches = await pull.untold(conn, puller, list(targets), now=clock.now())
        while stretches and reply.left:
            stretches = await self._page(reply, stretches, targets)

    async def _page(
        self, reply: "_Reply", stretches: list[Stretch], targets: dict[int, str]
    ) -> list[Stretch]:
        """Add a page of reports to the reply; return what is left to be told, if there is room."""
        limit = min(reply.left, PAGE_ROWS)
        async with self._reads.connection() as conn:
            found = await pull.news(conn, stretches, limit=limit)
            unknown = {it.layout_id for it in found} - self._readings.keys() - {0}
            layouts = await feed_reads.layouts(conn, sorted(unknown)) if unknown else {}
        if len(self._readings) + len(layouts) > READINGS:
            self._readings.clear()
        self._readings |= {it: Reading(layout) for it, layout in layouts.items()}
        for report in found:
            if not reply.add(self._probe(reply.asked, report, targets), report):
                return []
        return pull.after(stretches, reply.told) if len(found) == limit else []

    def _probe(self, asked: str, report: News, targets: dict[int, str]) -> pb.Probe:
        reading = self._readings.get(report.layout_id)
        nodes = reading.nodes(targets[report.target_id], report.values) if reading else []
        failed = not nodes or is_failure(State(report.state), report.error_class)
        return pb.Probe(
            clusterID=asked,
            status=FAILED if failed else OK,
            data=NOTHING if failed else as_json(nodes),
            timestamp=go_time(report.at),
        )

    # One Pull of a client at a time: the next one begins where the one before has ended.

    async def _take_turn(self, puller: Puller) -> "_Turn":
        turn = self._turns.setdefault(puller, _Turn())
        turn.wanted += 1
        try:
            await turn.lock.acquire()
        except BaseException:
            self._leave(puller, turn)
            raise
        return turn

    def _end_turn(self, puller: Puller, turn: "_Turn") -> None:
        turn.lock.release()
        self._leave(puller, turn)

    def _leave(self, puller: Puller, turn: "_Turn") -> None:
        turn.wanted -= 1
        if not turn.wanted:
            del self._turns[puller]

    def _settle(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settled(
        self, puller: Puller, turn: "_Turn", reply: "_Reply", *, has_left: bool
    ) -> None:
        try:
            if has_left:
                async with self._pool.connection() as conn:
                    await pull.advance(conn, puller, reply.told, now=clock.now())
        except (psycopg.Error, PoolTimeout) as error:
            # The client is told again what it has been told: twice rather than never.
            log.warning("a cursor of dbmon's door was not kept", error=str(error))
        finally:
            self._end_turn(puller, turn)


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class _Reply:
    """A reply in the making: so many reports, so many bytes, no more."""

    def __init__(self, asked: str, wanted: int) -> None:
        self.asked = asked
        self.left = min(wanted, MOST) if wanted > 0 else MOST
        self.message = pb.PullReply(clusterId=asked)
        self.told: dict[tuple[int, int], Any] = {}
        self._room = REPLY_BYTES - self.message.ByteSize()

    def add(self, probe: pb.Probe, report: News) -> bool:
        """Add a report and return True, or return False when it does not fit any more."""
        size = probe.ByteSize() + FIELD_BYTES
        if size > self._room and self.told:
            return False
        self.message.probes.append(probe)
        self.told[report.target_id, report.agent_id] = report.at
        self._room -= size
        self.left -= 1
        return True
