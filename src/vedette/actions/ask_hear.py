"""Ask and hear the answer, whichever server the agent's stream ends on; both doors lead here."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from vedette import clock
from vedette.access.model import Actor
from vedette.actions.ask import CommandsOf, ask
from vedette.actions.ask_deliver import cancel
from vedette.actions.ask_expire import GRACE, expire
from vedette.actions.ask_reads import heard
from vedette.actions.ask_settle import finish
from vedette.actions.model import Asked, Ending, Question

LOOK_AGAIN_S = 1.0
"""A notification may be lost with its connection; nobody waits much longer for that."""


class Ears:
    """Who on this server waits for which answer; `wake` when the database says there is news."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Event] = {}

    def wake(self, command_id: int | None) -> None:
        """Let whoever waits for this command look; None: everybody."""
        for event in (
            self._waiting.values()
            if command_id is None
            else filter(None, [self._waiting.get(command_id)])
        ):
            event.set()

    @contextmanager
    def waiting(self, command_id: int) -> Iterator[asyncio.Event]:
        """Wait for news of this command while the block lasts."""
        event = self._waiting[command_id] = asyncio.Event()
        try:
            yield event
        finally:
            del self._waiting[command_id]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """What both doors need to ask: the database, what connectors can be asked, who waits."""

    pool: AsyncConnectionPool
    commands_of: CommandsOf
    ears: Ears = field(default_factory=Ears)
    now: Callable[[], datetime] = clock.now

    async def ask(
        self, question: Question, *, by: Actor, source: str = "", request_id: str = ""
    ) -> Asked:
        """Take a question in; see `actions/ask.py`."""
        async with self.pool.connection() as conn:
            return await ask(
                conn,
                question,
                self.commands_of,
                by=by,
                now=self.now(),
                source=source,
                request_id=request_id,
            )

    async def answer(self, asked: Asked) -> AsyncGenerator[str | Ending, None]:
        """Yield the parts (JSON text) as they come, then the ending.

        Closed before that, the command is cancelled. No connection is held while waiting.
        """
        count, ended = 0, False
        with self.ears.waiting(asked.id) as news:
            try:
                while not ended:
                    news.clear()
                    async with self.pool.connection() as conn:
                        parts, ending = await heard(conn, asked.id, after=count)
                        if ending is None and self.now() > asked.expires_at + GRACE:
                            await expire(conn, asked.id, now=self.now())
                            continue
                        if ending is not None:
                            ended = True
                            await finish(conn, asked.id, now=self.now())
                    count += len(parts)
                    for part in parts:
                        yield part
                    if ending is not None:
                        yield ending
                    elif not parts:
                        await _news(news, self._patience_s(asked))
            finally:
                if not ended:
                    await asyncio.shield(self._cancel(asked.id))

    def _patience_s(self, asked: Asked) -> float:
        left_s = (asked.expires_at + GRACE - self.now()).total_seconds()
        return min(max(left_s, 0.0) + 0.01, LOOK_AGAIN_S)

    async def _cancel(self, command_id: int) -> None:
        # The loop expires it anyway when the database is away.
        with suppress(psycopg.Error, PoolTimeout):
            async with self.pool.connection() as conn:
                await cancel(conn, command_id, now=self.now())


async def _news(event: asyncio.Event, within_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
