"""REST routes that change incidents: one route a verb, each answering the incident as it is then.

Every one takes `If-Match` with the version one has read (409 when somebody was faster) and
`Idempotency-Key` (the same request again within a day is answered, not done).
"""

from datetime import datetime

import msgspec
from litestar import Response, patch, post, put

from vedette import clock
from vedette.access.model import Actor
from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.incidents.close import close_incident, reopen_incident
from vedette.incidents.correct import correct_incident
from vedette.incidents.edit import edit_update
from vedette.incidents.events_shown import AnyRequest, Event, EventId, answered, aware
from vedette.incidents.merge import merge_incidents
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.postmortem import write_postmortem
from vedette.incidents.publish import publish_incident
from vedette.incidents.reads import incident
from vedette.incidents.rules import impact_of, status_of
from vedette.incidents.separate import separate_components
from vedette.incidents.templates import template
from vedette.incidents.update import note, update_incident
from vedette.incidents.whom import components_of
from vedette.rest.versions import version_asked


class NewEvent(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An incident or a note to open.

    impact: 1 to 3, or minor, major, outage; default minor. status: default analyzing, or active for a note.
    components: slugs or `service@region`; services and regions name all of theirs, together what is in
    both. starts_at: default now. ends_at: it is over already. draft: nobody is told yet; publish_at: when it
    goes out by itself. template: where title, text and impact come from when they are left out.
    """

    title: str = ""
    kind: str = "incident"
    impact: int | str | None = None
    status: str | None = None
    text: str = ""
    description: str = ""
    components: list[str] = []
    services: list[str] = []
    regions: list[str] = []
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    draft: bool = False
    publish_at: datetime | None = None
    template: str | None = None


class NewUpdate(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Something to say: where it stands, how grave it is, what was found.

    at: when it was so; default now. title: its new title. internal: a note that operators alone read; it has
    a text and nothing else.
    """

    text: str = ""
    status: str | None = None
    impact: int | str | None = None
    title: str | None = None
    at: datetime | None = None
    internal: bool = False


class NewText(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Other words for what was said."""

    text: str


class Closing(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The end of it; at: default now."""

    text: str = ""
    at: datetime | None = None


class Reopening(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Why it is not over."""

    text: str = ""


class Correction(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The times as they were; null leaves one as it is."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    text: str = ""


class Separation(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Who gets an incident of their own, named as when opening; title: default the old one with their names."""

    components: list[str] = []
    services: list[str] = []
    regions: list[str] = []
    title: str | None = None


class Merging(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The incident that takes it in."""

    into: int


class Postmortem(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What happened and why, in Markdown; publish: everyone may read it, from now on."""

    text: str
    publish: bool = False


@post("/api/v1/events", status_code=201)
async def open_event(
    request: AnyRequest, conn: Connection, actor: Actor, data: NewEvent
) -> Response[Event]:
    """Open an incident or a note, in public or as a draft; a maintenance is planned at its own route."""

    async def act() -> int:
        now = clock.now()
        draft, text = await _draft(conn, data, now=now)
        return await open_incident(conn, draft, by=actor.name, now=now, text=text)

    return await answered(request, conn, actor, act, status=201)


@post("/api/v1/events/{number:int}/updates", status_code=201)
async def add_update(
    request: AnyRequest, conn: Connection, actor: Actor, number: EventId, data: NewUpdate
) -> Response[Event]:
    """Say something more of one that is open, or leave a note for operators."""
    version = version_asked(request)

    async def act() -> int:
        now = clock.now()
        if data.internal:
            if not all(given is None for given in (data.status, data.impact, data.title, data.at)):
                raise Invalid("an internal note has a text and nothing else", hint="send two")
            await note(conn, number, data.text, by=actor.name, now=now, version=version)
            return number
        held = await incident(conn, number)
        await update_incident(
            conn,
            number,
            by=actor.name,
            now=now,
            status=None if data.status is None else status_of(data.status, held.kind),
            impact=None if data.impact is None else impact_of(data.impact),
            text=data.text,
            title=data.title,
            at=aware(data.at, "at"),
            version=version,
        )
        return number

    return await answered(request, conn, actor, act, status=201)


@patch("/api/v1/events/{number:int}/updates/{update_id:int}")
async def change_update(
    request: AnyRequest,
    conn: Connection,
    actor: Actor,
    number: EventId,
    update_id: int,
    data: NewText,
) -> Response[Event]:
    """Put an update into other words; readers see that it was edited."""
    version = version_asked(request)

    async def act() -> int:
        by, now = actor.name, clock.now()
        await edit_update(conn, number, update_id, data.text, by=by, now=now, version=version)
        return number

    return await answered(request, conn, actor, act)


@post("/api/v1/events/{number:int}/close", status_code=200)
async def close_event(
    request: AnyRequest, conn: Connection, actor: Actor, number: EventId, data: Closing
) -> Response[Event]:
    """Say that an incident or a note is over, since now or since a time that has passed."""
    version, at = version_asked(request), aware(data.at, "at")

    async def act() -> int:
        by, now = actor.name, clock.now()
        await close_incident(conn, number, by=by, now=now, text=data.text, at=at, version=version)
        return number

    return await answered(request, conn, actor, act)


@post("/api/v1/events/{number:int}/reopen", status_code=200)
async def reopen_event(
    request: AnyRequest, conn: Connection, actor: Actor, number: EventId, data: Reopening
) -> Response[Event]:
    """Say that a closed incident is not over, as if it had never ended."""
    version = version_asked(request)

    async def act() -> int:
        by, now = actor.name, clock.now()
        await reopen_incident(conn, number, by=by, now=now, text=data.text, version=version)
        return number

    return await answered(request, conn, actor, act)


@post("/api/v1/events/{number:int}/correct", status_code=200)
async def correct_event(
    request: AnyRequest, conn: Connection, actor: Actor, number: EventId, data: Correction
) -> Response[Event]:
    """Move the start or the end afterwards; pages say that the past was revised."""
    version = version_asked(request)
    starts_at, ends_at = aware(data.starts_at, "starts_at"), aware(data.ends_at, "ends_at")

    async def act() -> int:
        await correct_incident(
            conn,
            number,
            by=actor.name,
            now=clock.now(),
            starts_at=starts_at,
            ends_at=ends_at,
            text=data.text,
            version=version,
        )
        return number

    return await answered(request, conn, actor, act)


@post("/api/v1/events/{number:int}/separate", status_code=201)
async def separate_event(
    request: AnyRequest, conn: Connection, actor: Actor, number: EventId, data: Separation
) -> Response[Event]:
    """Give some components an incident of their own; answers the new one."""
    version = version_asked(request)

    async def act() -> int:
        members = await components_of(
            conn, components=data.components, services=data.services, regions=data.regions
        )
        return await separate_components(
            conn,
            number,
            members,
            by=actor.name,
            now=clock.now(),
            title=data.title,
            version=version,
        )

    return await answered(request, conn, actor, act, status=201)


@post("/api/v1/events/{number:int}/merge", status_code=200)
async def merge_event(
    request: AnyRequest, conn: Connection, actor: Actor, number: EventId, data: Merging
) -> Response[Event]:
    """Let another incident take this one in; answers the other one."""
    version = version_asked(request)

    async def act() -> int:
        by, now = actor.name, clock.now()
        await merge_incidents(conn, number, data.into, by=by, now=now, version=version)
        return data.into

    return await answered(request, conn, actor, act)


@post("/api/v1/events/{number:int}/publish", status_code=200)
async def publish_event(
    request: AnyRequest, conn: Connection, actor: Actor, number: EventId
) -> Response[Event]:
    """Let everyone read a draft."""
    version = version_asked(request)

    async def act() -> int:
        await publish_incident(conn, number, by=actor.name, now=clock.now(), version=version)
        return number

    return await answered(request, conn, actor, act)


@put("/api/v1/events/{number:int}/postmortem")
async def put_postmortem(
    request: AnyRequest, conn: Connection, actor: Actor, number: EventId, data: Postmortem
) -> Response[Event]:
    """Keep the post-mortem of an incident, and publish it when said so."""
    version = version_asked(request)

    async def act() -> int:
        await write_postmortem(
            conn,
            number,
            data.text,
            by=actor.name,
            now=clock.now(),
            publish=data.publish,
            version=version,
        )
        return number

    return await answered(request, conn, actor, act)


routes = [
    open_event,
    add_update,
    change_update,
    close_event,
    reopen_event,
    correct_event,
    separate_event,
    merge_event,
    publish_event,
    put_postmortem,
]


async def _draft(conn: Connection, data: NewEvent, *, now: datetime) -> tuple[Draft, str]:
    """Return what is to be opened and its first words; raises Invalid or Missing."""
    title, text, impact = data.title, data.text, data.impact
    if data.template is not None:
        words = await template(conn, data.template)
        title, text = title or words.title, text or words.text
        impact = words.impact if impact is None else impact
    kind = _kind(data.kind)
    if impact is None:
        impact = Impact.MINOR if kind is Kind.INCIDENT else Impact.MAINTENANCE
    starts_at = aware(data.starts_at, "starts_at") or now
    if kind is Kind.INCIDENT:
        status = Status.ANALYZING if data.ends_at is None else Status.RESOLVED
    else:
        status = Status.ACTIVE if starts_at <= now else Status.PLANNED
    draft = Draft(
        kind=kind,
        title=title,
        impact=impact_of(impact),
        status=status_of(data.status or status, kind),
        starts_at=starts_at,
        ends_at=aware(data.ends_at, "ends_at"),
        description=data.description,
        components=await components_of(
            conn, components=data.components, services=data.services, regions=data.regions
        ),
        published_at=None if data.draft or data.publish_at else now,
        publish_at=aware(data.publish_at, "publish_at"),
    )
    return draft, text


def _kind(word: str) -> Kind:
    if word == Kind.MAINTENANCE:
        raise Invalid("a maintenance is planned", hint="POST /api/v1/maintenances")
    if word not in set(Kind):
        raise Invalid(f"there is no kind {word[:40]!a}", hint="incident or info")
    return Kind(word)
