"""Signed actions on their way through this server: down the streams it holds, and the answers in.

What goes down is what people signed, and the agents judge it themselves; what comes up is signed by
the agent, and stored in batches: alone an answer is stored at once, under load a commit takes all that
came during the one before. An agent keeps its answer until it is told that it is stored.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.actions.announce import announce
from vedette.actions.command import Answer, Due, Order
from vedette.actions.deliver import AT_ONCE, agents_due, cancelled_of, orders, take_again, take_due
from vedette.actions.launch import add_late
from vedette.actions.settle import settle, unasked
from vedette.actions.trusted import Kept, newest_bundle
from vedette.db.listen import listen
from vedette.errors import Denied
from vedette.link import vedette_pb2 as pb
from vedette.link.errands_read import Unfit, read_answer
from vedette.link.misdeeds import Misdeeds
from vedette.link.pieces import Scattered
from vedette.link.stream import Stream

log = structlog.get_logger(__name__)

CHANNELS = ("vedette_due", "vedette_trust")
BACKLOG = 1_024
"""Answers that may wait for the database; beyond it their streams wait, and TCP holds the agents."""
BACKLOG_BYTES = 256 << 20
"""Of those answers; one more than that much may wait."""
BATCH_BYTES = 32 << 20
GATHER_S = 0.01
"""How long answers that come together wait for more of them; one that comes alone waits for nobody."""
LOOK_EVERY_S = 1.0
"""How late what becomes due by the clock may go out."""
RETRY_S = 0.5
PORTION = 500
"""Agents that are looked after together: of ten thousand, each look would go through all that is due."""


@dataclass(frozen=True, slots=True)
class _Heard:
    stream: Stream
    answer: Answer


class Errands:
    """The actions' commands of this server's streams; `run` while the server does."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        streams: Mapping[int, Stream],
        now: Callable[[], datetime],
    ) -> None:
        self.unfit = 0
        """Answers that were none: unreadable, or not signed by the agent."""
        self.unasked = 0
        """Answers nobody had asked this agent for, or that had come before."""
        self._pool = pool
        self._streams = streams
        self._now = now
        self._misdeeds = Misdeeds()
        self._heard: asyncio.Queue[_Heard] = asyncio.Queue(BACKLOG)
        self._heard_bytes = 0
        self._room = asyncio.Event()
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
            parts.create_task(self._store(), name="store answers to actions")

    @property
    def waiting(self) -> int:
        """How many answers wait for the database."""
        return self._heard.qsize()

    def holds_back(self, agent_id: int) -> bool:
        """Whether this agent is in quarantine, as this server knows."""
        return self._misdeeds.is_quarantined(agent_id)

    def attached(self, stream: Stream) -> None:
        """Give a new stream the trust bundle, what waits for its agent, and what an older one took."""
        self._fresh.add(stream.agent_id)
        self._work.set()

    async def hear(self, stream: Stream, result: pb.Result) -> None:
        """Take a piece of an answer; what cannot be one is dropped and counted.

        Of an agent in quarantine nothing is read: it keeps its answers, and says them when it is let out.
        """
        if self._misdeeds.is_quarantined(stream.agent_id):
            return
        try:
            body = stream.pieces.add(result)
            if body is None:
                return
            answer = read_answer(
                body, result.signature, agent_id=stream.agent_id, public_key=stream.public_key
            )
        except (Scattered, Unfit, Denied) as fault:
            self.unfit += 1
            self._misdeeds.count(stream.agent_id)
            log.warning("an answer is unfit", agent=stream.attached.name, why=str(fault))
            stream.send(pb.ToAgent(told=pb.Told(ids=[result.id])))
            return
        # Waiting here holds this agent's stream alone: it sends faster than the database stores.
        while self._heard_bytes > BACKLOG_BYTES:
            self._room.clear()
            await self._room.wait()
        self._heard_bytes += len(answer.body)
        await self._heard.put(_Heard(stream, answer))

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

    async def _store(self) -> None:
        while True:
            await self._keep(await self._batch())

    async def _batch(self) -> list[_Heard]:
        batch = [await self._heard.get()]
        if not self._heard.empty():
            await asyncio.sleep(GATHER_S)
        size_bytes = len(batch[0].answer.body)
        while not self._heard.empty() and size_bytes < BATCH_BYTES:
            batch.append(self._heard.get_nowait())
            size_bytes += len(batch[-1].answer.body)
        self._heard_bytes -= size_bytes
        self._room.set()
        return batch

    async def _keep(self, heard: list[_Heard]) -> None:
        """Store these answers, however long the database is away; one that cannot be stored harms no other."""
        while True:
            try:
                async with self._pool.connection() as conn:
                    answers = [each.answer for each in heard]
                    stored = await settle(conn, answers, now=self._now())
                    if len(stored) < len(answers):
                        await self._count_unasked(conn, answers)
            except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as error:
                log.warning(
                    "answers wait: the database is away", answers=len(heard), why=str(error)
                )
                await asyncio.sleep(RETRY_S)
            except psycopg.Error as error:
                await self._keep_each(heard, error)
                return
            else:
                self.unasked += len(heard) - len(stored)
                self._tell(heard)
                return

    async def _count_unasked(
        self, conn: psycopg.AsyncConnection, answers: Sequence[Answer]
    ) -> None:
        never = await unasked(conn, answers)
        for one in answers:
            if (one.command_id, one.agent_id) in never:
                self._misdeeds.count(one.agent_id)

    async def _keep_each(self, heard: list[_Heard], error: psycopg.Error) -> None:
        if len(heard) > 1:
            for each in heard:
                await self._keep([each])
            return
        self.unfit += 1
        self._misdeeds.count(heard[0].answer.agent_id)
        log.warning("an answer cannot be stored", why=str(error))
        self._tell(heard)

    def _tell(self, heard: Iterable[_Heard]) -> None:
        told: dict[Stream, list[int]] = {}
        for each in heard:
            told.setdefault(each.stream, []).append(each.answer.command_id)
        for stream, ids in told.items():
            stream.send(pb.ToAgent(told=pb.Told(ids=ids)))
