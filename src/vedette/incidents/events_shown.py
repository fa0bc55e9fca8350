"""Incidents, maintenances and notes as our own routes answer them."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from litestar import Request, Response
from litestar.params import Parameter

from vedette.access.model import Actor, Scope
from vedette.access.repeated import Kept
from vedette.access.repeated_api import answered_once
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.incidents import reads
from vedette.incidents.model import Affected, Incident
from vedette.incidents.model import Update as KeptUpdate
from vedette.rest.versions import version_header

AnyRequest = Request[Any, Any, Any]

VARY = {"Vary": "Authorization"}

EventId = Annotated[int, Parameter(ge=1, le=2**31 - 1)]
"""The id of an incident in a path."""


class Component(msgspec.Struct, kw_only=True):
    """A component it affects, or did; joined_at null: from the start; left_at null: to the end."""

    id: int
    slug: str
    service: str
    region: str
    category: str
    joined_at: datetime | None
    left_at: datetime | None


class Update(msgspec.Struct, kw_only=True):
    """One thing that was said; text is Markdown. internal: for operators alone."""

    id: int
    at: datetime
    status: str
    text: str
    internal: bool
    made_at: datetime
    made_by: str
    edited_at: datetime | None
    edited_by: str | None


class Event(msgspec.Struct, kw_only=True):
    """An incident, a maintenance or a note.

    impact: 0 maintenance, 1 minor, 2 major, 3 outage. system: a machine owns it. ends_at: null while an
    incident is open. published_at: null for a draft. revised_at: when its past was changed afterwards.
    version: the ETag. updates: the newest first; null in lists.
    """

    id: int
    kind: str
    title: str
    description: str
    impact: int
    status: str
    is_open: bool
    origin: str
    system: bool
    starts_at: datetime
    ends_at: datetime | None
    published_at: datetime | None
    publish_at: datetime | None
    revised_at: datetime | None
    merged_into: int | None
    series_id: int | None
    postmortem: str
    postmortem_at: datetime | None
    version: int
    made_at: datetime
    made_by: str
    changed_at: datetime
    components: list[Component]
    updates: list[Update] | None = None


class _Versioned(msgspec.Struct):
    version: int


async def shown(
    conn: Connection, held: Sequence[Incident], *, inside: bool, updates: bool = False
) -> list[Event]:
    """Return them with their components; inside: with what operators alone read."""
    ids = [one.id for one in held]
    members = await reads.affected(conn, ids)
    said = await reads.updates(conn, ids, internal=inside) if updates else {}
    return [_event(one, members[one.id], said.get(one.id), inside=inside) for one in held]


async def answered(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    act: Callable[[], Awaitable[int]],
    *,
    status: int = 200,
) -> Response[Any]:
    """Do it, once for each `Idempotency-Key`; answer the incident whose id `act` returns, as it is then."""

    async def done() -> Kept:
        held = await reads.incident(conn, await act())
        (event,) = await shown(conn, [held], inside=True, updates=True)
        return Kept(status, msgspec.json.encode(event))

    return versioned(await answered_once(request, conn, actor, done))


def versioned(kept: Kept) -> Response[Any]:
    """Return an answer whose body says its version; nobody on the way may keep it."""
    version = msgspec.json.decode(kept.body, type=_Versioned).version
    return Response(
        kept.body,
        status_code=kept.status,
        media_type="application/json",
        headers={**version_header(version), "Cache-Control": "no-store"},
    )


def sees_inside(actor: Actor) -> bool:
    """Say whether they read drafts and internal notes."""
    return actor.may(Scope.INCIDENTS_WRITE)


def aware(at: datetime | None, field: str) -> datetime | None:
    """Return the time; raises Invalid when it does not say its zone."""
    if at is not None and at.tzinfo is None:
        raise Invalid(f"{field} lacks its zone", hint="as in 2026-11-22T03:00:00Z")
    return at


def shown_update(said: KeptUpdate) -> Update:
    """Return one update as routes answer it."""
    return Update(
        id=said.id,
        at=said.at,
        status=said.status,
        text=said.text,
        internal=said.internal,
        made_at=said.made_at,
        made_by=said.made_by,
        edited_at=said.edited_at,
        edited_by=said.edited_by,
    )


def _event(
    held: Incident,
    members: Sequence[Affected],
    said: Sequence[KeptUpdate] | None,
    *,
    inside: bool,
) -> Event:
    return Event(
        id=held.id,
        kind=held.kind,
        title=held.title,
        description=held.description,
        impact=held.impact,
        status=held.status,
        is_open=held.is_open,
        origin=held.origin,
        system=held.system,
        starts_at=held.starts_at,
        ends_at=held.ends_at,
        published_at=held.published_at,
        publish_at=held.publish_at,
        revised_at=held.revised_at,
        merged_into=held.merged_into,
        series_id=held.series_id,
        postmortem=held.postmortem if inside or held.postmortem_at else "",
        postmortem_at=held.postmortem_at,
        version=held.version,
        made_at=held.made_at,
        made_by=held.made_by,
        changed_at=held.changed_at,
        components=[
            Component(
                id=one.component_id,
                slug=one.slug,
                service=one.service,
                region=one.region,
                category=one.category,
                joined_at=one.joined_at,
                left_at=one.left_at,
            )
            for one in members
        ],
        updates=None if said is None else [shown_update(each) for each in said],
    )
