"""Questions of the pages of actions, across rooms; one function, one query."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vedette.db.queries import Connection, load
from vedette.web.paging import PAGE_ROWS

Q = load(__file__, "action_reads.sql")

DOCUMENT_BYTES = 65_536
"""A longer action is named in a list and not told."""
ANSWER_BYTES = 262_144
"""A longer answer is counted on the page and not shown."""
GROUPS, NAMES, BRIEF = 25, 20, 10
"""Groups of like answers, agents named of a group, actions named beside something else."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An action in the list; operations: None where they are too long for one."""

    id: int
    state: str
    name: str
    target: str
    modules: list[str]
    proposed_by: str
    proposed_at: datetime
    valid_from: datetime
    expire_after: datetime
    paused_at: datetime | None
    incident_id: int | None
    operations: list[dict[str, Any]] | None
    signers: list[str]


@dataclass(frozen=True, slots=True)
class Alike:
    """Answers that say the same: how many, of whom, and one of them; None: too long for a page."""

    commands: int
    found: bool
    agents: list[str]
    size_bytes: int
    answer: str | None


@dataclass(frozen=True, slots=True)
class Failure:
    """Commands that ended so for the same reason; message: one of `messages` different ones."""

    outcome: str
    reason: str
    commands: int
    message: str
    messages: int
    agents: list[str]


@dataclass(frozen=True, slots=True)
class Away:
    """Agents that an action waits for: offline or quarantined (not asked), silent or unheard (asked)."""

    standing: str
    commands: int
    agents: list[str]


@dataclass(frozen=True, slots=True)
class Brief:
    """An action beside something else."""

    id: int
    name: str
    state: str
    paused_at: datetime | None


async def tally(conn: Connection) -> dict[str, int]:
    """Return how many actions there are of each state."""
    return dict(await Q.all(conn, "tally"))


async def listed(conn: Connection, *, state: str, page: int) -> list[Listed]:
    """Return that page of the actions of a state, or of all."""
    skip = (page - 1) * PAGE_ROWS
    return await Q.all(
        conn,
        "listed",
        row=Listed,
        state=state,
        skip=skip,
        limit=PAGE_ROWS,
        most_bytes=DOCUMENT_BYTES,
    )


async def alike(conn: Connection, action_id: int) -> list[Alike]:
    """Return the successful answers grouped by what they say."""
    given = {"action_id": action_id, "names": NAMES, "limit": GROUPS, "most_bytes": ANSWER_BYTES}
    return await Q.all(conn, "alike", row=Alike, **given)


async def kinds_of_answers(conn: Connection, action_id: int) -> int:
    """Return how many different answers there are."""
    return int(await Q.value(conn, "kinds_of_answers", action_id=action_id))


async def failures(conn: Connection, action_id: int) -> list[Failure]:
    """Return what did not succeed, by why."""
    return await Q.all(
        conn, "failures", row=Failure, action_id=action_id, names=NAMES, limit=GROUPS
    )


async def away(conn: Connection, action_id: int) -> list[Away]:
    """Return whom the action waits for because they are away, or get no orders."""
    return await Q.all(conn, "away", row=Away, action_id=action_id, names=NAMES)


async def of_incident(conn: Connection, incident: int) -> list[Brief]:
    """Return the actions that were launched for an incident, the newest first."""
    return await Q.all(conn, "of_incident", row=Brief, incident=incident, limit=BRIEF)


async def of_service(conn: Connection, service: int) -> list[Brief]:
    """Return the newest actions that asked hosts which look at something of a service."""
    return await Q.all(conn, "of_service", row=Brief, service=service, limit=BRIEF)
