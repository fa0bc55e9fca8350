"""Questions about commands: who could answer, how far an answer has come."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vedette.actions.model import Ending, Outcome
from vedette.db.queries import Connection, load
from vedette.fleet.status import SILENT_AFTER

Q = load(__file__, "ask_reads.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """A target and one agent that looks at it; agent_id None: nobody does.

    waiting: commands on their way to it.
    """

    target_id: int
    connector: str
    agent_id: int | None
    agent: str
    is_online: bool
    waiting: int


@dataclass(frozen=True, slots=True)
class Counted:
    """How much was asked lately."""

    by_caller: int
    of_target: int


async def watchers(conn: Connection, target: str, *, now: datetime) -> list[Watcher]:
    """Return who looks at the target, the likeliest to answer first; empty when there is no target."""
    silent_since = now - SILENT_AFTER
    # A name from a URL may be anything; PostgreSQL takes no NUL.
    name = target.replace("\0", "\ufffd")
    return await Q.all(
        conn, "watchers", row=Watcher, target=name, silent_since=silent_since, now=now
    )


async def asked_lately(
    conn: Connection, by: str, target_id: int, *, now: datetime, within: timedelta
) -> Counted:
    """Return how much this caller asked, and how much of this target was asked, in that time."""
    counted = await Q.one(
        conn, "asked_since", row=Counted, by=by, target_id=target_id, since=now - within
    )
    assert counted is not None
    return counted


async def heard(
    conn: Connection, command_id: int, *, after: int
) -> tuple[list[str], Ending | None]:
    """Return the parts after that number, and how it ended if it has."""
    row = await Q.one(conn, "ending", id=command_id)
    if row is None:
        return [], Ending(outcome=Outcome.LOST, message="the command is gone")
    state, outcome, error_class, message, truncated, row_count, took_ms = row
    # After the state: when it says that the answer is whole, all parts are there.
    parts = [rows for (rows,) in await Q.all(conn, "parts_after", id=command_id, number=after)]
    if state not in ("returned", "done"):
        return parts, None
    return parts, Ending(
        outcome=Outcome(outcome),
        error_class=error_class,
        message=message,
        truncated=truncated,
        row_count=row_count,
        took_ms=took_ms,
    )


async def agents_waited_for(conn: Connection, agents: list[int], *, now: datetime) -> list[int]:
    """Return those of these agents for whom commands wait."""
    found = await Q.all(conn, "agents_waited_for", agents=agents, now=now)
    return [agent_id for (agent_id,) in found]
