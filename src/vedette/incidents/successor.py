"""What posts to the Status Dashboard's successor come to: its rules, our verbs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.db.queries import Connection
from vedette.errors import Invalid, Missing
from vedette.incidents import writes
from vedette.incidents.components import Component, components
from vedette.incidents.conduct import advance
from vedette.incidents.edit import edit_update
from vedette.incidents.model import Draft, Impact, Incident, Kind, Status
from vedette.incidents.open import open_incident
from vedette.incidents.plan import Plan, plan
from vedette.incidents.reads import affected, incident, incidents, updates
from vedette.incidents.reporter_rules import Deed
from vedette.incidents.reporters import Manners, Outcome, Post, Word
from vedette.incidents.separate import separate_components
from vedette.incidents.successor_bodies import NewEvent
from vedette.incidents.turns import Together

IN_MAINTENANCE = "event creation failed, component in maintenance"
NO_EVENT = "event does not exist"
DESCRIPTION = "System-wide incident affecting multiple components. Created automatically."
PLANNED = {
    Kind.MAINTENANCE: "Maintenance is planned.",
    Kind.INFO: "The informational notification is planned.",
}


@dataclass(frozen=True, slots=True)
class Result:
    """Which event a component of a new event is in now; error: why it is another one."""

    component_id: int
    incident_id: int
    error: str = ""


async def public_event(conn: Connection, number: int) -> Incident:
    """Return the event; raises Missing for one that is not, or not yet, public."""
    found = await incidents(conn, [number])
    if not found or found[0].published_at is None:
        raise Missing(NO_EVENT)
    return found[0]


async def members_of(conn: Connection, ids: Sequence[int]) -> list[Component]:
    """Return these components, each once; raises Invalid naming the first there is not."""
    wanted = list(dict.fromkeys(ids))
    found = {one.id: one for one in await components(conn, wanted)}
    for number in wanted:
        if number not in found:
            raise Invalid(f"component does not exist, component_id: {number}")
    return [found[number] for number in wanted]


async def words_of(conn: Connection, event: NewEvent, ids: Sequence[int], *, by: str) -> list[Word]:
    """Return monitoring's word for each component by itself; raises Invalid for one there is not."""
    return [
        Word(
            Post(
                component=component,
                impact=Impact(event.impact),
                title=event.title,
                description=event.description or DESCRIPTION,
                starts_at=event.start_date,
                manners=Manners.SUCCESSOR,
            ),
            by,
        )
        for component in await members_of(conn, ids)
    ]


async def results_of(_: Together, outcomes: Sequence[Outcome]) -> list[Result]:
    """Return what is answered of what the words came to."""
    return [
        Result(
            one.component.id,
            one.incident_id,
            IN_MAINTENANCE if one.deed is Deed.KEEP_MAINTENANCE else "",
        )
        for one in outcomes
    ]


async def create_event(
    conn: Connection, event: NewEvent, members: Sequence[Component], *, by: str, now: datetime
) -> list[Result]:
    """Open a person's incident, plan a maintenance or announce something; raises Invalid."""
    ids = [one.id for one in members]
    kind = event.type
    async with conn.transaction():
        await writes.hold(conn)
        if kind is Kind.MAINTENANCE and event.end_date is not None:
            wish = Plan(
                title=event.title,
                description=event.description,
                starts_at=event.start_date,
                ends_at=event.end_date,
                components=ids,
            )
            number = await plan(conn, wish, by=by, now=now)
        else:
            number = await _open(conn, kind, event, ids, by=by, now=now)
        if kind is not Kind.INCIDENT and (await incident(conn, number)).status is Status.PLANNED:
            await writes.say(conn, number, Status.PLANNED, PLANNED[kind], at=now, by=by, now=now)
    return [Result(each, number) for each in ids]


async def _open(
    conn: Connection, kind: Kind, event: NewEvent, ids: Sequence[int], *, by: str, now: datetime
) -> int:
    draft = Draft(
        kind=kind,
        title=event.title,
        description=event.description,
        impact=Impact(event.impact),
        status=Status.DETECTED if kind is Kind.INCIDENT else Status.PLANNED,
        starts_at=event.start_date,
        ends_at=event.end_date,
        components=ids,
        published_at=now,
    )
    text = "The incident is detected." if kind is Kind.INCIDENT else ""
    number = await open_incident(conn, draft, by=by, now=now, text=text)
    await advance(conn, number, by=by, now=now)
    return number


async def extract(
    conn: Connection, number: int, ids: Sequence[int], *, by: str, now: datetime
) -> int:
    """Move these components into an event of their own with the same title; return its id.

    Raises Missing, or Invalid with its sentence when one is not in the event or all would go.
    """
    held = await public_event(conn, number)
    if held.kind is not Kind.INCIDENT:
        raise Invalid("extract is only available for incident type events")
    members = {
        one.component_id for one in (await affected(conn, [number]))[number] if one.left_at is None
    }
    for each in ids:
        if each not in members:
            raise Invalid(f"component {each} is not in the incident")
    if members == set(ids):
        raise Invalid("can not move all components to the new incident, keep at least one")
    return await separate_components(conn, number, ids, by=by, now=now, title=held.title)


async def reword(
    conn: Connection, number: int, index: int, text: str, *, by: str, now: datetime
) -> None:
    """Replace the text of the update with this index, the oldest being 0; raises Missing."""
    await public_event(conn, number)
    said = (await updates(conn, [number]))[number][::-1]
    if index >= len(said):
        raise Missing("update does not exist")
    await edit_update(conn, number, said[index].id, text, by=by, now=now)
