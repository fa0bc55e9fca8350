"""Store what agents sent: the batches, the states they change, the transitions, the sequence; or nothing.

One transaction for many streams' batches. Its cost is per commit, per row copied and per change; a
report that says what is held already costs no Python object and no look-up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from psycopg import AsyncConnection
from psycopg.errors import CheckViolation

from vedette.db.queries import load
from vedette.fleet.advance import Position, advance
from vedette.health import partitions
from vedette.health.columns import Columns, Note, copy_rows, joined, last_of_each, picked
from vedette.health.conclude import Moved, conclude
from vedette.health.model import Held, State
from vedette.health.rules import awake, judge
from vedette.health.sight import Sight

Q = load(__file__, "writes.sql")

COPY_REPORTS = """COPY health.report
(at, target_id, agent_id, layout_id, rtt_s, state, error_class_id, "values") FROM STDIN (FORMAT binary)"""
HOUR_US = 3_600_000_000
ROLLED_AFTER_S = 300.0
"""The youngest report of which a roll-up may exist is this old (`rollups.SETTLED`)."""

MOST_STEPS = 20
"""Of more changes of one target in one commit the latest are told."""

COPY_LATEST = "COPY pending_latest FROM STDIN (FORMAT binary)"


@dataclass(frozen=True, slots=True)
class Lost:
    """Reports an agent had to drop, as it says itself."""

    seq: int
    reports: int
    from_at: datetime
    to_at: datetime
    reason: str


@dataclass(slots=True, kw_only=True)
class Delivery:
    """What one stream brings to one commit: its batches in order, up to and including `durable_seq`.

    aside: reports that are history and say nothing of how a target is now.
    """

    sight: Sight
    epoch: int
    durable_seq: int
    batches: list[Columns] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    aside: list[Columns] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a commit did: agents whose stream another server took over, transitions, reports stored."""

    superseded: frozenset[int]
    transitions: int
    reports: int


@dataclass(frozen=True, slots=True)
class _Woken:
    """A target that an agent had been silent of, with its newest look."""

    target_id: int
    agent_id: int
    at: datetime
    look: State


@dataclass(frozen=True, slots=True)
class _Judged:
    sight: Sight
    target_id: int
    held: Held
    course: tuple[Held, ...]
    """What was held from each change of state on, in their order."""

    @property
    def changed(self) -> bool:
        """Whether its state is another one than before, or was meanwhile."""
        return bool(self.course)


async def record(
    conn: AsyncConnection, deliveries: Sequence[Delivery], *, now: datetime
) -> Recorded:
    """Store the deliveries durably and exactly once; acknowledge only after this returned.

    A delivery whose stream has a newer owner is left out and named in `superseded`. Repeating a
    delivery that was stored is impossible by the caller's sequence check; when the connection breaks
    during commit, the caller must attach the stream anew and read its durable sequence.
    """
    try:
        return await _record(conn, deliveries, now=now)
    except CheckViolation:
        # No partition for some day: reports from before we were installed, or our loop is late.
        await partitions.ensure(conn, [_days(delivery) for delivery in deliveries])
        return await _record(conn, deliveries, now=now)


async def _record(
    conn: AsyncConnection, deliveries: Sequence[Delivery], *, now: datetime
) -> Recorded:
    async with conn.transaction():
        await Q.run(conn, "share_sight")
        ours = await _still_ours(conn, deliveries)
        await _keep_lost(conn, ours)
        full = [delivery for delivery in ours if delivery.batches]
        moved: list[Moved] = []
        judged: list[_Judged] = []
        reports = await _keep_aside(conn, ours, now=now)
        transitions = 0
        if full:
            per_stream = [joined(delivery.batches) for delivery in full]
            judged = [
                j
                for d, columns in zip(full, per_stream, strict=True)
                for j in _judge(d.sight, columns)
            ]
            columns = joined(per_stream)
            agent = _agents(full, per_stream)
            reports += len(columns)
            await _copy(conn, COPY_REPORTS, copy_rows(columns, agent))
            await _keep_late(conn, columns, now=now)
            woken = await _keep_latest(conn, columns, agent, now=now)
            judged = _awake(judged, woken, full, columns, agent)
            # A change counts from the look that tipped it, not from the newest.
            changed = {(j.sight.agent_id, j.target_id) for j in judged if j.changed}
            moved = [
                Moved(one.target_id, one.at)
                for one in woken
                if (one.agent_id, one.target_id) not in changed
            ]
            transitions = await _pass_through(conn, judged, now=now)
            await _keep_judged(conn, judged)
        moved += [Moved(j.target_id, j.held.since or now) for j in judged if j.changed]
        transitions += await conclude(conn, moved, now=now) if moved else 0
    for j in judged:
        j.sight.hold(j.target_id, j.held)
    superseded = {d.sight.agent_id for d in deliveries} - {d.sight.agent_id for d in ours}
    return Recorded(frozenset(superseded), transitions, reports)


