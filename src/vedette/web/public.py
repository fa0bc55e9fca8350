"""The public status page: rendered once, kept as bytes until something changed."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from psycopg_pool import AsyncConnectionPool

from vedette.db.listen import listen
from vedette.web import reads
from vedette.web.answers import Answer, Request
from vedette.web.bars import first_day
from vedette.web.front import front
from vedette.web.reader import VARY, Reader, for_them, read_by, reader_of
from vedette.web.templates import render
from vedette.web.told import now_told

CHANNELS = ("vedette_transition", "vedette_fleet", "vedette_incident")
KEPT_FOR = timedelta(seconds=30)
"""Even when nothing changed: "12 min ago" must not stand still."""
POOL_WAIT_S = 3.0
SOON = timedelta(days=14)
"""Maintenance that begins within this stands on the status page; the rest in the calendar."""
READERS_KEPT = 32
"""The page is kept for so many languages and zones; whoever comes beyond them is served as well."""
REFRESH_S = range(10, 3_601)
"""What `?refresh=` takes: a screen on a wall asks for the page again by itself."""

log = structlog.get_logger(__name__)


class StatusPage:
    """The status page of one server.

    A kept page is served only while the LISTEN connection stands: without it a change of state
    could pass unseen, and a page that is green out of ignorance is worse than a slow one.
    """

    def __init__(self, pool: AsyncConnectionPool, *, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._clock = clock
        self._one = asyncio.Lock()
        self._kept: dict[Reader, tuple[Answer, datetime]] = {}
        self._is_listening = False
        self._turn = 0

    async def answer(self, request: Request) -> Answer:
        """Answer `/`; `?refresh=60` asks for it again every minute."""
        reader = reader_of(request)
        kept = self._still_kept(reader) or await self._render_once(reader)
        if not request.scope["query_string"]:
            return kept
        asked = request.query.get("refresh", "")
        if asked.isascii() and asked.isdigit() and len(asked) < 5 and int(asked) in REFRESH_S:
            return Answer(kept.body, headers=(VARY, (b"refresh", asked.encode())))
        return kept

    async def follow(self, dsn: str) -> None:
        """Forget the kept page at each notice, for ever; run it beside the server."""
        try:
            async for _ in listen(dsn, CHANNELS, on_lost=self._lost):
                self._is_listening = True
                self._forget()
        finally:
            self._lost()

    def _lost(self) -> None:
        self._is_listening = False
        self._forget()

    def _forget(self) -> None:
        self._turn += 1
        self._kept.clear()

    def _still_kept(self, reader: Reader) -> Answer | None:
        kept, until = self._kept.get(reader, (None, None))
        return kept if until is not None and self._clock() < until else None

    async def _render_once(self, reader: Reader) -> Answer:
        """Render; a crowd that comes at once waits for one rendering, not for one each."""
        async with self._one:
            kept = self._still_kept(reader)
            if kept is not None:
                return kept
            turn, now = self._turn, self._clock()
            with read_by(reader):
                answer = for_them(await self.render(now))
            # A notice that came while we read may tell of what we did not see: do not keep it.
            if self._is_listening and turn == self._turn:
                if len(self._kept) >= READERS_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[reader] = answer, now + KEPT_FOR
            return answer

    async def render(self, now: datetime) -> bytes:
        """Return the page as of `now`: three statements, one snapshot."""
        async with self._pool.connection(POOL_WAIT_S) as conn:
            components = await reads.components(conn)
            days = await reads.days(conn, first=first_day(now.date()), now=now)
            sight, told = await now_told(conn, soon=now + SOON)
        return render("front.html", page=front(components, days, sight, told, now=now))
