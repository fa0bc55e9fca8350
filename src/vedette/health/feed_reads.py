"""What the live feed and the gRPC doors ask: what stands, what changed since, what is kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vedette.db.queries import Connection, load

Q = load(__file__, "feed_reads.sql")

PAGE_ROWS = 5_000
"""So many changes are read at a time."""

LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A target or a component that is now so.

    id: the transition's; 0 when this is only what stands.
    subject: `target` or `component`; `name` is the target's name or the component's slug.
    was: the word of the state before; "" when there was none, or when this is only what stands.
    at: since when it is so, by the reports' time.
    component, cluster: what a target belongs to, a component's own slug; "" when nothing.
    retired: nobody watches it any more.
    """

    id: int
    subject: str
    subject_id: int
    name: str
    was: str
    now: str
    at: datetime
    reason: str = ""
    error_class: str = ""
    component: str = ""
    cluster: str = ""
    retired: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """A later change of the same key supersedes this one."""
        return self.subject, self.subject_id


@dataclass(frozen=True, slots=True)
class Layout:
    """What the values of a report are called, in their order."""

    id: int
    names: list[str]
    entities: list[str]
    units: list[str]


@dataclass(frozen=True, slots=True)
class KeptReport:
    """One stored report.

    state: `State`'s number. rtt_s: NaN when no answer came. layout_id: 0 when it has no values.
    """

    at: datetime
    agent_id: int
    agent: str | None
    state: int
    error_class: str
    rtt_s: float
    layout_id: int
    values: list[float]


async def standing(conn: Connection) -> list[Change]:
    """Return how every living target and component is, by subject and name."""
    return await Q.all(conn, "standing", row=Change)


async def transitions(
    conn: Connection, *, above: int, holes: Sequence[tuple[int, int]] = ()
) -> list[Change]:
    """Return `PAGE_ROWS` changes at most, above that id or within a hole (first, last), by id."""
    return await Q.all(
        conn,
        "transitions",
        row=Change,
        above=above,
        lows=[first for first, _ in holes],
        highs=[last for _, last in holes],
        limit=PAGE_ROWS,
    )


async def before_the_last(conn: Connection, count: int) -> int:
    """Return the id after which the last `count` changes come; 0 when there are none."""
    return int(await Q.value(conn, "before_the_last", count=count))


async def writers(conn: Connection) -> frozenset[str]:
    """Return the transactions that may still commit a change whose id is drawn already.

    Ask it on a connection that is not itself in a transaction: what ended before this answer is
    visible to every statement begun after it.
    """
    return frozenset(row[0] for row in await Q.all(conn, "writers"))


async def target_id(conn: Connection, name: str) -> int | None:
    """Return the id of that target, retired or not; None when nobody ever declared it."""
    found: int | None = await Q.value(conn, "target_id", name=name)
    return found


async def kept_reports(
    conn: Connection,
    target_id: int,
    *,
    since: datetime,
    until: datetime,
    after: KeptReport | None,
    limit: int,
) -> list[KeptReport]:
    """Return the reports of [since, until) after that one, oldest first, at most `limit`."""
    return await Q.all(
        conn,
        "kept_reports",
        row=KeptReport,
        target_id=target_id,
        since=after.at if after else since,
        until=until,
        after_at=after.at if after else LONG_AGO,
        after_agent_id=after.agent_id if after else 0,
        limit=limit,
    )


async def layouts(conn: Connection, ids: Sequence[int]) -> dict[int, Layout]:
    """Return those layouts by id."""
    return {layout.id: layout for layout in await Q.all(conn, "layouts", row=Layout, ids=list(ids))}
