"""The page of one target: from rows to what the template shows. For operators only."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from vedette.actions.model import Command
from vedette.web import reads
from vedette.web.catalogue import Limit
from vedette.web.charts import Chart, chart
from vedette.web.looks import Look, look_of
from vedette.web.reader import N_, gettext
from vedette.web.words import Moment, duration, measurement_name, moment, value


@dataclass(frozen=True, slots=True)
class Range:
    """A span of time one may look at, and how finely its charts are drawn: 120 points each."""

    word: str
    text: str
    span: timedelta
    bucket: timedelta


RANGES = {
    "1h": Range("1h", N_("1 hour"), timedelta(hours=1), timedelta(seconds=30)),
    "6h": Range("6h", N_("6 hours"), timedelta(hours=6), timedelta(minutes=3)),
    "24h": Range("24h", N_("24 hours"), timedelta(hours=24), timedelta(minutes=12)),
}
"""What `?since=` takes; the first is the default."""

RULES = {
    (False, False): N_("above {enter}"),
    (True, False): N_("below {enter}"),
    (False, True): N_("above {enter}, until below {leave}"),
    (True, True): N_("below {enter}, until above {leave}"),
}
"""How a threshold is said: is trouble below it, and does it last until another value?"""


@dataclass(frozen=True, slots=True)
class ObserverLine:
    """One agent that looks at the target; `seen` is None until its first report."""

    agent: str
    look: Look
    is_silent: bool
    since: Moment | None
    seen: Moment | None
    rtt: str
    error_class: str
    message: str


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: its latest value, what it means, and its chart if there are points.

    is_ours: what it means is said by us, in the reader's language, and not by its connector.
    """

    name: str
    help: str
    is_ours: bool
    latest: str
    chart: Chart | None


@dataclass(frozen=True, slots=True)
class Entity:
    """The measurements of one part of the target; the name "" is the target itself."""

    name: str
    measured: list[Measured]


@dataclass(frozen=True, slots=True)
class TurnLine:
    """One change of state; `lasted` is how long until the next."""

    at: Moment
    look: Look
    lasted: str
    reason: str
    error_class: str


@dataclass(frozen=True, slots=True)
class LimitLine:
    """One threshold at work; `now` is the worst value of the latest report, "" without one.

    entity: where that value was seen, "" for the target itself. help: what the measurement means.
    """

    name: str
    help: str
    rule: str
    now: str
    entity: str
    is_past: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class TargetPage:
    """The whole page; `is_slow` says that the charts took too long and were left out."""

    target: reads.Target
    look: Look
    since: Moment | None
    every: str
    timeout: str
    facts: list[tuple[str, str]]
    observers: list[ObserverLine]
    entities: list[Entity]
    limits: list[LimitLine]
    commands: Sequence[Command]
    history: list[TurnLine]
    ranges: Sequence[Range]
    range: Range
    starts: Moment
    is_slow: bool
    updated: Moment


def target_page(
    target: reads.Target,
    observers: Sequence[reads.Observer],
    series: Sequence[reads.Series] | None,
    meanings: dict[str, str],
    history: Sequence[reads.Turn],
    limits: Sequence[Limit],
    commands: Sequence[Command],
    *,
    range_: Range,
    now: datetime,
) -> TargetPage:
    """Return the page of a target; `series` None means they took too long to read."""
    freshest = next((o for o in observers if o.reported), None)
    return TargetPage(
        target=target,
        look=look_of(target.state),
        since=moment(target.since, now) if target.since else None,
        every=_interval(target.every_ms),
        timeout=_interval(target.timeout_ms),
        facts=sorted((k, str(v)) for k, v in freshest.facts.items()) if freshest else [],
        observers=[_observer(o, now) for o in observers],
        entities=_entities(freshest, series or [], meanings, range_),
        limits=[_limit(each, freshest, meanings) for each in limits],
        commands=commands,
        history=_history(history, now),
        ranges=list(RANGES.values()),
        range=range_,
        starts=moment(now - range_.span, now),
        is_slow=series is None,
        updated=moment(now, now),
    )


