"""What the forms of an incident's page on the desk do: one function a form, which calls the room's verb.

Each returns the number of the incident to go on with, and raises what its verb raises.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Invalid
from vedette.incidents import conduct
from vedette.incidents.close import close_incident, reopen_incident
from vedette.incidents.correct import correct_incident
from vedette.incidents.edit import edit_update
from vedette.incidents.merge import merge_incidents
from vedette.incidents.model import Incident, Kind
from vedette.incidents.plan import Replan, modify
from vedette.incidents.postmortem import write_postmortem
from vedette.incidents.publish import publish_incident
from vedette.incidents.rules import OVER, impact_of, status_of
from vedette.incidents.separate import separate_components
from vedette.incidents.update import note, update_incident
from vedette.incidents.whom import components_of
from vedette.web.desk_form import Typed
from vedette.web.reader import N_

Deed = Callable[[Connection, Incident, Typed, str, datetime], Awaitable[int]]
"""`deed(conn, held, typed, by, now)`."""


async def _say(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    word, weight = typed.changed("status"), typed.changed("impact")
    status = None if word is None else status_of(word, held.kind)
    impact = None if weight is None else impact_of(weight)
    title, description = typed.changed("title"), typed.changed("description")
    text, at, version = typed.text("text"), typed.time("at"), typed.number("version")
    if status not in OVER:
        await update_incident(
            conn,
            held.id,
            by=by,
            now=now,
            status=status,
            impact=impact,
            text=text,
            title=title,
            description=description,
            at=at,
            version=version,
        )
        return held.id
    if any(given is not None for given in (impact, title, description)):
        raise Invalid(
            N_("the last word changes nothing else"),
            hint=N_("send the change first, then the end"),
        )
    await close_incident(conn, held.id, by=by, now=now, text=text, at=at, version=version)
    return held.id


async def _reopen(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    version = typed.number("version")
    await reopen_incident(conn, held.id, by=by, now=now, text=typed.text("text"), version=version)
    return held.id


async def _note(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    # Without a version: a note takes nothing from anybody.
    await note(conn, held.id, typed.text("text"), by=by, now=now)
    return held.id


async def _edit(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    update_id, text = typed.number("update"), typed.text("text")
    await edit_update(
        conn, held.id, update_id, text, by=by, now=now, version=typed.number("version")
    )
    return held.id


async def _publish(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    await publish_incident(conn, held.id, by=by, now=now, version=typed.number("version"))
    return held.id


async def _correct(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    await correct_incident(
        conn,
        held.id,
        by=by,
        now=now,
        starts_at=typed.time("starts_at"),
        ends_at=typed.time("ends_at"),
        text=typed.text("text"),
        version=typed.number("version"),
    )
    return held.id


async def _separate(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    return await separate_components(
        conn,
        held.id,
        await components_of(conn, components=typed.every("component")),
        by=by,
        now=now,
        title=typed.text("title").strip() or None,
        version=typed.number("version"),
    )


async def _merge(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    into = typed.number("into")
    await merge_incidents(conn, held.id, into, by=by, now=now, version=typed.number("version"))
    return into


async def _postmortem(
    conn: Connection, held: Incident, typed: Typed, by: str, now: datetime
) -> int:
    await write_postmortem(
        conn,
        held.id,
        typed.text("postmortem"),
        by=by,
        now=now,
        publish=typed.do == "publish",
        version=typed.number("version"),
    )
    return held.id


async def _begin(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    version, text = typed.number("version"), typed.text("text")
    await conduct.start(conn, held.id, by=by, now=now, text=text, version=version)
    return held.id


async def _finish(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    version, text = typed.number("version"), typed.text("text")
    at = typed.time("at")
    await conduct.finish(conn, held.id, by=by, now=now, at=at, text=text, version=version)
    return held.id


async def _cancel(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    version, text = typed.number("version"), typed.text("text")
    await conduct.cancel(conn, held.id, by=by, now=now, text=text, version=version)
    return held.id


async def _change(conn: Connection, held: Incident, typed: Typed, by: str, now: datetime) -> int:
    words, was = typed.every("component"), typed.every("was.component")
    regions = typed.every("region")
    is_moved = bool(regions) or set(words) != set(was)
    wish = Replan(
        title=typed.changed("title"),
        description=typed.changed("description"),
        starts_at=typed.time("starts_at"),
        ends_at=typed.time("ends_at"),
        components=await components_of(conn, components=words, regions=regions)
        if is_moved
        else None,
        text=typed.text("text"),
    )
    await modify(conn, held.id, wish, by=by, now=now, version=typed.number("version"))
    return held.id


_OF_ALL: dict[str, Deed] = {"note": _note, "edit": _edit, "publish": _publish}
_OF_AN_INCIDENT: dict[str, Deed] = {
    "reopen": _reopen,
    "correct": _correct,
    "separate": _separate,
    "merge": _merge,
    "postmortem": _postmortem,
}
_OF_A_MAINTENANCE: dict[str, Deed] = {
    "begin": _begin,
    "finish": _finish,
    "cancel": _cancel,
    "change": _change,
}
DEEDS: dict[Kind, dict[str, Deed]] = {
    Kind.INCIDENT: {"say": _say, **_OF_ALL, **_OF_AN_INCIDENT},
    Kind.MAINTENANCE: {"say": _say, **_OF_ALL, **_OF_A_MAINTENANCE},
    Kind.INFO: {"say": _say, **_OF_ALL},
}
"""By the name of the form, for each kind."""
