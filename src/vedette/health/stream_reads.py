"""What the stream of reports asks: whose latest report is new, and what came between.

An agent's reports of a target arrive in the order it made them, however late, so the time of the
last one told is an exact place to go on from, for that agent and target.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vedette.db.queries import Connection, load
from vedette.health.model import State

Q = load(__file__, "stream_reads.sql")

PROMPT = timedelta(minutes=1)
"""Reports have no index by target: what an agent delivers late is looked up apart from the others."""

Observer = tuple[int, int]
"""A target's and an agent's id."""


@dataclass(frozen=True, slots=True)
class Report:
    """One look at a target, as it is told to subscribers.

    component, cluster: what the target belongs to; "" when nothing. at: by the agent's clock,
    corrected. state: its word. rtt_s: NaN when no answer came. layout_id: 0 when it has no values.
    """

    target_id: int
    agent_id: int
    target: str
    agent: str
    component: str
    cluster: str
    at: datetime
    state: str
    error_class: str
    rtt_s: float
    layout_id: int
    values: list[float]

    @property
    def key(self) -> Observer:
        """A later report of the same key supersedes this one."""
        return self.target_id, self.agent_id


@dataclass(frozen=True, slots=True)
class Stretch:
    """An observer's reports after `since`, up to and including the one given."""

    since: datetime
    last: Report


@dataclass(frozen=True, slots=True)
class _Kept:
    place: int
    at: datetime
    state: int
    error_class: str
    rtt_s: float
    layout_id: int
    values: list[float]
    of: int


async def horizon(conn: Connection) -> str:
    """Return the snapshot of this transaction, which must be one of REPEATABLE READ."""
    return str(await Q.value(conn, "horizon"))


async def heard(conn: Connection, *, since: str) -> list[Report]:
    """Return the latest report of everyone heard since that horizon; "" is since ever."""
    return await Q.all(conn, "heard", row=Report, since=since)


async def kept(
    conn: Connection, stretches: Sequence[Stretch], *, most: int
) -> tuple[list[Report], dict[Observer, int]]:
    """Return the reports of these stretches by time, and of whom how many were left out.

    Each stretch gives its newest `most` at the most. One whose reports are packed away already
    gives its last report alone.
    """
    newest = max(it.last.at for it in stretches)
    prompt = [it for it in stretches if it.since >= newest - PROMPT]
    late = [it for it in stretches if it.since < newest - PROMPT]
    reports: list[Report] = []
    skipped: dict[Observer, int] = {}
    for part in filter(None, (prompt, late)):
        found, left_out = await _kept(conn, part, most=most)
        reports += found
        skipped |= left_out
    reports.sort(key=lambda it: it.at)
    return reports, skipped


async def _kept(
    conn: Connection, stretches: Sequence[Stretch], *, most: int
) -> tuple[list[Report], dict[Observer, int]]:
    rows = await Q.all(
        conn,
        "kept",
        row=_Kept,
        target_id=[it.last.target_id for it in stretches],
        agent_id=[it.last.agent_id for it in stretches],
        since=[it.since for it in stretches],
        until=[it.last.at for it in stretches],
        oldest=min(it.since for it in stretches),
        newest=max(it.last.at for it in stretches),
        most=most,
    )
    there = {row.place: row.of for row in rows}
    gone = [it.last for place, it in enumerate(stretches) if place not in there]
    left_out = {
        stretches[place].last.key: count - most for place, count in there.items() if count > most
    }
    return [*(_report(stretches[row.place].last, row) for row in rows), *gone], left_out


def _report(last: Report, row: _Kept) -> Report:
    return replace(
        last,
        at=row.at,
        state=State(row.state).word,
        error_class=row.error_class,
        rtt_s=row.rtt_s,
        layout_id=row.layout_id,
        values=row.values,
    )
