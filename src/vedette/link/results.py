"""What agents answered to signed actions: heard from their streams, stored in batches, and told to them.

An answer is believed as what the agent that signed it says. Alone it is stored at once; under load a commit
takes all that came during the one before. An agent keeps its answer until it is told that it is stored.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.actions.command import Answer
from vedette.actions.settle import settle, unasked
from vedette.errors import Denied
from vedette.link import vedette_pb2 as pb
from vedette.link.errands_read import Unfit, read_answer
from vedette.link.misdeeds import Misdeeds
from vedette.link.pieces import Scattered
from vedette.link.stream import Stream

log = structlog.get_logger(__name__)

BACKLOG = 1_024
"""Answers that may wait for the database; beyond it their streams wait, and TCP holds the agents."""
BACKLOG_BYTES = 256 << 20
"""Of those answers; one more than that much may wait."""
BATCH_BYTES = 32 << 20
GATHER_S = 0.01
"""How long answers that come together wait for more of them; one that comes alone waits for nobody."""
RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class _Heard:
    stream: Stream
    answer: Answer


class Results:
    """The answers that this server's streams bring; `run` while the server does."""

    def __init__(
        self, pool: AsyncConnectionPool, misdeeds: Misdeeds, now: Callable[[], datetime]
    ) -> None:
        self.unfit = 0
        """Answers that were none: unreadable, or not signed by the agent."""
        self.unasked = 0
        """Answers nobody had asked this agent for, or that had come before."""
        self._pool = pool
        self._misdeeds = misdeeds
        self._now = now
        self._heard: asyncio.Queue[_Heard] = asyncio.Queue(BACKLOG)
        self._heard_bytes = 0
        self._room = asyncio.Event()

    async def run(self) -> None:
        """Store until cancelled."""
        while True:
            await self._keep(await self._batch())

    @property
    def waiting(self) -> int:
        """How many answers wait for the database."""
        return self._heard.qsize()

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
