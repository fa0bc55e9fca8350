"""The public status page."""

from collections.abc import Callable
from datetime import datetime, timedelta

from psycopg_pool import AsyncConnectionPool

from vedette.web import reads
from vedette.web.answers import Answer, Request
from vedette.web.bars import first_day
from vedette.web.front import front
from vedette.web.kept import Keeper
from vedette.web.lent import lent
from vedette.web.reader import VARY, for_them
from vedette.web.templates import render
from vedette.web.told import now_told

SOON = timedelta(days=14)
"""Maintenance that begins within this stands on the status page; the rest in the calendar."""
REFRESH_S = range(10, 3_601)
"""What `?refresh=` takes: a screen on a wall asks for the page again by itself."""


class StatusPage:
    """The status page of one server."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        *,
        clock: Callable[[], datetime],
        keeper: Keeper | None = None,
    ) -> None:
        self._pool = pool
        self._clock = clock
        self._keeper = keeper or Keeper(clock, kept_for=timedelta(0))

    async def answer(self, request: Request) -> Answer:
        """Answer `/`; `?refresh=60` asks for it again every minute."""
        body = await self.render(self._clock())
        asked = request.query.get("refresh", "")
        if asked.isascii() and asked.isdigit() and len(asked) < 5 and int(asked) in REFRESH_S:
            return Answer(body, headers=(VARY, (b"refresh", asked.encode())))
        return for_them(body)

    async def render(self, now: datetime) -> bytes:
        """Return the page as of `now`: three statements, or two while only incidents have changed."""
        first = first_day(now.date())
        async with lent(self._pool) as conn:
            components = await reads.components(conn)
            days = await self._keeper.part(
                "days", lambda: reads.days(conn, first=first, now=now), of=first
            )
            sight, told = await now_told(conn, soon=now + SOON)
        return render("front.html", page=front(components, days, sight, told, now=now))
