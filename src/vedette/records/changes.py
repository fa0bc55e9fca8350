"""What changed since: vulnerabilities that came, that went, and that became graver or less so."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import NamedTuple

from vedette.db.queries import Connection, load
from vedette.records.cursors import Long, Moment, Text
from vedette.records.reads import planned_for_its_values

Q = load(__file__, "changes.sql")


class Place(NamedTuple):
    """Where a page ends."""

    at: Moment
    change: Text
    id: Long


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; None is any. change: `new`, `fixed` or `severity`. kind: of the documents that found it."""

    since: datetime
    until: datetime
    cluster: str | None = None
    namespace: str | None = None
    service: str | None = None
    change: str | None = None
    kind: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change in a namespace ("" is what runs in none). was: the severity before; None where it did not change."""

    at: datetime
    id: int
    change: str
    identity: str
    severity: int
    was: int | None
    since_at: datetime | None
    cluster: str
    namespace: str
    services: Sequence[str]
    exploited: bool

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.at, self.change, self.id)


async def changes(
    conn: Connection, wanted: Wanted, *, limit: int, after: Place | None = None
) -> Sequence[Change]:
    """Return a page, the newest first; one statement."""
    at, change, number = after or (None, None, None)
    with planned_for_its_values(conn):
        return await Q.all(
            conn,
            "changes",
            row=Change,
            **asdict(wanted),
            placed=any((wanted.cluster, wanted.namespace, wanted.service)),
            after_at=at,
            after_change=change,
            after_id=number,
            limit=limit,
        )
