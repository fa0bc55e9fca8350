"""Make reports of what was pushed: the samples of one target at one instant are one report.

A loop, run by one server at a time. It waits until an instant has been quiet for a moment, because the
scrape of another comes in pieces; then the reports go the way of every agent's, in one transaction with
the end of the pushes they came from.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from vedette.db.locks import alone
from vedette.db.queries import Connection, Row, load
from vedette.fleet.adopt import StandIn, beat, stand_in
from vedette.health import expect
from vedette.health.columns import NO_ANSWER, Columns, Note
from vedette.health.layouts import Layout, Measure, intern_error_classes, intern_layouts
from vedette.health.lineup import Chosen, Lineup
from vedette.health.model import State
from vedette.health.record import Delivery, record

Q = load(__file__, "intake.sql")

SETTLE = timedelta(seconds=2)
"""How long an instant must be quiet before it is a report."""
PUSHES_A_COMMIT = 500
SAMPLES_A_COMMIT = 1_000_000
REMEMBERED = 64
"""Layouts of one target in use at once: rules of a Prometheus have their own instants each."""
KEEP_SEEN = timedelta(minutes=10)
FORGET_SERIES = timedelta(days=1)
UP_HOLDS_US = 300_000_000
"""So long after its last `up` a target's other samples say nothing of its state: rules have instants of their own."""
_SPARE = 1_024


@dataclass(slots=True, eq=False)
class _Named:
    """A list of places of one target, with the number of its layout once it has one."""

    measures: tuple[Measure, ...]
    layout_id: int = 0


@dataclass(slots=True)
class _Target:
    """The series of one target, each in its place, as long as this server folds.

    newest, up_at: the times of its newest report that counted and of its last `up`, in µs.
    """

    connector: str
    newest: int
    up_at: int = 0
    places: dict[int, int] = field(default_factory=dict)
    measures: list[Measure] = field(default_factory=list)
    up: int = -1
    lineup: Lineup[_Named] = field(init=False)

    def __post_init__(self) -> None:
        self.lineup = Lineup(self._named, remembered=REMEMBERED)

    def place(self, series: int, measure: Measure) -> None:
        if measure.name == "up" and not measure.entity:
            self.up = series
        self.places[series] = len(self.measures)
        self.measures.append(measure)

    def begin_anew(self) -> None:
        self.places.clear()
        self.measures.clear()
        self.lineup.begin_anew()

    def _named(self, places: Sequence[int]) -> _Named:
        return _Named(tuple(self.measures[place] for place in places))


