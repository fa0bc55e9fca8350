"""The public pages beside the status page: an incident, the history, a component, maintenance, preferences."""

from collections.abc import Callable
from datetime import datetime

from psycopg_pool import AsyncConnectionPool

from vedette.errors import Missing
from vedette.incidents.availability_rules import Reporting
from vedette.web import reads, told
from vedette.web.answers import Answer, Request
from vedette.web.bars import first_day
from vedette.web.component import SPAN, STORIES_SHOWN, component_page
from vedette.web.component_measured import measurements, span_of
from vedette.web.component_shares import shares
from vedette.web.feeds.outside import Outside
from vedette.web.history import PAGE_ROWS, asked_of, history_page
from vedette.web.incident import incident_page, number_of
from vedette.web.languages import languages
from vedette.web.lent import lent
from vedette.web.maintenance import STORIES_LIMIT, grid_bounds, maintenance_page, month_asked
from vedette.web.reader import came_from, choose, for_them, reading
from vedette.web.templates import render
from vedette.web.told import Asked
from vedette.web.zones import zone_names


class PublicPages:
    """The pages of one server that everyone may read; each asks the database anew."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        outside: Outside,
        *,
        reporting: Callable[[], Reporting],
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._outside = outside
        self._reporting = reporting
        self._clock = clock

    async def incident(self, request: Request) -> Answer:
        """Answer `/incidents/{name}`."""
        number = number_of(request.name)
        async with lent(self._pool) as conn:
            found = await told.story(conn, number)
            if found is None:
                raise Missing(f"there is no incident {number}", hint="the history lists them all")
            said = await told.said(conn, number)
            members = await told.members(conn, number)
        address = f"{self._outside.root(request)}/incidents/{number}"
        page = incident_page(found, said, members, address=address)
        return for_them(render("incident.html", page=page))

    async def history(self, request: Request) -> Answer:
        """Answer `/history`; raises Invalid."""
        asked, impact = asked_of(request.query), request.query.get("impact", "")
        async with lent(self._pool) as conn:
            stories = await told.stories(conn, asked, limit=PAGE_ROWS + 1)
            choices = await told.choices(conn)
        page = history_page(stories, choices, asked, impact=impact)
        return for_them(render("history.html", page=page))

    async def component(self, request: Request) -> Answer:
        """Answer `/components/{name}`; `?span=7d` draws what it measured that far back; raises Invalid."""
        now = self._clock()
        span = span_of(request.query.get("span", "24h"))
        async with lent(self._pool) as conn:
            row = await told.component(conn, request.name)
            if row is None:
                raise Missing(
                    f"there is no component {request.name[:80]!r}",
                    hint="the status page lists them all",
                )
            days = await reads.days(conn, first=first_day(now.date()), now=now)
            turns = await told.turns(conn, row.id, since=now - SPAN)
            asked = Asked(component=row.slug)
            stories = await told.stories(conn, asked, limit=STORIES_SHOWN + 1)
            told_up, measured = None, None
            if not row.is_retired:
                told_up = await shares(conn, row.id, self._reporting(), now=now)
                measured = await measurements(conn, row.id, row.published, span, now=now)
        page = component_page(row, days.get(row.id), turns, stories, told_up, measured, now=now)
        return for_them(render("component.html", page=page))

    async def maintenance(self, request: Request) -> Answer:
        """Answer `/maintenance`; `?month=2026-11` shows that month; raises Invalid."""
        now = self._clock()
        month = month_asked(request.query.get("month", ""), now=now)
        since, until = grid_bounds(month)
        coming = Asked(kind="maintenance", is_open=True)
        planned = Asked(kind="maintenance", since=since, until=until)
        async with lent(self._pool) as conn:
            open_ones = await told.stories(conn, coming, limit=STORIES_LIMIT)
            of_the_month = await told.stories(conn, planned, limit=STORIES_LIMIT)
        page = maintenance_page(open_ones, of_the_month, month, now=now)
        return for_them(render("maintenance.html", page=page))

    async def preferences(self, request: Request) -> Answer:
        """Answer `/preferences`: a form, and what it sends."""
        if request.method == "POST":
            return await choose(request)
        return for_them(
            render(
                "preferences.html",
                back=came_from(request),
                zones=zone_names(),
                zone=reading().zone,
                languages=languages().values(),
                language=reading().language,
            )
        )
