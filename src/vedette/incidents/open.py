"""Tell people that something broke, or note it down as a draft."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.errors import Invalid
from vedette.incidents import writes
from vedette.incidents.model import Draft, Kind, Said, Status
from vedette.incidents.rules import check_impact, check_times, status_of
from vedette.incidents.texts import checked_text, with_checked_texts

Q = load(__file__, "open.sql")


async def open_incident(
    conn: Connection, draft: Draft, *, by: str, now: datetime, text: str = ""
) -> int:
    """Add what the draft says, with a first update when there is a text; return its id.

    A person's incident takes its components out of every other open one, since people read about a
    component in one place; whoever is emptied by that closes. One that has an end is told afterwards:
    it is over, and says that the past was changed. Raises Invalid.
    """
    draft, text = _checked(draft, now=now), checked_text(text)
    is_over = draft.kind is Kind.INCIDENT and draft.ends_at is not None
    async with conn.transaction():
        await writes.hold(conn)
        await check_components(conn, draft.components, kind=draft.kind)
        number = await writes.insert(conn, draft, by=by, now=now)
        if text:
            at = draft.ends_at if is_over and draft.ends_at else now
            await writes.say(conn, number, draft.status, text, at=at, by=by, now=now)
        touched = [number]
        if is_over and draft.published_at is not None:
            await writes.change(conn, number, revised_at=now)
        elif draft.kind is Kind.INCIDENT and draft.published_at is not None and not draft.system:
            touched += await take_over(conn, number, draft.components, by=by, now=now)
        await writes.settle(conn, touched, "open", by=by, now=now)
    return number


def _checked(draft: Draft, *, now: datetime) -> Draft:
    """Return the draft as it will be kept; raises Invalid."""
    check_impact(draft.kind, draft.impact)
    check_times(draft.kind, draft.starts_at, draft.ends_at, now=now)
    status = status_of(draft.status, draft.kind)
    if draft.kind is Kind.INCIDENT:
        if draft.ends_at is not None:
            status = Status.RESOLVED
        elif status is Status.RESOLVED:
            raise Invalid("what is resolved has an end", hint="say when it was over")
    if draft.published_at is None and draft.publish_at is not None and draft.publish_at <= now:
        raise Invalid("it cannot go out in the past", hint="publish it now, or leave the time out")
    return replace(
        with_checked_texts(draft),
        status=status,
        components=list(dict.fromkeys(draft.components)),
        publish_at=None if draft.published_at else draft.publish_at,
    )


async def check_components(conn: Connection, components: Sequence[int], *, kind: Kind) -> None:
    """Raise Invalid unless there are such components, and at least one where one is needed."""
    if not components and kind is not Kind.INFO:
        raise Invalid(
            f"whom does it affect? This kind needs a component: {kind}",
            hint="name components, services or regions",
        )
    known = {row[0] for row in await Q.all(conn, "living", components=list(components))}
    unknown = [str(number) for number in components if number not in known]
    if unknown:
        raise Invalid(
            f"there is no component {', '.join(unknown)}",
            hint="`vedette get components` lists them",
        )


async def take_over(
    conn: Connection,
    number: int,
    components: Sequence[int],
    *,
    by: str,
    now: datetime,
    of_machines: bool = False,
) -> list[int]:
    """Take these out of the other open incidents; return the ids of those, some of them closed now.

    of_machines: only out of those that no person has touched.
    """
    others: dict[int, list[int]] = {}
    emptied = set()
    for other, member, is_emptied in await Q.all(
        conn, "elsewhere", number=number, components=list(components), of_machines=of_machines
    ):
        others.setdefault(other, []).append(member)
        if is_emptied:
            emptied.add(other)
    for other, members in others.items():
        labels = ", ".join(await labels_of(conn, members))
        if other in emptied:
            # It keeps them: its past would be nobody's otherwise.
            await writes.change(conn, other, ends_at=now, status=Status.RESOLVED)
            tail = ", Incident closed by system"
        else:
            await writes.leave(conn, other, members, at=now)
            tail = ""
        await _note(conn, other, f"{labels} moved to {await link_to(conn, number)}{tail}", by, now)
        await _note(conn, number, f"{labels} moved from {await link_to(conn, other)}", by, now)
    return list(others)


async def labels_of(conn: Connection, components: Sequence[int]) -> list[str]:
    """Return what notes call these components, as in `Orders (Shop, EU-DE)`."""
    return [row[0] for row in await Q.all(conn, "labels", components=list(components))]


async def link_to(conn: Connection, number: int) -> str:
    """Return a Markdown link to an incident."""
    return link(number, str(await Q.value(conn, "title", number=number)))


def link(number: int, title: str) -> str:
    """Return a Markdown link to the incident of that title, whatever the title holds."""
    plain = "".join(" " if char in "[]\\`<>" else char for char in title)
    return f"[{plain}](/incidents/{number})"


async def _note(conn: Connection, number: int, text: str, by: str, now: datetime) -> None:
    await writes.say(conn, number, Said.SYSTEM, text, at=now, by=by, now=now)
