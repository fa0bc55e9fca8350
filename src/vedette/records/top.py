"""What to mend first: exploited and running, exploited, likely to be, critical with a fix, the rest.

Likely is an EPSS percentile of 0.95 and more. What is covered by a decision or a supplier's statement is left out unless
it is asked for.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from vedette.db.queries import Connection, load
from vedette.records.cursors import Share, Small, Text
from vedette.records.knowledge import Feed, feeds
from vedette.records.reads import planned_for_its_values

Q = load(__file__, "top.sql")

WHY = {
    1: "exploited, and runs here",
    2: "exploited",
    3: "likely to be exploited",
    4: "critical, and there is a fix",
    5: "found",
}
"""Why something stands where it does, by its rank."""


class Place(NamedTuple):
    """Where a page ends."""

    rank: Small
    severity: Small
    percentile: Share
    fixable: bool
    identity: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; None is any. covered: also what need not be mended."""

    cluster: str | None = None
    namespace: str | None = None
    service: str | None = None
    team: str | None = None
    fixable: bool | None = None
    covered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Priority:
    """A vulnerability and why it stands where it does.

    namespaces, pods, hosts: how many it stands in. listed: entries of catalogues of exploited ones. epss: None where
    it has no score. places: ten of them; fixes: five.
    """

    identity: str
    rank: int
    severity: int
    fixable: bool
    percentile: float
    is_running: bool
    namespaces: int
    pods: int
    hosts: int
    since_at: datetime
    is_covered: bool
    title: str | None
    links: Sequence[str] | None
    score: float | None
    listed: Sequence[dict[str, Any]]
    epss: float | None
    places: Sequence[dict[str, Any]]
    fixes: Sequence[dict[str, Any]]

    @property
    def place(self) -> Place:
        """Where it stands in the list."""
        return Place(self.rank, self.severity, self.percentile, self.fixable, self.identity)


@dataclass(frozen=True, slots=True)
class Known:
    """Which lists were loaded, since not listed differs from not loaded."""

    catalogues: Sequence[Feed]
    epss: Feed | None


async def known(conn: Connection) -> Known:
    """Return what was loaded."""
    loaded = await feeds(conn)
    return Known(
        [feed for feed in loaded if feed.name.startswith("kev:")],
        next((feed for feed in loaded if feed.name == "epss"), None),
    )


async def top(
    conn: Connection, wanted: Wanted, *, now: datetime, limit: int, after: Place | None = None
) -> Sequence[Priority]:
    """Return a page, what is mended first; one statement."""
    rank, severity, percentile, fixable, identity = after or (None,) * 5
    with planned_for_its_values(conn):
        return await Q.all(
            conn,
            "top",
            row=Priority,
            **asdict(wanted),
            placed=any((wanted.cluster, wanted.namespace, wanted.service, wanted.team)),
            after_rank=rank,
            after_severity=severity,
            after_percentile=percentile,
            after_fixable=fixable,
            after_identity=identity,
            limit=limit,
            now=now,
        )
