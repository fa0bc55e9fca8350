"""The desk's pages of maintenances that come again: begun, changed for what is to come, ended."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from psycopg_pool import AsyncConnectionPool

from vedette import durations
from vedette.db.queries import Connection
from vedette.errors import Invalid, VedetteError
from vedette.incidents.series import all_series, change_series, end_series
from vedette.incidents.series import series as series_of
from vedette.incidents.series_rules import Series, zone_of
from vedette.incidents.whom import components_of
from vedette.rest.problem import STATUS
from vedette.web.answers import Answer, Request, see_other
from vedette.web.desk_components import picker
from vedette.web.desk_form import WRITE, WRITTEN, Refused, Typed, page, posted, refused
from vedette.web.desk_new import series_told
from vedette.web.incident import number_of
from vedette.web.lent import lent
from vedette.web.markdown import html_of
from vedette.web.reader import N_
from vedette.web.visitors import Visitor, Visitors
from vedette.web.words import instant
from vedette.web.zones import zone_names

STARTS_SHOWN = 3


class SeriesDesk:
    """The pages `/desk/series` and `/desk/series/NUMBER`."""

    def __init__(
        self, pool: AsyncConnectionPool, *, visitors: Visitors, clock: Callable[[], datetime]
    ) -> None:
        self._pool = pool
        self._visitors = visitors
        self._clock = clock

    async def all(self, request: Request) -> Answer:
        """Answer `/desk/series`: those that go on, and a form for a new one."""
        return await self._answer(request, "")

    async def one(self, request: Request) -> Answer:
        """Answer `/desk/series/NUMBER`: one of them with its forms; raises Missing."""
        return await self._answer(request, request.name)

    async def _answer(self, request: Request, name: str) -> Answer:
        typed, refusal, status = Typed(), None, 200
        if request.method == "POST":
            actor, typed = await posted(self._visitors, request)
        else:
            actor = await self._visitors.who(request, WRITE)
        number = number_of(name) if name else None
        async with lent(self._pool) as conn:
            held = None if number is None else await series_of(conn, number)
            if typed.do == "send":
                try:
                    there = await _done(conn, held, typed, by=actor.name, now=self._clock())
                    return see_other(f"/desk/series/{there}")
                except VedetteError as error:
                    refusal, status = refused(typed, error), STATUS[error.kind]
                    held = None if number is None else await series_of(conn, number)
            return await self._page(conn, actor, held, typed, refusal=refusal, status=status)

    async def _page(
        self,
        conn: Connection,
        actor: Visitor,
        held: Series | None,
        typed: Typed,
        *,
        refusal: Refused | None,
        status: int,
    ) -> Answer:
        now = self._clock()
        picked = typed.every("component") if typed.form or held is None else list(held.slugs)
        boxes = await picker(
            conn, find=typed.text("find"), picked=picked, regions=typed.every("region")
        )
        goes_on = held is not None and held.cancelled_at is None
        coming = held.starts(after=now, to=held.planned_to, at_most=STARTS_SHOWN) if held else []
        return page(
            "desk_series.html",
            actor,
            status=status,
            held=held,
            goes_on=goes_on,
            coming=[instant(at) for at in coming] if goes_on else [],
            lasts=durations.spell(held.lasts) if held else "",
            until=_until(held),
            all_series=await all_series(conn) if held is None else [],
            zones=zone_names(),
            typed=typed,
            refusal=refusal,
            picker=boxes,
            preview=html_of(typed.text("text")) if typed.do == "preview" else None,
        )


def _until(held: Series | None) -> str:
    if held is None or held.until_at is None:
        return ""
    return f"{held.until_at.astimezone(zone_of(held.zone)):{WRITTEN}}"


async def _done(
    conn: Connection, held: Series | None, typed: Typed, *, by: str, now: datetime
) -> int:
    """Do what a form says; return the number of the series it is about. Raises Invalid or Conflict."""
    if held is None:
        return await series_told(conn, typed, by=by, now=now)
    version = typed.number("version")
    if typed.form == "end":
        await end_series(conn, held.id, by=by, now=now, version=version)
    elif typed.form == "series":
        columns = await _columns(conn, typed)
        await change_series(conn, held.id, by=by, now=now, version=version, **columns)
    else:
        raise Invalid(N_("this page has no such form"), hint=N_("load the page again"))
    return held.id


async def _columns(conn: Connection, typed: Typed) -> dict[str, Any]:
    """Return what was touched of a series."""
    fields = {"title": "title", "description": "text", "schedule": "schedule", "zone": "zone"}
    columns: dict[str, Any] = {
        column: given
        for column, name in fields.items()
        if (given := typed.changed(name)) is not None
    }
    if typed.changed("lasts") is not None:
        columns["lasts"] = typed.lasts()
    if typed.changed("ends_at") is not None:
        columns["until_at"] = typed.time("ends_at")
    words, regions = typed.every("component"), typed.every("region")
    if regions or set(words) != set(typed.every("was.component")):
        columns["components"] = await components_of(conn, components=words, regions=regions)
    return columns
