"""Take a reporter's word that a component fails, and do what the decision table says.

A reporter repeats itself every minute while the trouble lasts and says nothing when it is over. Most
posts change nothing: they are answered from two reads, without waiting for whoever writes.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.incidents import writes
from vedette.incidents.components import Component
from vedette.incidents.model import Draft, Impact, Kind, Origin, Said, Status, Titles
from vedette.incidents.open import link_to
from vedette.incidents.reads import incident
from vedette.incidents.reporter_rules import Decision, Deed, Standing, decide
from vedette.incidents.reporter_titles import (
    COMPATIBLE,
    keep_made_titles,
    made_title,
    made_titles,
)
from vedette.incidents.rules import escalation

Q = load(__file__, "reporters.sql")


class Manners(StrEnum):
    """Whose engine answers: the first Status Dashboard's, or its successor's."""

    FIRST = "first"
    SUCCESSOR = "successor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One word of a reporter.

    title: "" lets us make one, after `titles`. starts_at: None is now.
    """

    component: Component
    impact: Impact
    title: str = ""
    titles: Titles = Titles.NAMED
    description: str = ""
    starts_at: datetime | None = None
    manners: Manners = Manners.FIRST


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a post came to, and the incident the component is in now."""

    deed: Deed
    incident_id: int


async def report(conn: Connection, post: Post, *, by: str, now: datetime) -> Outcome:
    """Do what the decision table says of this post; safe to repeat, safe beside others.

    The same post again changes nothing. Raises Invalid for an impact that is no incident's.
    """
    if post.impact is Impact.MAINTENANCE:
        raise Invalid("Incident impact is not allowed by configuration", hint="1, 2 or 3")
    decision = await _decide(conn, post, now)
    if decision.deed not in (Deed.KEEP, Deed.KEEP_MAINTENANCE):
        async with conn.transaction():
            await writes.hold(conn)
            # Somebody may have written while we waited.
            decision = await _decide(conn, post, now)
            return await _do(conn, post, decision, by=by, now=now)
    assert decision.source is not None
    return Outcome(decision.deed, decision.source)


async def _decide(conn: Connection, post: Post, now: datetime) -> Decision:
    component_id = post.component.id
    rows = await Q.all(conn, "standing", component_id=component_id, now=now)
    standing = [Standing(row[0], Impact(row[1]), *row[2:]) for row in rows]
    return decide(
        post.impact,
        await Q.value(conn, "maintenance", component_id=component_id, now=now),
        standing,
        weigh_persons=post.manners is Manners.FIRST,
    )


async def _do(
    conn: Connection, post: Post, decision: Decision, *, by: str, now: datetime
) -> Outcome:
    source, target, component = decision.source, decision.target, post.component
    held = await made_titles(conn, [each for each in (source, target) if each is not None])
    match decision.deed:
        case Deed.OPEN:
            target = await _open(conn, post, by=by, now=now)
            touched = [target]
        case Deed.JOIN:
            assert target is not None
            await writes.join(conn, target, [component.id], at=now)
            title = (await incident(conn, target)).title
            suffix = f"added to {title}" if post.manners is Manners.FIRST else SUCCESSOR_JOIN
            await _note(conn, target, f"{component.label} {suffix}", by=by, now=now)
            touched = [target]
        case Deed.ESCALATE:
            assert source is not None
            target = source
            was = (await incident(conn, source)).impact
            await writes.weigh(conn, source, post.impact, since=now)
            await writes.change(conn, source, impact=post.impact)
            await _note(conn, source, escalation(was, post.impact), by=by, now=now)
            touched = [source]
        case Deed.MOVE:
            assert source is not None
            assert target is not None
            await _move(conn, component, source, target, empties=decision.empties, by=by, now=now)
            touched = [source, target]
        case Deed.SPLIT:
            assert source is not None
            # It leaves before the new one takes it: it may stand in one of ours at a time.
            await writes.leave(conn, source, [component.id], at=now)
            target = await _open(conn, post, by=by, now=now)
            await _note_move(conn, component, source, target, by=by, now=now)
            touched = [source, target]
        case _:
            assert source is not None
            return Outcome(decision.deed, source)
    await keep_made_titles(conn, [each for each, (is_, made) in held.items() if is_ == made])
    await writes.settle(
        conn,
        touched,
        decision.deed,
        by=by,
        now=now,
        detail={"component": component.label, "impact": int(post.impact)},
    )
    return Outcome(decision.deed, target)


SUCCESSOR_JOIN = "added to the incident by system."


async def _open(conn: Connection, post: Post, *, by: str, now: datetime) -> int:
    draft = Draft(
        kind=Kind.INCIDENT,
        title=post.title or _title(post),
        description=post.description,
        impact=post.impact,
        status=Status.DETECTED,
        origin=Origin.REPORTER,
        system=True,
        starts_at=min(post.starts_at or now, now),
        published_at=now,
        components=[post.component.id],
    )
    number = await writes.insert(conn, draft, by=by, now=now)
    if post.manners is Manners.SUCCESSOR:
        await writes.say(
            conn, number, Status.DETECTED, "The incident is detected.", at=now, by=by, now=now
        )
    return number


def _title(post: Post) -> str:
    if post.titles is Titles.COMPATIBLE:
        return COMPATIBLE
    return made_title(post.component, post.impact, 1)


async def _move(
    conn: Connection,
    component: Component,
    source: int,
    target: int,
    *,
    empties: bool,
    by: str,
    now: datetime,
) -> None:
    """Take it from one incident to another; the emptied one closes and keeps it in its past."""
    if empties:
        await writes.change(conn, source, ends_at=now, status=Status.RESOLVED)
    else:
        await writes.leave(conn, source, [component.id], at=now)
    await writes.join(conn, target, [component.id], at=now)
    await _note_move(conn, component, source, target, by=by, now=now)
    if empties:
        await _note(conn, source, "CLOSED BY SYSTEM", by=by, now=now)


async def _note_move(
    conn: Connection, component: Component, source: int, target: int, *, by: str, now: datetime
) -> None:
    for number, words, other in ((source, "moved to", target), (target, "moved from", source)):
        text = f"{component.label} {words} {await link_to(conn, other)}"
        await _note(conn, number, text, by=by, now=now)


async def _note(conn: Connection, number: int, text: str, *, by: str, now: datetime) -> None:
    await writes.say(conn, number, Said.SYSTEM, text, at=now, by=by, now=now)
