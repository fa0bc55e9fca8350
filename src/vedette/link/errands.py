"""Signed actions on their way through this server, down the streams it holds; `link/results.py` takes the answers in.

What goes down is what people signed, and the agents judge it themselves.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Set
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.actions.announce import announce
from vedette.actions.command import Due, Order
from vedette.actions.deliver import AT_ONCE, agents_due, cancelled_of, orders, take_again, take_due
from vedette.actions.launch import add_late
from vedette.actions.trusted import Kept, newest_bundle
from vedette.db.listen import listen
from vedette.link import vedette_pb2 as pb
from vedette.link.misdeeds import Misdeeds
from vedette.link.results import Results
from vedette.link.stream import Stream

log = structlog.get_logger(__name__)

CHANNELS = ("vedette_due", "vedette_trust")
LOOK_EVERY_S = 1.0
"""How late what becomes due by the clock may go out."""
RETRY_S = 0.5
PORTION = 500
"""Agents that are looked after together: of ten thousand, each look would go through all that is due."""


class Errands:
    """The actions' commands of this server's streams; `run` while the server does."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        streams: Mapping[int, Stream],
        now: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._streams = streams
        self._now = now
        self._misdeeds = Misdeeds()
        self.results = Results(pool, self._misdeeds, now)
        self._fresh: set[int] = set()
        self._due: set[int] = set()
        self._cancelled: set[int] = set()
        self._work = asyncio.Event()
        self._bundle: Kept | None = None
        self._looked_at = now()

    async def run(self, dsn: str) -> None:
        """Deliver and store until cancelled."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._listen(dsn), name="notices of actions")
            parts.create_task(self._look(), name="look for what is due")
            parts.create_task(self._deliver(), name="deliver actions")
            parts.create_task(self.results.run(), name="store answers to actions")

    def holds_back(self, agent_id: int) -> bool:
        """Whether this agent is in quarantine, as this server knows."""
        return self._misdeeds.is_quarantined(agent_id)

    def attached(self, stream: Stream) -> None:
        """Give a new stream the trust bundle, what waits for its agent, and what an older one took."""
        self._fresh.add(stream.agent_id)
        self._work.set()

    async def _listen(self, dsn: str) -> None:
        async for notice in listen(dsn, CHANNELS):
            if not notice.channel:
                await self._renew_trust()
                self._wake(set(self._streams))
            elif notice.channel == "vedette_trust":
                await self._renew_trust()
            elif notice.payload.startswith("cancel:"):
                self._cancelled.add(int(notice.payload.removeprefix("cancel:")))
                self._work.set()
            else:
                named = {int(word) for word in notice.payload.split(",") if word.isdecimal()}
                self._wake(named or set(self._streams))

    def _wake(self, agents: Iterable[int]) -> None:
        ours = self._streams.keys() & set(agents)
        if ours:
            self._due |= ours
            self._work.set()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            since, self._looked_at = self._looked_at, self._now()
            try:
                async with self._pool.connection() as conn:
                    agents = list(self._streams)
                    self._wake(await agents_due(conn, agents, since=since, now=self._looked_at))
                    self._let_out(await self._misdeeds.look(conn, now=self._looked_at))
            except (psycopg.Error, PoolTimeout):
                self._looked_at = since

    def _let_out(self, agents: Set[int]) -> None:
        for agent_id in agents & self._streams.keys():
            # It comes again at once; a new stream is given all that waits, and says all that was not heard.
            self._streams[agent_id].refuse("released", "somebody let it out of quarantine")

    async def _renew_trust(self) -> None:
        try:
            async with self._pool.connection() as conn:
                self._bundle = await newest_bundle(conn)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("cannot read the trust bundle", error=str(error))
            return
        for stream in list(self._streams.values()):
            self._send_trust(stream)

    def _send_trust(self, stream: Stream) -> None:
        kept = self._bundle
        if kept is not None and stream.bundle_version < kept.version:
            stream.bundle_version = kept.version
            stream.send(pb.ToAgent(trust=pb.Trust(signed=kept.to_wire())))

    async def _deliver(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            fresh, self._fresh = self._fresh & self._streams.keys(), set()
            due, self._due = (self._due | fresh) & self._streams.keys(), set()
            cancelled, self._cancelled = self._cancelled, set()
            try:
                async with self._pool.connection() as conn:
                    if fresh:
                        await self._welcome(conn, fresh)
                    for action_id in cancelled:
                        await self._cancel(conn, action_id)
                    if due:
                        await self._send_due(conn, due)
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("cannot deliver actions", error=str(error))
                self._fresh |= fresh
                self._due |= due
                self._cancelled |= cancelled
                await asyncio.sleep(RETRY_S)
                self._work.set()

    async def _welcome(self, conn: psycopg.AsyncConnection, fresh: set[int]) -> None:
        # First the bundle: an agent judges what comes after it by the newest.
        for agent_id in fresh:
            self._send_trust(self._streams[agent_id])
        await announce(conn, list(fresh))
        await add_late(conn, list(fresh), now=self._now())
        again = await take_again(conn, self._epochs(fresh), now=self._now())
        self._send(again, await orders(conn, [each.action_id for each in again]))

    async def _send_due(self, conn: psycopg.AsyncConnection, agents: set[int]) -> None:
        asked = sorted(agents)
        while asked:
            taken = await take_due(conn, self._epochs(asked[:PORTION]), now=self._now())
            if taken:
                self._send(taken, await orders(conn, [each.action_id for each in taken]))
            if len(taken) < AT_ONCE:
                del asked[:PORTION]

    def _epochs(self, agents: Iterable[int]) -> dict[int, int]:
        return {one: self._streams[one].epoch for one in agents if one in self._streams}

    def _send(self, taken: Iterable[Due], said: Mapping[int, Order]) -> None:
        for due in taken:
            stream, order = self._streams.get(due.agent_id), said.get(due.action_id)
            if stream is not None and order is not None:
                act = pb.Act(id=due.id, document=order.document, signatures=order.signatures)
                stream.send(pb.ToAgent(act=act))

    async def _cancel(self, conn: psycopg.AsyncConnection, action_id: int) -> None:
        for command_id, agent_id in await cancelled_of(conn, action_id, list(self._streams)):
            stream = self._streams.get(agent_id)
            if stream is not None:
                stream.send(pb.ToAgent(act=pb.Act(id=command_id, cancelled=True)))
