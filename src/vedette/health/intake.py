"""Take in samples that others push, durably, before they are told that we have them.

A push knows nothing of reports: its samples come in any order and a scrape comes in several pieces. So
it is kept as it came, one row a request; `intake_fold` makes reports of it a moment later. What was
acknowledged is stored; what was not, and comes again, is the same samples again, of which a report
keeps one: at least once on the wire, once in a report.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from vedette.db.queries import Connection, load
from vedette.errors import Unavailable
from vedette.fleet.adopt import adopt
from vedette.health import expect
from vedette.health.intake_options import IntakeOptions
from vedette.health.label_text import label_text

Q = load(__file__, "intake.sql")

Labels = tuple[tuple[str, str], ...]

OLDEST = timedelta(days=7)
AHEAD = timedelta(minutes=10)
WAITING_PUSHES = 20_000
"""More than this that are not reports yet: come back later."""
REMEMBERED = 500_000
"""Series whose numbers are kept at hand."""
FORGET_AFTER = timedelta(hours=1)
_NAME, _UNIT, _HELP, _TARGET = 200, 32, 500, 200
_UNFIT = re.compile(r"[/\\<>\"'`&%?#*,;|\x00-\x20\x7f]+")


@dataclass(slots=True)
class Pushed:
    """The samples of one series in one push; labels by name, with its own name in `__name__`.

    at_us: µs since 1970 UTC, as sent. values: NaN says nothing, or that the series ended: its report goes on without it.
    """

    labels: Labels
    at_us: Sequence[int]
    values: Sequence[float]
    unit: str = ""
    help: str = ""


@dataclass(slots=True)
class Taken:
    """What became of a push: samples that are durable, samples refused and the first reason."""

    written: int = 0
    refused: int = 0
    why: str = ""

    def refuse(self, samples: int, why: str) -> None:
        """Count samples that are not kept."""
        self.refused += samples
        self.why = self.why or why


@dataclass(frozen=True, slots=True)
class _Place:
    target: str
    name: str
    entity: str


@dataclass(slots=True)
class Intake:
    """Takes pushes in for one server; remembers the numbers of series, nothing that may be lost."""

    options: IntakeOptions = field(default_factory=IntakeOptions)
    _ids: dict[tuple[str, Labels], int] = field(default_factory=dict)
    _remembered_since: datetime | None = None
    _reading: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @contextmanager
    def reading(self, *, at_most: int) -> Iterator[asyncio.Lock]:
        """Yield the lock of whoever reads a large push; raises `Unavailable` where so many read or wait."""
        if self._reading >= at_most:
            raise Unavailable("too many large pushes come at once", hint="push it again")
        self._reading += 1
        try:
            yield self._turn
        finally:
            self._reading -= 1

    async def take(
        self, conn: Connection, pushed: Sequence[Pushed], *, connector: str, now: datetime
    ) -> Taken:
        """Keep what can be kept; return only when it is durable. Raises `Unavailable` when full."""
        if await Q.value(conn, "waiting_pushes", most=WAITING_PUSHES) >= WAITING_PUSHES:
            raise Unavailable("too much was pushed that is not stored yet", hint="push it again")
        taken = Taken()
        self._forget_at_times(now)
        await self._learn(conn, pushed, connector, now, taken)
        series, at_us, values = self._columns(pushed, connector, now, taken)
        if series:
            columns = (
                np.array(series, dtype="<i4").tobytes(),
                np.array(at_us, dtype="<i8").tobytes(),
                np.array(values, dtype="<f8").tobytes(),
            )
            await Q.run(conn, "keep_push", now=now, count=len(series), samples=b"".join(columns))
        taken.written = len(series)
        return taken

    def _columns(
        self, pushed: Sequence[Pushed], connector: str, now: datetime, taken: Taken
    ) -> tuple[list[int], list[int], list[float]]:
        oldest, newest = (_microseconds(at) for at in (now - OLDEST, now + AHEAD))
        series: list[int] = []
        times: list[int] = []
        values: list[float] = []
        for one in pushed:
            id_ = self._ids.get((connector, one.labels), 0)
            if not id_:
                continue
            for at, value in zip(one.at_us, one.values, strict=True):
                if oldest <= at <= newest:
                    series.append(id_)
                    times.append(at)
                    values.append(value)
                else:
                    days = OLDEST.days
                    why = f"a sample is older than {days} days or more than 10 minutes ahead of us"
                    taken.refuse(1, why)
        return series, times, values

    async def _learn(
        self,
        conn: Connection,
        pushed: Sequence[Pushed],
        connector: str,
        now: datetime,
        taken: Taken,
    ) -> None:
        """Give numbers to the series that have none; what gets none is counted as refused."""
        strange = [one for one in pushed if (connector, one.labels) not in self._ids]
        if not strange:
            return
        places: dict[Labels, _Place] = {}
        for one in strange:
            fault = _fault_in(one.labels)
            if fault:
                taken.refuse(len(one.values), fault)
            else:
                places[one.labels] = self._place_of(one.labels)
        known = [one for one in strange if one.labels in places]
        async with conn.transaction():
            await Q.run(conn, "hold_intake")
            targets = await self._targets(conn, places.values(), connector, now)
            ids = await self._series(conn, known, places, targets, now)
        for one in known:
            place = places[one.labels]
            id_ = ids.get(place, 0)
            if id_:
                self._ids[(connector, one.labels)] = id_
            elif place.target in targets:
                most = self.options.max_series
                taken.refuse(len(one.values), f"{place.target} has {most} series; more are refused")
            else:
                most = self.options.max_targets
                why = f"no target {place.target!r}: its name is taken, or there are {most} already"
                taken.refuse(len(one.values), why)

    async def _targets(
        self, conn: Connection, places: Iterable[_Place], connector: str, now: datetime
    ) -> dict[str, int]:
        # The deadman waits two and a half intervals.
        every = max(self.options.silent_after / 2.5, timedelta(seconds=1))
        targets = await adopt(
            conn,
            [(place.target, connector) for place in places],
            every=every,
            most=self.options.max_targets,
            now=now,
        )
        if targets:
            await expect.run_once(conn, now=now)
        return targets

    async def _series(
        self,
        conn: Connection,
        known: Sequence[Pushed],
        places: dict[Labels, _Place],
        targets: dict[str, int],
        now: datetime,
    ) -> dict[_Place, int]:
        wanted = {places[one.labels]: one for one in known if places[one.labels].target in targets}
        found = await _ids_of(conn, list(wanted), targets)
        counts: dict[int, int] = dict(
            await Q.all(conn, "series_counts", target_id=list(targets.values()))
        )
        new: list[_Place] = []
        for place in wanted:
            target_id = targets[place.target]
            if place not in found and counts.get(target_id, 0) < self.options.max_series:
                counts[target_id] = counts.get(target_id, 0) + 1
                new.append(place)
        if new:
            await Q.run(
                conn,
                "add_series",
                target_id=[targets[place.target] for place in new],
                name=[place.name for place in new],
                entity=[place.entity for place in new],
                unit=[_plain(wanted[place].unit, _UNIT) for place in new],
                help=[_plain(wanted[place].help, _HELP) for place in new],
                now=now,
            )
            found |= await _ids_of(conn, new, targets)
        return found

    def _place_of(self, labels: Labels) -> _Place:
        given = dict(labels)
        name = given.pop("__name__")
        parts = [given.pop(label, "") for label in self.options.target_labels]
        return _Place(target_name(parts), name[:_NAME], label_text(sorted(given.items())))

    def _forget_at_times(self, now: datetime) -> None:
        # A series nobody sends any more loses its number (intake_fold), long after we forgot it here.
        since = self._remembered_since
        if since is None or now - since > FORGET_AFTER or len(self._ids) > REMEMBERED:
            self._ids.clear()
            self._remembered_since = now


def target_name(parts: Sequence[str]) -> str:
    """Return the name of the target that these labels name: `job@instance`, fit for a URL."""
    words = [_UNFIT.sub("_", part).strip(".-") for part in parts]
    name = "@".join(word for word in words if word)
    return name[:_TARGET] if name else "unlabelled"


def _fault_in(labels: Labels) -> str:
    names = [name for name, _ in labels]
    if not dict(labels).get("__name__"):
        return "a series without a name"
    if len(set(names)) != len(names) or "" in names:
        return "a series with a label twice, or one without a name"
    if any("\x00" in name or "\x00" in value for name, value in labels):
        return "a series with a NUL in a label"
    return ""


async def _ids_of(
    conn: Connection, places: Sequence[_Place], targets: dict[str, int]
) -> dict[_Place, int]:
    names = {id_: name for name, id_ in targets.items()}
    rows = await Q.all(
        conn,
        "series_of",
        target_id=[targets[place.target] for place in places],
        name=[place.name for place in places],
        entity=[place.entity for place in places],
    )
    return {_Place(names[target], name, entity): id_ for target, name, entity, id_ in rows}


def _plain(text: str, limit: int) -> str:
    return text.replace("\x00", "")[:limit]


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * 1e6)
