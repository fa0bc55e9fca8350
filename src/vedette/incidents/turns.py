"""Reporters take turns: a storm of posts waits here, where it holds no connection others need.

All that wait are taken together, in one transaction and by one connection, so that a thousand posts cost
as many writes as they change, not as they are.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from psycopg_pool import AsyncConnectionPool

from vedette import clock
from vedette.db.queries import Connection
from vedette.errors import Unavailable
from vedette.incidents.components import Component, Name, components_called
from vedette.incidents.model import Titles
from vedette.incidents.reporters import Outcome, Word, report_all

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

TOGETHER = 250
"""Posts that are taken in one transaction, at most; who comes later waits for its end."""
WAITING = 20_000
"""Posts that may wait on this server."""


@dataclass(frozen=True, slots=True)
class Together:
    """What those who are taken together share: a connection, and what it was asked for all of them.

    called: the components that are called so.
    """

    conn: Connection
    called: Mapping[Name, Component]
    _asked: dict[Hashable, Any] = field(default_factory=dict)

    async def once(self, ask: Callable[[Connection, K], Awaitable[T]], of: K) -> T:
        """Return what `ask` answers of this; what it answered one of them it has answered all."""
        key = (ask, of)
        if key not in self._asked:
            self._asked[key] = await ask(self.conn, of)
        answer: T = self._asked[key]
        return answer


Find = Callable[[Together], Awaitable[Sequence[Word]]]
"""Make words of what is reported; what it raises is told to whoever reports."""
Tell = Callable[[Together, Sequence[Outcome]], Awaitable[T]]
"""Make the answer of what it came to."""


@dataclass(slots=True)
class _Said:
    name: Name | None
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
    """The queue of one server's reporters, first come, first served, all that wait at once.

    titles: what their incidents without a title are called.
    """

    def __init__(self, pool: AsyncConnectionPool, *, titles: Titles = Titles.NAMED) -> None:
        self.titles = titles
        self._pool = pool
        self._said: deque[_Said] = deque()
        self._taker: asyncio.Task[None] | None = None

    def connection(self) -> AbstractAsyncContextManager[Connection]:
        """Lend a connection to whoever need not wait for the others."""
        return self._pool.connection()

    async def report(self, find: Find, tell: Tell[T], *, name: Name | None = None) -> T:
        """Take what `find` finds together with all that others report; return what `tell` makes of it.

        name: a component's that is looked up before, with those of all the others. Raises what these two and `report_all` raise, and Unavailable when too many wait.
        """
        if len(self._said) >= WAITING:
            raise Unavailable("more is reported than this server can take in")
        said = _Said(name, find, tell, asyncio.get_running_loop().create_future())
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
    names = {said.name for said in batch if said.name is not None}
    try:
        called = await components_called(conn, names)
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever asked is told
        if len(batch) == 1:
            batch[0].refuse(error)
            return
        # One of them asks what cannot be asked: the others must not suffer for it.
        for said in batch:
            await _take_together(conn, [said])
        return
    together = Together(conn, called)
    await _report(together, [said for said in batch if await _is_found(together, said)])


async def _is_found(together: Together, said: _Said) -> bool:
    try:
        said.words = await said.find(together)
    except Exception as error:  # noqa: BLE001 - as above
        said.refuse(error)
    return not said.answer.done()


async def _report(together: Together, found: Sequence[_Said]) -> None:
    try:
        words = [word for said in found for word in said.words]
        outcomes = iter(await report_all(together.conn, words, now=clock.now()))
        for said in found:
            said.outcomes = [next(outcomes) for _ in said.words]
    except Exception as error:  # noqa: BLE001 - as above
        if len(found) == 1:
            found[0].refuse(error)
            return
        for said in found:
            # What one was answered is no longer so after the next.
            await _report(Together(together.conn, together.called), [said])
        return
    for said in found:
        await _answer(together, said)


async def _answer(together: Together, said: _Said) -> None:
    try:
        answer = await said.tell(together, said.outcomes)
    except Exception as error:  # noqa: BLE001 - as above
        said.refuse(error)
    else:
        if not said.answer.done():
            said.answer.set_result(answer)
