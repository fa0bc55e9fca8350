"""Reporters take turns: a storm of posts waits here, where it holds no connection others need.

All that wait are taken together, in one transaction and by one connection, so that a thousand posts cost
as many writes as they change, not as they are.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from psycopg_pool import AsyncConnectionPool

from vedette import clock
from vedette.db.queries import Connection
from vedette.errors import Unavailable
from vedette.incidents.reporters import Outcome, Word, report_all

T = TypeVar("T")

TOGETHER = 250
"""Posts that are taken in one transaction, at most; who comes later waits for its end."""
WAITING = 20_000
"""Posts that may wait on this server."""

Find = Callable[[Connection], Awaitable[Sequence[Word]]]
"""Look up what is reported; what it raises is told to whoever reports."""
Tell = Callable[[Connection, Sequence[Outcome]], Awaitable[T]]
"""Make the answer of what it came to."""


@dataclass(slots=True)
class _Said:
    find: Find
    tell: Tell[Any]
    answer: "asyncio.Future[Any]"
    words: Sequence[Word] = ()
    outcomes: Sequence[Outcome] = ()

    def refuse(self, error: Exception) -> None:
        """Say what went wrong, unless whoever asked has gone."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Turns:
    """The queue of one server's reporters, first come, first served, all that wait at once."""

    def __init__(self, pool: AsyncConnectionPool) -> None:
        self._pool = pool
        self._said: deque[_Said] = deque()
        self._taker: asyncio.Task[None] | None = None

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection to whoever need not wait for the others."""
        return self._pool.connection()

    async def report(self, find: Find, tell: Tell[T]) -> T:
        """Take what `find` finds together with all that others report; return what `tell` makes of it.

        Raises what these two and `report_all` raise, and Unavailable when too many wait.
        """
        if len(self._said) >= WAITING:
            raise Unavailable("more is reported than this server can take in")
        said = _Said(find, tell, asyncio.get_running_loop().create_future())
        self._said.append(said)
        if self._taker is None:
            self._taker = asyncio.create_task(self._take())
        answer: T = await said.answer
        return answer

    async def _take(self) -> None:
        try:
            while self._said:
                batch = [self._said.popleft() for _ in range(min(TOGETHER, len(self._said)))]
                try:
                    async with self._pool.connection() as conn:
                        await _take_together(conn, batch)
                except Exception as error:  # noqa: BLE001 - no connection: all of them are told
                    for said in batch:
                        said.refuse(error)
        finally:
            self._taker = None


async def _take_together(conn: Connection, batch: Sequence[_Said]) -> None:
    await _report(conn, [said for said in batch if await _is_found(conn, said)])


async def _report(conn: Connection, found: Sequence[_Said]) -> None:
    try:
        words = [word for said in found for word in said.words]
        outcomes = iter(await report_all(conn, words, now=clock.now()))
        for said in found:
            said.outcomes = [next(outcomes) for _ in said.words]
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked is told
        if len(found) == 1:
            found[0].refuse(error)
            return
        # One of them cannot be taken: the others must not suffer for it.
        for said in found:
            await _report(conn, [said])
        return
    for said in found:
        try:
            answer = await said.tell(conn, said.outcomes)
        except Exception as error:  # noqa: BLE001 - as above
            said.refuse(error)
        else:
            if not said.answer.done():
                said.answer.set_result(answer)


async def _is_found(conn: Connection, said: _Said) -> bool:
    try:
        said.words = await said.find(conn)
    except Exception as error:  # noqa: BLE001 - as above
        said.refuse(error)
    return not said.answer.done()