def _interval(ms: int) -> str:
    return f"{ms} ms" if ms % 1000 else duration(ms / 1000)


def _observer(row: reads.Observer, now: datetime) -> ObserverLine:
    is_silent = row.silent_since is not None or not row.reported
    since = row.silent_since or row.since
    return ObserverLine(
        agent=row.agent,
        look=look_of("unknown" if is_silent else row.state),
        is_silent=is_silent,
        since=moment(since, now) if row.reported or row.silent_since else None,
        seen=moment(row.seen_at, now) if row.reported else None,
        rtt="–" if math.isnan(row.rtt_s) else value(row.rtt_s, "seconds"),
        error_class=row.error_class,
        message=row.message,
    )


def _entities(
    freshest: reads.Observer | None,
    series: Sequence[reads.Series],
    meanings: dict[str, str],
    range_: Range,
) -> list[Entity]:
    """Return what was measured of each part: what the latest report holds and what has a chart."""
    latest: dict[tuple[str, str], str] = {}
    if freshest is not None:
        latest["", "rtt"] = value(freshest.rtt_s, "seconds")
        for name, entity, unit, number in zip(
            freshest.names, freshest.entities, freshest.units, freshest.values, strict=False
        ):
            latest[entity, name] = value(number, unit)
    charts = {(s.entity, s.name): chart(s, span=range_.span, bucket=range_.bucket) for s in series}
    keys = sorted({*latest, *charts}, key=lambda key: (key[0], key[1] != "rtt", key[1]))
    meanings = {"rtt": gettext("Until the target answered"), **meanings}
    return [
        Entity(
            entity.replace(":", " ", 1),
            [
                Measured(
                    name=measurement_name(name),
                    help=meanings.get(name, ""),
                    is_ours=name == "rtt",
                    latest=latest.get((entity, name), "–"),
                    chart=charts.get((entity, name)),
                )
                for _, name in group
            ],
        )
        for entity, group in groupby(keys, key=lambda key: key[0])
    ]


def _limit(limit: Limit, freshest: reads.Observer | None, meanings: dict[str, str]) -> LimitLine:
    """Return the threshold beside the worst value the latest report holds of its measurement."""
    seen: list[tuple[float, str, str]] = []
    if freshest is not None:
        seen = [
            (number, entity, unit)
            for name, entity, unit, number in zip(
                freshest.names, freshest.entities, freshest.units, freshest.values, strict=False
            )
            if name == limit.name and math.isfinite(number)
        ]
    # Above, the sign does not matter: a clock that is ahead is as wrong as one that is behind.
    seen.sort(key=lambda found: found[0] if limit.below else -abs(found[0]))
    worst, entity, unit = seen[0] if seen else (math.nan, "", limit.unit)
    is_past = worst < limit.enter if limit.below else abs(worst) > limit.enter
    rule = gettext(RULES[limit.below, limit.leave != limit.enter])
    return LimitLine(
        name=measurement_name(limit.name),
        help=limit.help or meanings.get(limit.name, ""),
        rule=rule.format(enter=value(limit.enter, unit), leave=value(limit.leave, unit)),
        now=value(worst, unit) if seen else "",
        entity=entity.replace(":", " ", 1),
        is_past=is_past,
        is_own=limit.is_own,
    )


def _history(turns: Sequence[reads.Turn], now: datetime) -> list[TurnLine]:
    ended = now
    lines = []
    for turn in turns:
        lines.append(
            TurnLine(
                at=moment(turn.at, now),
                look=look_of(turn.now),
                lasted=duration((ended - turn.at).total_seconds()),
                reason=turn.reason,
                error_class=turn.error_class,
            )
        )
        ended = turn.at
    return lines
