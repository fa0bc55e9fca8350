"""Commands on their way through this server: down the streams it holds, and their answers in.

A command is delivered by whichever server holds the agent's newest stream (`actions/ask_deliver.py`), so
any server may be asked. An answer is believed only on the stream that carried the command down, in
order, within the limits, and in the shape that was declared when it was asked: the stream knows what
it carried, so whatever else an agent says costs the database nothing.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette.actions.ask_deliver import send_again, take_due
from vedette.actions.ask_hear import Ears
from vedette.actions.ask_reads import agents_waited_for
from vedette.actions.ask_settle import settle
from vedette.actions.model import AT_ONCE, ROWS, SIZE_BYTES, Due, Ending, Outcome, Part
from vedette.db.listen import listen
from vedette.link import vedette_pb2 as pb
from vedette.link.commands_read import Carried, Unfit, read_answer
from vedette.link.stream import Stream

log = structlog.get_logger(__name__)

BACKLOG = 256
"""Parts of answers that may wait for the database; more are refused, and their askers told."""
CHANNELS = ("vedette_command", "vedette_answer")


@dataclass(frozen=True, slots=True)
class _Heard:
    stream: Stream
    carried: Carried
    part: Part | None
    ending: Ending | None


class Commands:
    """The commands of this server's streams; `run` while the server does."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        streams: Mapping[int, Stream],
        now: Callable[[], datetime],
        ears: Ears,
    ) -> None:
        self.dropped = 0
        """Answers nobody had asked for on that stream, or that came too late."""
        self._pool = pool
        self._streams = streams
        self._now = now
        self.ears = ears
        """Who on this server waits for an answer, through whichever server it comes."""
        self._heard: asyncio.Queue[_Heard] = asyncio.Queue(BACKLOG)
        self._fresh: set[int] = set()
        self._due: set[int] = set()
        self._work = asyncio.Event()

    async def run(self, dsn: str) -> None:
        """Deliver, store and wake until cancelled."""
        async with asyncio.TaskGroup() as parts:
            parts.create_task(self._listen(dsn), name="command notices")
            parts.create_task(self._deliver(), name="deliver commands")
            parts.create_task(self._store(), name="store answers")

    def attached(self, stream: Stream) -> None:
        """Give a new stream what waits for its agent, and what an older one took with it."""
        self._fresh.add(stream.agent_id)
        self._work.set()

    def hear(self, stream: Stream, answer: pb.Answer) -> None:
        """Take part of an answer; what does not belong to this stream is dropped."""
        carried = stream.commands.get(answer.id)
        if carried is None or answer.number != carried.parts + 1:
            self.dropped += 1
            log.debug("dropped an answer", agent=stream.attached.name, command=answer.id)
            return
        try:
            part, ending = read_answer(answer, carried)
        except Unfit as unfit:
            log.warning("an answer is unfit", agent=stream.attached.name, why=str(unfit))
            part, ending = None, _bad(f"the agent's answer is unfit: {unfit}")
        if ending is not None:
            del stream.commands[answer.id]
            self._wake({stream.agent_id})
            if ending.error_class == "unfit":
                stream.send(pb.ToAgent(cancel=pb.Cancel(id=answer.id)))
        try:
            self._heard.put_nowait(_Heard(stream, carried, part, ending))
        except asyncio.QueueFull:
            # The asker hears at its deadline that the answer broke off.
            stream.commands.pop(answer.id, None)
            log.warning("an answer is lost: the database is slow", command=answer.id)

    async def _listen(self, dsn: str) -> None:
        async for notice in listen(dsn, CHANNELS):
            if notice.channel == "vedette_answer":
                if notice.payload.isdecimal():
                    self.ears.wake(int(notice.payload))
                continue
            if not notice.channel:
                self.ears.wake(None)
                self._wake(set(self._streams))
                continue
            kind, *ids = notice.payload.split(":")
            numbers = [int(word) for word in ids if word.isdecimal()]
            if kind == "agent" and len(numbers) == 1:
                self._wake({numbers[0]})
            elif kind == "cancel" and len(numbers) == 2:
                self._cancel(*numbers)

    def _wake(self, agents: set[int]) -> None:
        ours = agents & self._streams.keys()
        if ours:
            self._due |= ours
            self._work.set()

    def _cancel(self, agent_id: int, command_id: int) -> None:
        stream = self._streams.get(agent_id)
        if stream is not None and stream.commands.pop(command_id, None) is not None:
            stream.send(pb.ToAgent(cancel=pb.Cancel(id=command_id)))
            self._wake({agent_id})

    async def _deliver(self) -> None:
        while True:
            await self._work.wait()
            self._work.clear()
            fresh, self._fresh = self._fresh, set()
            due, self._due = self._due | fresh, set()
            try:
                async with self._pool.connection() as conn:
                    for agent_id in fresh:
                        await send_again(conn, agent_id, now=self._now())
                    if len(due) > 1:
                        due = set(await agents_waited_for(conn, list(due), now=self._now()))
                    for agent_id in due:
                        await self._deliver_to(conn, agent_id)
            except (psycopg.Error, PoolTimeout) as error:
                # The listener's connection is lost too; its return wakes us for all streams.
                log.warning("cannot deliver commands", error=str(error))
                self._fresh |= fresh

    async def _deliver_to(self, conn: psycopg.AsyncConnection, agent_id: int) -> None:
        stream = self._streams.get(agent_id)
        if stream is None:
            return
        now = self._now()
        for old in [c for c in stream.commands.values() if c.due.expires_at < now]:
            del stream.commands[old.due.id]
        free = AT_ONCE - len(stream.commands)
        if free <= 0:
            return
        for due in await take_due(conn, agent_id, stream.epoch, at_most=free, now=now):
            stream.commands[due.id] = Carried(due)
            stream.send(pb.ToAgent(command=_on_the_wire(due, now)))

    async def _store(self) -> None:
        while True:
            heard = await self._heard.get()
            try:
                async with self._pool.connection() as conn:
                    stored = await settle(
                        conn,
                        heard.carried.due.id,
                        heard.stream.epoch,
                        part=heard.part,
                        ending=heard.ending,
                        now=self._now(),
                    )
            except (psycopg.Error, PoolTimeout) as error:
                log.warning("an answer is lost: the database is away", error=str(error))
            else:
                self.dropped += not stored


def _bad(message: str) -> Ending:
    return Ending(outcome=Outcome.FAILED, error_class="unfit", message=message)


def _on_the_wire(due: Due, now: datetime) -> pb.Command:
    return pb.Command(
        id=due.id,
        name=due.name,
        target=due.target_id,
        parameters_json=msgspec.json.encode(due.parameters).decode(),
        within_ms=max(int((due.expires_at - now).total_seconds() * 1000), 1),
        rows=ROWS,
        bytes=SIZE_BYTES,
    )
