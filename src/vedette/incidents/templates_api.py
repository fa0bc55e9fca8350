"""REST routes of templates: words to begin an incident with."""

from datetime import datetime

import msgspec
from litestar import Response, delete, get, put

from vedette import clock
from vedette.access.model import Actor
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.incidents.events_shown import AnyRequest
from vedette.incidents.model import Kind
from vedette.incidents.rules import impact_of
from vedette.incidents.templates import (
    Template,
    Words,
    drop_template,
    keep_template,
    template,
    templates,
)
from vedette.rest.versions import version_asked, version_header


class NewTemplate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Words to begin with; what is left out is left to whoever uses it. impact: number or word."""

    kind: str = "incident"
    title: str = ""
    text: str = ""
    impact: int | str | None = None


class ShownTemplate(msgspec.Struct, kw_only=True):
    """A template; version is its ETag."""

    name: str
    kind: str
    title: str
    text: str
    impact: int | None
    version: int
    made_at: datetime
    made_by: str


@get("/api/v1/templates")
async def list_templates(conn: Connection) -> list[ShownTemplate]:
    """List the templates by name."""
    return [_shown(each) for each in await templates(conn)]


@get("/api/v1/templates/{name:str}")
async def show_template(conn: Connection, name: str) -> Response[ShownTemplate]:
    """Show one template; its version is the ETag."""
    return _answer(await template(conn, name))


@put("/api/v1/templates/{name:str}")
async def put_template(
    request: AnyRequest, conn: Connection, actor: Actor, name: str, data: NewTemplate
) -> Response[ShownTemplate]:
    """Make a template or change it; `If-Match: "0"` only makes one."""
    if data.kind not in set(Kind):
        raise Invalid(f"there is no kind {data.kind[:40]!a}", hint="one of " + ", ".join(Kind))
    words = Words(
        kind=Kind(data.kind),
        title=data.title,
        text=data.text,
        impact=None if data.impact is None else impact_of(data.impact),
    )
    kept = await keep_template(
        conn,
        name,
        words,
        by=actor.name,
        now=clock.now(),
        version=version_asked(request),
    )
    return _answer(kept)


@delete("/api/v1/templates/{name:str}")
async def end_template(conn: Connection, actor: Actor, name: str) -> None:
    """Forget a template; what was opened with it stays."""
    await drop_template(conn, name, by=actor.name)


routes = [list_templates, show_template, put_template, end_template]


def _answer(kept: Template) -> Response[ShownTemplate]:
    return Response(_shown(kept), headers=version_header(kept.version))


def _shown(kept: Template) -> ShownTemplate:
    return ShownTemplate(
        name=kept.name,
        kind=kept.kind,
        title=kept.title,
        text=kept.text,
        impact=kept.impact,
        version=kept.version,
        made_at=kept.made_at,
        made_by=kept.made_by,
    )