async def _still_ours(conn: AsyncConnection, deliveries: Sequence[Delivery]) -> list[Delivery]:
    positions = [Position(d.sight.agent_id, d.epoch, d.durable_seq) for d in deliveries]
    superseded = await advance(conn, positions)
    return [d for d in deliveries if d.sight.agent_id not in superseded]


async def _keep_lost(conn: AsyncConnection, deliveries: Sequence[Delivery]) -> None:
    lost = [(d.sight.agent_id, gap) for d in deliveries for gap in d.lost]
    if lost:
        await Q.run(
            conn,
            "keep_lost",
            agent_id=[agent for agent, _ in lost],
            seq=[gap.seq for _, gap in lost],
            reports=[gap.reports for _, gap in lost],
            from_at=[gap.from_at for _, gap in lost],
            to_at=[gap.to_at for _, gap in lost],
            reason=[gap.reason for _, gap in lost],
        )


async def _keep_aside(
    conn: AsyncConnection, deliveries: Sequence[Delivery], *, now: datetime
) -> int:
    some = [delivery for delivery in deliveries if delivery.aside]
    if not some:
        return 0
    per_stream = [joined(delivery.aside) for delivery in some]
    columns = joined(per_stream)
    await _copy(conn, COPY_REPORTS, copy_rows(columns, _agents(some, per_stream)))
    await _keep_late(conn, columns, now=now)
    return len(columns)


def _agents(deliveries: Sequence[Delivery], per_stream: Sequence[Columns]) -> NDArray[np.int32]:
    """Return the agent's id of each row."""
    ids = np.array([delivery.sight.agent_id for delivery in deliveries], dtype=np.int32)
    return np.repeat(ids, [len(columns) for columns in per_stream])


