"""Where every door of the feeds has its facts from, and how its answers are dressed."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg_pool import AsyncConnectionPool

from vedette.errors import Missing
from vedette.web.answers import Answer, Request
from vedette.web.feeds import reads
from vedette.web.feeds.outside import Outside
from vedette.web.feeds.reads import Component, Event
from vedette.web.lent import lent

Handler = Callable[[Request], Awaitable[Answer]]

OPEN = (
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)
"""What everyone may read, pages of others may read, too."""


@dataclass(frozen=True, slots=True)
class Source:
    """The public's view of one server; title: the status page's."""

    pool: AsyncConnectionPool
    clock: Callable[[], datetime]
    outside: Outside
    title: str

    async def everyone(self) -> list[Component]:
        """Return the public components."""
        async with lent(self.pool) as conn:
            return await reads.components(conn, now=self.clock())

    async def component(self, slug: str) -> Component:
        """Return the public component of that slug; raises Missing."""
        async with lent(self.pool) as conn:
            found = await reads.components(conn, now=self.clock(), slug=slug)
        if not found:
            raise Missing(f"there is no component {slug[:60]!a}", hint="the status page lists all")
        return found[0]

    async def told(
        self,
        *,
        kinds: Sequence[str] = reads.EVERYTHING,
        of: Iterable[Component] | None = None,
        statuses: Sequence[str] | None = None,
        is_open: bool | None = None,
        by_start: bool = False,
        limit: int = reads.EVENTS,
    ) -> list[Event]:
        """Return the latest public events; of: those that affect one of these."""
        async with lent(self.pool) as conn:
            return await reads.events(
                conn,
                kinds=kinds,
                of=of,
                statuses=statuses,
                is_open=is_open,
                by_start=by_start,
                limit=limit,
            )


def given(body: bytes, media_type: bytes, told: Iterable[Event] = ()) -> Answer:
    """Return an answer that pages of others may read; told: the events it holds, which date it."""
    changed_at = max((event.changed_at for event in told), default=None)
    return Answer(body, type=media_type, headers=OPEN, changed_at=changed_at)
