"""REST: why a component is in its state, and why an incident was or was not opened."""

from datetime import datetime

import msgspec
from litestar import get

from vedette import clock
from vedette.automation.explain import explain
from vedette.db.queries import Connection
from vedette.health.api import Time, aware


class Sentence(msgspec.Struct, kw_only=True):
    """One fact in words; about: what it speaks of. at: since when it is so."""

    about: str
    at: datetime | None
    text: str


class Explanation(msgspec.Struct, kw_only=True):
    """A component at one moment; state: "" when nothing was known. unknown: what no row tells of it."""

    component: str
    name: str
    at: datetime
    state: str
    since: datetime | None
    because: list[Sentence]
    unknown: list[str]


@get("/api/v1/components/{slug:str}/explain")
async def explain_component(conn: Connection, slug: str, at: Time = None) -> Explanation:
    """Say in words why a component is, or was at `at`, in its state, and what was told of it."""
    found = await explain(conn, slug, at=aware(at, "at"), now=clock.now())
    return Explanation(
        component=found.component,
        name=found.name,
        at=found.at,
        state=found.state,
        since=found.since,
        because=[Sentence(about=one.about, at=one.at, text=one.text) for one in found.lines],
        unknown=list(found.unknown),
    )


routes = [explain_component]