def _judge(sight: Sight, columns: Columns) -> list[_Judged]:
    slots = sight.slots(columns.target)
    touched = sight.contradicted(slots, columns.state)
    if not len(touched):
        return []
    rows = np.flatnonzero(np.isin(slots, touched))
    # Stable: the rows of one target stay in the order the agent made them.
    rows = rows[np.argsort(slots[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(slots[rows])) + 1
    judged = []
    for group in np.split(rows, cuts):
        target_id, before, patience = sight.held(int(slots[group[0]]))
        held = before
        course: list[Held] = []
        for row in group:
            was = held.state
            held = judge(
                held, State(int(columns.state[row])), _moment(int(columns.at[row])), patience
            )
            if held.state is not was:
                course.append(held)
        if held != before:
            judged.append(_Judged(sight, target_id, held, tuple(course)))
    return judged


def _awake(
    judged: Sequence[_Judged],
    woken: Sequence[_Woken],
    deliveries: Sequence[Delivery],
    columns: Columns,
    agent: NDArray[np.int32],
) -> list[_Judged]:
    """Return what is held with that let go which was seen before the silence alone."""
    found = {(j.sight.agent_id, j.target_id): j for j in judged}
    sights = {d.sight.agent_id: d.sight for d in deliveries}
    for one in woken:
        sight, key = sights[one.agent_id], (one.agent_id, one.target_id)
        before = sight.held_of(one.target_id)
        held = found[key].held if key in found else before
        if held.state in (one.look, State.UNKNOWN):
            continue
        looks = columns.state[(columns.target == one.target_id) & (agent == one.agent_id)]
        if not np.any(looks == held.state):
            held = awake(held, one.look, one.at)
            course = found[key].course if key in found else ()
            found[key] = _Judged(sight, one.target_id, held, (*course, held))
    return list(found.values())


async def _pass_through(conn: AsyncConnection, judged: Sequence[_Judged], *, now: datetime) -> int:
    """Reach the verdicts between what was held and what is: a spool may tell of a whole outage at once."""
    if all(len(j.course) < 2 for j in judged):
        return 0
    changes = sorted(
        ((held.since or now, j, held) for j in judged for held in j.course),
        key=lambda change: change[0],
    )
    steps: list[list[_Judged]] = [[]]
    passed: set[tuple[int, int]] = set()
    for _, j, held in changes:
        key = (j.sight.agent_id, j.target_id)
        if key in passed:
            steps.append([])
            passed.clear()
        passed.add(key)
        steps[-1].append(_Judged(j.sight, j.target_id, held, (held,)))
    transitions = 0
    # The last step is what is held now.
    for step in steps[-MOST_STEPS - 1 : -1]:
        await _keep_judged(conn, step)
        moved = [Moved(j.target_id, j.held.since or now) for j in step]
        transitions += await conclude(conn, moved, now=now)
    return transitions


async def _keep_late(conn: AsyncConnection, columns: Columns, *, now: datetime) -> None:
    """Note the hours that may have been rolled up already; at most times there are none.

    One that is being rolled up meanwhile is among them: nobody can tell from here.
    """
    if int(columns.at.min()) < (now.timestamp() - ROLLED_AFTER_S) * 1e6:
        hours = np.unique(columns.at // HOUR_US)
        over = hours[hours < int(now.timestamp() * 1e6) // HOUR_US]
        await Q.run(conn, "keep_late_hours", hours=[_moment(int(hour) * HOUR_US) for hour in over])


async def _copy(conn: AsyncConnection, statement: str, rows: bytes) -> None:
    async with conn.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(rows)


async def _keep_latest(
    conn: AsyncConnection, columns: Columns, agent: NDArray[np.int32], *, now: datetime
) -> list[_Woken]:
    """Write each target's last report over the one before; return those who had been silent."""
    keys = agent.astype(np.uint64) << np.uint64(32) | columns.target
    last = last_of_each(keys)
    await Q.run(conn, "make_pending_latest")
    await _copy(conn, COPY_LATEST, copy_rows(picked(columns, last), agent[last]))
    woken = await Q.all(conn, "keep_latest", now=now)
    if columns.notes:
        await _keep_said(conn, columns.notes, columns, agent, keys, last)
    return [_Woken(target_id, agent_id, at, State(look)) for target_id, agent_id, at, look in woken]


async def _keep_said(
    conn: AsyncConnection,
    notes: Sequence[Note],
    columns: Columns,
    agent: NDArray[np.int32],
    keys: NDArray[np.uint64],
    last: NDArray[np.intp],
) -> None:
    """Keep the message of each target's last report and the newest facts of it in this commit."""
    is_last = np.zeros(len(columns), dtype=np.bool_)
    is_last[last] = True
    said: dict[int, list[object]] = {}
    for note in sorted(notes, key=lambda note: note.row):
        row = said.setdefault(
            int(keys[note.row]), [int(columns.target[note.row]), int(agent[note.row]), "", None]
        )
        row[2] = note.message if is_last[note.row] else ""
        row[3] = note.facts_json or row[3]
    target_id, agent_id, message, facts = (
        list(column) for column in zip(*said.values(), strict=True)
    )
    await Q.run(
        conn, "keep_said", target_id=target_id, agent_id=agent_id, message=message, facts=facts
    )


async def _keep_judged(conn: AsyncConnection, judged: Sequence[_Judged]) -> None:
    if judged:
        await Q.run(
            conn,
            "keep_judged",
            target_id=[j.target_id for j in judged],
            agent_id=[j.sight.agent_id for j in judged],
            state=[j.held.state.word for j in judged],
            since=[j.held.since for j in judged],
            dissent=[j.held.dissent for j in judged],
            worse=[j.held.worse for j in judged],
        )


def _days(delivery: Delivery) -> NDArray[np.int64]:
    days = [columns.at // partitions.DAY_US for columns in (*delivery.batches, *delivery.aside)]
    return np.unique(np.concatenate(days)) if days else np.array([], dtype=np.int64)


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1e6, tz=UTC)
