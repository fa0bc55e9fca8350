"""The status page: from rows to what the template shows; nothing private to operators enters."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

import msgspec
from markupsafe import Markup

from vedette.health.model import State
from vedette.web import reads
from vedette.web.bars import Bar, bar, first_day
from vedette.web.looks import BY_WORD, LEGEND, LOOKS, Look
from vedette.web.words import Moment, count, moment

AILING_LIMIT = 12
"""So many components are named at the top; the rest stand in their regions anyway."""
STALLED_AFTER = timedelta(minutes=2)
"""The deadman looks every few seconds; when it has not for so long, the page says so."""

TROUBLE = (State.DOWN, State.DEGRADED, State.DRAINING, State.INITIALISING)


class Line(msgspec.Struct, frozen=True, gc=False):
    """One component as its line shows it; `since` is None while nobody has looked at it.

    Of a Moment it holds what does not change by itself: equal lines are drawn once (`templates.drawn`).
    """

    slug: str
    name: str
    type: str
    place: str
    state: State
    look: Look
    since: Markup | None
    bar: Bar


class Ailing(NamedTuple):
    """A component that is named at the top, and for how long it has been so; "" while we do not know."""

    line: Line
    lasts: str


@dataclass(frozen=True, slots=True)
class Group:
    """The components of one category in one region; the name "" stands for none."""

    name: str
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class Region:
    """One region; `tally` counts its states, the gravest first."""

    name: str
    anchor: str
    tally: list[tuple[Look, int]]
    groups: list[Group]


@dataclass(frozen=True, slots=True)
class Headline:
    """What is wrong now, in words; `detail` is "" when there is no more to say."""

    look: Look
    text: str
    detail: str


@dataclass(frozen=True, slots=True)
class Front:
    """The whole status page."""

    headline: Headline
    ailing: list[Ailing]
    ailing_more: int
    regions: list[Region]
    legend: Sequence[Look]
    first_day: str
    updated: Moment
    seen: Moment | None
    stalled: Moment | None
    total: int


def front(
    components: Sequence[reads.Component],
    days: dict[int, reads.Days],
    sight: reads.Sight,
    *,
    now: datetime,
) -> Front:
    """Return the status page of these rows as of `now`."""
    lines = [(c.region, c.category, _line(c, days, now)) for c in components]
    ailing = sorted(
        [
            Ailing(line, moment(row.since, now).ago if row.since else "")
            for row, (_, _, line) in zip(components, lines, strict=True)
            if line.state in TROUBLE
        ],
        key=lambda found: -found.line.state,
    )
    regions = [
        _region(nth, name, list(rows))
        for nth, (name, rows) in enumerate(groupby(lines, key=lambda row: row[0]), start=1)
    ]
    is_stalled = sight.watched_at is not None and now - sight.watched_at > STALLED_AFTER
    return Front(
        headline=headline([line for _, _, line in lines]),
        ailing=ailing[:AILING_LIMIT],
        ailing_more=max(0, len(ailing) - AILING_LIMIT),
        regions=regions,
        legend=LEGEND,
        first_day=f"{first_day(now.date()).day} {first_day(now.date()):%b}",
        updated=moment(now, now),
        seen=moment(sight.seen_at, now) if sight.seen_at else None,
        stalled=moment(sight.watched_at, now) if sight.watched_at and is_stalled else None,
        total=len(lines),
    )


def headline(lines: Sequence[Line]) -> Headline:
    """Return the page in one sentence: the gravest trouble first, our own blindness after it."""
    found = Counter(line.state for line in lines)
    blind = found[State.UNKNOWN]
    worst = next((state for state in TROUBLE if found[state]), None)
    if worst is not None:
        named = [line for line in lines if line.state is worst]
        others = [f"{found[s]} {LOOKS[s].word}" for s in TROUBLE if s is not worst and found[s]]
        if blind:
            others.append(f"{blind} we cannot see")
        also = f"Also {', '.join(others)}. " if others else ""
        up = f"{found[State.UP]} of {count(len(lines), 'component')} up."
        return Headline(LOOKS[worst], _who(named, worst), also + up)
    if not lines:
        return Headline(LOOKS[State.UNKNOWN], "Nothing is declared yet", "")
    if blind == len(lines):
        return Headline(
            LOOKS[State.UNKNOWN],
            "We cannot see anything right now",
            "This is our blindness: it says nothing about the services themselves.",
        )
    if blind:
        named = [line for line in lines if line.state is State.UNKNOWN]
        who = named[0].place if blind == 1 else count(blind, "component")
        return Headline(
            LOOKS[State.UNKNOWN],
            f"We cannot see {who}",
            f"Everything we can see is up: {found[State.UP]} of {count(len(lines), 'component')}.",
        )
    text = "Everything is up" if len(lines) > 1 else f"{lines[0].place} is up"
    return Headline(LOOKS[State.UP], text, f"All {len(lines)} components." if lines[1:] else "")


def _who(named: Sequence[Line], state: State) -> str:
    word = LOOKS[state].word
    if len(named) == 1:
        return f"{named[0].place} is {word}"
    if len(named) == 2:
        return f"{named[0].place} and {named[1].place} are {word}"
    return f"{count(len(named), 'component')} are {word}"


def _line(row: reads.Component, days: dict[int, reads.Days], now: datetime) -> Line:
    state, look = BY_WORD[row.state]
    name = f"{row.service} ({row.type})" if row.type else row.service
    return Line(
        slug=row.slug,
        name=row.service,
        type=row.type,
        place=f"{name} in {row.region}" if row.region else name,
        state=state,
        look=look,
        since=moment(row.since, now).tag if row.since else None,
        bar=bar(days.get(row.id), now.date()),
    )


def _region(nth: int, name: str, rows: list[tuple[str, str, Line]]) -> Region:
    found = Counter(line.state for _, _, line in rows)
    return Region(
        name=name,
        anchor=f"region-{nth}",
        tally=[(LOOKS[state], found[state]) for state in sorted(found, reverse=True)],
        groups=[
            Group(category, [line for _, _, line in group])
            for category, group in groupby(rows, key=lambda row: row[1])
        ],
    )
