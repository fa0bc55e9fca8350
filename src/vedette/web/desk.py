"""The operators' pages: for whoever has the scope `read`, with a session or a token."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

import psycopg
from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import Connection
from vedette.errors import Invalid, Missing
from vedette.fleet import reads as fleet
from vedette.fleet.quarantine import release_agent
from vedette.rest.request_id import request_id_of
from vedette.web import agent_reads, reads
from vedette.web.advisories import name_in_path
from vedette.web.agent_page import agent_page
from vedette.web.agents import agents_page, standing_of
from vedette.web.answers import NO_STORE, Answer, Request, see_other
from vedette.web.catalogue import Catalogue
from vedette.web.lent import lent
from vedette.web.paging import PAGE_ROWS, page_of
from vedette.web.reader import N_
from vedette.web.target import RANGES, Range, target_page
from vedette.web.target_list import asked_of, at_most, target_list
from vedette.web.templates import render
from vedette.web.visitors import Visitors

CHARTS_LIMIT_MS = 2_000
"""Charts that take longer are left out, and the page says so."""
NAME_LENGTH = 200
MANAGE = "agents:write"


class Desk:
    """The pages for operators of one server."""

    def __init__(
        self,
        pool: AsyncConnectionPool,
        *,
        visitors: Visitors,
        catalogue: Catalogue,
        clock: Callable[[], datetime],
    ) -> None:
        self._pool = pool
        self._visitors = visitors
        self._catalogue = catalogue
        self._clock = clock

    async def targets(self, request: Request) -> Answer:
        """Answer `/targets?state=&cluster=&connector=&words=&page=`; raises Invalid."""
        actor = await self._visitors.who(request)
        asked, now = asked_of(request.query), self._clock()
        which = {"cluster": asked.cluster, "connector": asked.connector, "words": asked.words}
        async with lent(self._pool) as conn:
            tally = await reads.tally(conn, **which)
            asked = at_most(asked, tally)
            skip = (asked.page - 1) * PAGE_ROWS
            rows = await reads.targets(conn, state=asked.state, **which, skip=skip, limit=PAGE_ROWS)
        page = target_list(asked, tally, rows, now=now)
        return _private(render("targets.html", page=page, actor=actor))

    async def agents(self, request: Request) -> Answer:
        """Answer `/agents?state=&page=`: who looks, those that are missed first; raises Invalid."""
        actor = await self._visitors.who(request)
        asked, state, now = page_of(request.query), standing_of(request.query), self._clock()
        async with lent(self._pool) as conn:
            found = await fleet.agents(conn)
            duplicates = await fleet.duplicates_of(conn, [each.id for each in found], now=now)
            doubles = await agent_reads.doubles(conn)
        page = agents_page(found, duplicates, doubles, state=state, page=asked, now=now)
        return _private(render("agents.html", page=page, actor=actor))

    async def agent(self, request: Request) -> Answer:
        """Answer `/agents/NAME`: one agent, with what it was asked for whoever may see it; raises Missing.

        What its form sends lets it out of quarantine.
        """
        if request.method == "POST":
            return await self._release(request)
        actor = await self._visitors.who(request)
        now = self._clock()
        async with lent(self._pool) as conn:
            found = await fleet.agent(conn, name_in_path(request.name))
            may_see = actor.may("actions:read")
            page = agent_page(
                found,
                await agent_reads.claims(conn, found.id),
                await agent_reads.groups(conn, found.key_fingerprint),
                await agent_reads.newest_bundle(conn),
                await agent_reads.doubles(conn),
                await agent_reads.asked(conn, found.id) if may_see else None,
                now=now,
            )
        may_release = actor.may(MANAGE)
        return _private(render("agent.html", page=page, actor=actor, may_release=may_release))

    async def _release(self, request: Request) -> Answer:
        actor, fields = await self._visitors.posted(request, MANAGE)
        if fields.get("form") != "release":
            raise Invalid(N_("this page has no such form"), hint=N_("load the page again"))
        name = name_in_path(request.name)
        async with lent(self._pool) as conn:
            # Pressed twice, the second finds it released: that is what was wanted.
            await release_agent(conn, name, by=actor.name, request_id=request_id_of(request.scope))
        return see_other(f"/agents/{quote(name, safe='')}")

    async def target(self, request: Request) -> Answer:
        """Answer `/targets/NAME?since=`: one target; raises Missing, Invalid."""
        actor = await self._visitors.who(request)
        asked = request.query.get("since", "1h")
        if asked not in RANGES:
            raise Invalid(f"since cannot be {asked[:40]!r}", hint=f"one of {', '.join(RANGES)}")
        now = self._clock()
        range_ = RANGES[asked]
        async with lent(self._pool) as conn:
            found = await self._found(conn, request.name)
            page = target_page(
                found,
                await reads.observers(conn, found.id),
                await _series(conn, found.id, range_, now),
                await reads.meanings(conn, found.connector),
                await reads.history(conn, found.id),
                self._catalogue.limits_of(found.connector, found.thresholds),
                self._catalogue.commands_of(found.connector),
                range_=range_,
                now=now,
            )
        return _private(render("target.html", page=page, actor=actor))

    async def _found(self, conn: Connection, name: str) -> reads.Target:
        # PostgreSQL's text holds no NUL; no declared name is longer.
        is_a_name = 0 < len(name) <= NAME_LENGTH and "\0" not in name
        found = await reads.target(conn, name) if is_a_name else None
        if found is None or found.retired_at is not None:
            raise Missing(f"no target is called {name[:NAME_LENGTH]!r}", hint="see /targets")
        return found


async def _series(
    conn: Connection, target_id: int, range_: Range, now: datetime
) -> list[reads.Series] | None:
    """Return what to draw; None when reading it takes too long for a page."""
    try:
        async with conn.transaction():
            await conn.execute(f"SET LOCAL statement_timeout = {CHARTS_LIMIT_MS}")
            return await reads.series(
                conn, target_id, since=now - range_.span, until=now, bucket=range_.bucket
            )
    except psycopg.errors.QueryCanceled:
        return None


def _private(body: bytes) -> Answer:
    return Answer(body, cache=NO_STORE)
