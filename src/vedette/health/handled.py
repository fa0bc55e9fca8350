"""The changes of components that nobody has reacted to yet, and that somebody has."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.db.queries import Connection, load

Q = load(__file__, "handled.sql")


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a component's state; was: None for the first. at: since when it is so."""

    id: int
    component_id: int
    was: str | None
    now: str
    at: datetime
    recorded_at: datetime


async def unhandled(conn: Connection, *, at_most: int) -> list[Transition]:
    """Return the oldest unhandled change of each component, among the `at_most` oldest, in their order."""
    return await Q.all(conn, "unhandled", row=Transition, at_most=at_most)


async def mark_handled(conn: Connection, ids: Sequence[int], *, now: datetime) -> None:
    """Say that these have been reacted to; call it in the transaction that did."""
    await Q.run(conn, "mark_handled", ids=list(ids), now=now)
