"""What changes in the book, and what every change leaves behind; private to the room.

A verb opens a transaction, takes `hold`, reads, decides, calls what it needs of these, and ends with
`settle`. Nothing here commits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, TypedDict, Unpack

from psycopg.types.json import Jsonb

from vedette.access.audit import write_audit
from vedette.db.locks import lock_number
from vedette.db.queries import Connection, load
from vedette.incidents.model import Draft, Impact, Said, Status

Q = load(__file__, "writes.sql")

FROM_THE_START = "-infinity"
"""A gravity since then counts from the incident's start, wherever that is moved."""


class Changes(TypedDict, total=False):
    """The columns `change` may set; what is left out stays. reopen: take the end away."""

    title: str
    description: str
    impact: Impact
    status: Status
    starts_at: datetime
    ends_at: datetime
    reopen: bool
    published_at: datetime
    publish_at: datetime
    revised_at: datetime
    merged_into: int
    postmortem: str
    postmortem_at: datetime
    taken: bool


async def hold(conn: Connection) -> None:
    """Be the one who writes, until the transaction ends; waits for whoever is."""
    await Q.one(conn, "hold", number=lock_number("incidents"))


async def insert(conn: Connection, draft: Draft, *, by: str, now: datetime) -> int:
    """Add an incident with its components and its first gravity; return its id."""
    row = asdict(draft)
    components = row.pop("components")
    incident_id: int = await Q.value(conn, "insert", **row, by=by, now=now)
    await Q.run(
        conn, "insert_gravity", incident_id=incident_id, since=FROM_THE_START, impact=draft.impact
    )
    await join(conn, incident_id, components, at=None)
    return incident_id


async def say(
    conn: Connection,
    incident_id: int,
    status: str,
    text: str = "",
    *,
    at: datetime,
    by: str,
    now: datetime,
    internal: bool = False,
) -> int:
    """Add an update; return its id."""
    update_id: int = await Q.value(
        conn,
        "insert_updates",
        incidents=[incident_id],
        texts=[text],
        authors=[by],
        at=at,
        status=str(status),
        internal=internal,
        now=now,
    )
    return update_id


async def note(conn: Connection, notes: Sequence[tuple[int, str, str]], *, now: datetime) -> None:
    """Say of incidents what a machine did to them: number, text and author of each, in their order."""
    await Q.run(
        conn,
        "insert_updates",
        incidents=[number for number, _, _ in notes],
        texts=[text for _, text, _ in notes],
        authors=[by for _, _, by in notes],
        at=now,
        status=str(Said.SYSTEM),
        internal=False,
        now=now,
    )


async def join(
    conn: Connection, incident_id: int, components: Sequence[int], *, at: datetime | None
) -> None:
    """Say that it affects these, too, from `at` on; None: from its start."""
    await join_each(conn, [(incident_id, one, False) for one in components], at=at)


async def join_each(
    conn: Connection, members: Sequence[tuple[int, int, bool]], *, at: datetime | None
) -> None:
    """Say of incidents that each affects a component, too, from `at` on; True: it is over by now."""
    await Q.run(
        conn,
        "join",
        incidents=[number for number, _, _ in members],
        components=[component for _, component, _ in members],
        passing=[is_over for _, _, is_over in members],
        at=at,
    )


async def leave(
    conn: Connection, incident_id: int, components: Sequence[int], *, at: datetime
) -> None:
    """Say that it affects these no longer."""
    await leave_each(conn, [(incident_id, one) for one in components], at=at)


async def leave_each(conn: Connection, members: Sequence[tuple[int, int]], *, at: datetime) -> None:
    """Say of incidents that each affects a component no longer."""
    await Q.run(
        conn,
        "leave",
        incidents=[number for number, _ in members],
        components=[component for _, component in members],
        at=at,
    )


async def weigh(
    conn: Connection, incident_id: int, impact: Impact, *, since: datetime | None
) -> None:
    """Say how grave it is from `since` on, None: from its start; set its own impact with `change`."""
    await Q.run(
        conn,
        "insert_gravity",
        incident_id=incident_id,
        since=since or FROM_THE_START,
        impact=impact,
    )


async def change(conn: Connection, incident_id: int, **columns: Unpack[Changes]) -> None:
    """Set columns of an incident; what is not named stays."""
    unset: dict[str, Any] = dict.fromkeys(Changes.__annotations__)
    given = {**unset, "reopen": False, "taken": False, **columns}
    await Q.run(conn, "change", incident_id=incident_id, **given)


async def settle(
    conn: Connection,
    ids: Sequence[int],
    change: str,
    *,
    by: str,
    now: datetime,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """End a verb: the published past anew, one more version, a line in the audit log, the outbox, the notice.

    change: the verb, as in `open` or `merge`; the audit log keeps `incident.merge`.
    """
    numbers = list(ids)
    await Q.run(conn, "settle", ids=numbers, change=change, now=now, payload=Jsonb(detail or {}))
    await Q.run(conn, "settle_spans", ids=numbers)
    await Q.run(conn, "notify", ids=numbers)
    await write_audit(
        conn,
        actor=by,
        action=f"incident.{change}",
        object=" ".join(f"incident:{number}" for number in numbers),
        detail=detail,
    )