@dataclass(frozen=True, slots=True)
class _Samples:
    """Columns of samples; `push` is the row of the pushes each came in."""

    series: NDArray[np.int32]
    at: NDArray[np.int64]
    value: NDArray[np.float64]
    push: NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.series)

    def picked(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> "_Samples":
        return _Samples(self.series[rows], self.at[rows], self.value[rows], self.push[rows])


@dataclass(slots=True)
class _Look:
    target_id: int
    at: int
    chosen: Chosen[_Named]
    values: NDArray[np.float64]
    state: State
    is_aside: bool


class Fold:
    """What one server remembers from turn to turn; losing it loses no sample."""

    def __init__(self) -> None:
        self._targets: dict[int, _Target] = {}
        self._target_of: dict[int, int] = {}
        self._seen: set[int] = set()
        self._kept_seen: datetime | None = None

    async def run_once(self, conn: Connection, *, now: datetime) -> int:
        """Make the reports that are due; return how many."""
        try:
            async with conn.transaction():
                return await self._fold(conn, now)
        except BaseException:
            # What was learnt in it, layouts among it, is not there.
            self._targets.clear()
            self._target_of.clear()
            raise

    async def _fold(self, conn: Connection, now: datetime) -> int:
        if not await alone(conn, "vedette.health.intake_fold"):
            return 0
        rows = await Q.all(conn, "pushes", limit=PUSHES_A_COMMIT)
        if not rows:
            return 0
        own = await stand_in(conn, now=now)
        await beat(conn, own, now=now)
        rows = _fitting(rows)
        samples = _samples(rows)
        await self._learn(conn, samples, own)
        due, rest = self._parted(samples, [row[1] for row in rows], now)
        made = await self._store(conn, due, own, now) if len(due) else 0
        touched = np.unique(due.push)
        await _keep_rest(conn, rest.picked(np.isin(rest.push, touched)), rows)
        await Q.run(conn, "forget_pushes", id=[rows[push][0] for push in touched])
        await self._keep_seen(conn, now)
        return made

    async def _learn(self, conn: Connection, samples: _Samples, own: StandIn) -> None:
        self._thin_out()
        strange = [int(n) for n in np.unique(samples.series) if int(n) not in self._target_of]
        if not strange:
            return
        rows = await Q.all(conn, "series_named", id=strange)
        new = sorted({row[1] for row in rows} - self._targets.keys())
        for target_id, connector, newest in await Q.all(
            conn, "targets_of", target_id=new, agent_id=own.id
        ):
            self._targets[target_id] = _Target(connector, newest)
        for series, target_id, name, entity, unit, help_ in rows:
            self._targets[target_id].place(series, Measure(name, entity, unit, help_))
            self._target_of[series] = target_id

    def _thin_out(self) -> None:
        """Begin anew with targets most of whose series nobody sends any more."""
        for target in self._targets.values():
            crowd = len(target.places)
            if crowd > 4 * _SPARE and crowd > 4 * len(self._seen & target.places.keys()):
                for series in target.places:
                    del self._target_of[series]
                target.begin_anew()

    def _parted(
        self, samples: _Samples, received: Sequence[datetime], now: datetime
    ) -> tuple[_Samples, _Samples]:
        """Return what is due, ordered by target, instant and series, and what must wait."""
        target = np.array([self._target_of.get(int(n), 0) for n in samples.series], dtype=np.int64)
        order = np.lexsort((samples.push, samples.series, samples.at, target))
        samples, target = samples.picked(order), target[order]
        quiet = now - SETTLE
        is_young = np.array([at > quiet for at in received], dtype=np.bool_)[samples.push]
        begins = np.flatnonzero(_changes(target) | _changes(samples.at))
        waits = np.maximum.reduceat(is_young, begins) if len(begins) else is_young
        lengths = np.diff(np.append(begins, len(samples)))
        waits_each = np.repeat(waits, lengths)
        return samples.picked(~waits_each), samples.picked(waits_each)

    async def _store(self, conn: Connection, due: _Samples, own: StandIn, now: datetime) -> int:
        looks = self._looks(due, now_us=round(now.timestamp() * 1e6))
        sight = await expect.sight_of(conn, own.id)
        # A target that was declared meanwhile has observers of its own.
        assigned = {id_ for (id_,) in await Q.all(conn, "assigned", agent_id=own.id)}
        allowed = assigned.intersection(sight.targets.tolist())
        looks = [look for look in looks if look.target_id in allowed]
        if not looks:
            return 0
        await self._intern(conn, looks)
        (unhealthy,) = await intern_error_classes(conn, ["unhealthy"])
        delivery = Delivery(
            sight=sight,
            epoch=1,
            durable_seq=0,
            batches=_batches([look for look in looks if not look.is_aside], unhealthy),
            aside=_batches([look for look in looks if look.is_aside], unhealthy),
        )
        await record(conn, [delivery], now=now)
        return len(looks)

    def _looks(self, due: _Samples, *, now_us: int) -> list[_Look]:
        # The last of a series at one instant counts: a push that came twice is one sample.
        last = np.append(_changes(due.series)[1:] | _changes(due.at)[1:], True)
        due = due.picked(np.flatnonzero(last))
        looks: list[_Look] = []
        target = np.array([self._target_of.get(int(n), 0) for n in due.series], dtype=np.int64)
        begins = np.flatnonzero(_changes(target) | _changes(due.at))
        ends = np.append(begins[1:], len(due))
        for begin, end in zip(begins, ends, strict=True):
            target_id = int(target[begin])
            samples = due.picked(np.arange(begin, end))
            samples = samples.picked(np.isfinite(samples.value))
            # Nothing but ends of series is no look: the target falls silent.
            if target_id and len(samples):
                looks.append(self._look(target_id, samples, min(int(samples.at[0]), now_us)))
        return looks

    def _look(self, target_id: int, samples: _Samples, at: int) -> _Look:
        target = self._targets[target_id]
        ids = samples.series.tolist()
        self._seen.update(ids)
        values = np.zeros(len(target.measures))
        there = [target.places[series] for series in ids]
        values[there] = samples.value
        chosen = target.lineup.choose(len(values), set(range(len(values))).difference(there))
        says_up = target.up in ids
        is_down = says_up and samples.value[ids.index(target.up)] == 0
        # What comes late, or again, is history; and a rule's sample is no scrape.
        is_aside = at <= target.newest or (not says_up and at - target.up_at < UP_HOLDS_US)
        if not is_aside:
            target.newest = at
            target.up_at = at if says_up else target.up_at
        return _Look(
            target_id,
            at,
            chosen,
            values[np.fromiter(chosen.places, dtype=np.intp, count=len(chosen.places))],
            State.DOWN if is_down else State.UP,
            is_aside,
        )

    async def _intern(self, conn: Connection, looks: Sequence[_Look]) -> None:
        wanted = {id(look.chosen.named): look for look in looks}
        new = [
            look for look in wanted.values()
            if look.chosen.named.measures and not look.chosen.named.layout_id
        ]  # fmt: skip
        layouts = [
            Layout(self._targets[look.target_id].connector, look.chosen.named.measures)
            for look in new
        ]
        ids = await intern_layouts(conn, layouts)
        for look, layout_id in zip(new, ids, strict=True):
            look.chosen.named.layout_id = layout_id

    async def _keep_seen(self, conn: Connection, now: datetime) -> None:
        if self._kept_seen is not None and now - self._kept_seen < KEEP_SEEN:
            return
        await Q.run(conn, "keep_seen", id=sorted(self._seen), now=now)
        if self._kept_seen is not None:
            # Not in the first turn: while no server folded, nobody was seen.
            await Q.run(conn, "forget_series", before=now - FORGET_SERIES)
        self._seen.clear()
        self._kept_seen = now


def _fitting(rows: list[Row]) -> list[Row]:
    total = 0
    for number, row in enumerate(rows):
        total += row[2]
        if total > SAMPLES_A_COMMIT and number:
            return rows[:number]
    return rows


def _samples(rows: Sequence[Row]) -> _Samples:
    parts = []
    for number, (_, _, count, content) in enumerate(rows):
        at, value = count * 4, count * 12
        parts.append(
            _Samples(
                np.frombuffer(content, "<i4", count),
                np.frombuffer(content, "<i8", count, at),
                np.frombuffer(content, "<f8", count, value),
                np.full(count, number, dtype=np.intp),
            )
        )
    return _Samples(
        np.concatenate([part.series for part in parts]),
        np.concatenate([part.at for part in parts]),
        np.concatenate([part.value for part in parts]),
        np.concatenate([part.push for part in parts]),
    )


async def _keep_rest(conn: Connection, rest: _Samples, rows: Sequence[Row]) -> None:
    """Keep what must wait of pushes that are otherwise done."""
    for push in np.unique(rest.push):
        part = rest.picked(rest.push == push)
        columns = (
            part.series.astype("<i4").tobytes(),
            part.at.astype("<i8").tobytes(),
            part.value.astype("<f8").tobytes(),
        )
        await Q.run(
            conn, "keep_push", now=rows[push][1], count=len(part), samples=b"".join(columns)
        )


def _batches(looks: Sequence[_Look], unhealthy: int) -> list[Columns]:
    return [_columns(looks, unhealthy)] if looks else []


def _columns(looks: Sequence[_Look], unhealthy: int) -> Columns:
    is_down = np.array([look.state is State.DOWN for look in looks])
    why = "its sender could not scrape it: up is 0"
    return Columns(
        target=np.array([look.target_id for look in looks], dtype=np.uint32),
        at=np.array([look.at for look in looks], dtype=np.int64),
        state=np.array([look.state for look in looks], dtype=np.uint8),
        error=np.where(is_down, unhealthy, 0).astype(np.int16),
        rtt=np.full(len(looks), NO_ANSWER, dtype=np.uint32),
        layout=np.array([look.chosen.named.layout_id for look in looks], dtype=np.int32),
        lengths=np.array([len(look.values) for look in looks], dtype=np.int32),
        values=np.concatenate([look.values for look in looks]),
        notes=[Note(int(row), why, "") for row in np.flatnonzero(is_down)],
    )


def _changes(column: NDArray[np.int64] | NDArray[np.int32]) -> NDArray[np.bool_]:
    """Return where a column differs from the row before; the first row always does."""
    changed = np.ones(len(column), dtype=np.bool_)
    changed[1:] = column[1:] != column[:-1]
    return changed
