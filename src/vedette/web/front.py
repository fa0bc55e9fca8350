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
from vedette.web.markdown import html_of
from vedette.web.reader import gettext, ngettext
from vedette.web.stories import Card, current_card
from vedette.web.told import Current, place_of
from vedette.web.words import Moment, day_of, moment

AILING_LIMIT = 12
"""So many components are named at the top; the rest stand in their regions anyway."""
STALLED_AFTER = timedelta(minutes=2)
"""The deadman looks every few seconds; when it has not for so long, the page says so."""

TROUBLE = (State.DOWN, State.DEGRADED, State.DRAINING, State.INITIALISING)


class Line(msgspec.Struct, frozen=True, gc=False):
    """One component as its line shows it; `since` is None while nobody has looked at it.

    Of a Moment it holds what does not change by itself: equal lines are drawn once (`templates.drawn`).
    story: the number of the gravest incident or maintenance it is in now; 0 for none.
    """

    slug: str
    name: str
    type: str
    place: str
    state: State
    look: Look
    since: Markup | None
    bar: Bar
    story: int


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
    """The whole status page; works: maintenance now and soon, the nearest first."""

    headline: Headline
    incidents: list[Card]
    notices: list[Card]
    works: list[Card]
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
    told: Sequence[Current],
    *,
    now: datetime,
) -> Front:
    """Return the status page of these rows as of `now`; `told` the gravest first."""
    stories = _stories(told, now=now)
    lines = [(c.region, c.category, _line(c, days, stories, now)) for c in components]
    cards = [(one, current_card(one, html_of(one.said), now=now)) for one in told]
    incidents = [card for one, card in cards if one.kind == "incident"]
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
    works = [(one.starts_at, one.id, card) for one, card in cards if one.kind == "maintenance"]
    is_stalled = sight.watched_at is not None and now - sight.watched_at > STALLED_AFTER
    return Front(
        headline=headline([line for _, _, line in lines], incidents),
        incidents=incidents,
        notices=[card for one, card in cards if one.kind == "info"],
        works=[card for _, _, card in sorted(works, key=lambda work: work[:2])],
        ailing=ailing[:AILING_LIMIT],
        ailing_more=max(0, len(ailing) - AILING_LIMIT),
        regions=regions,
        legend=LEGEND,
        first_day=day_of(first_day(now.date())),
        updated=moment(now, now),
        seen=moment(sight.seen_at, now) if sight.seen_at else None,
        stalled=moment(sight.watched_at, now) if sight.watched_at and is_stalled else None,
        total=len(lines),
    )


def _stories(told: Sequence[Current], *, now: datetime) -> dict[str, int]:
    """Return the number of the gravest story that each component, by its slug, is in now."""
    found: dict[str, int] = {}
    for one in told:
        if one.kind != "info" and one.starts_at <= now:
            for member in one.affected:
                found.setdefault(member.slug, one.id)
    return found


def headline(lines: Sequence[Line], incidents: Sequence[Card] = ()) -> Headline:
    """Return the page in one sentence: the gravest trouble first, our own blindness last.

    What we see ourselves goes before what was told; an open incident goes before all that is well.
    """
    found = Counter(line.state for line in lines)
    blind = found[State.UNKNOWN]
    worst = next((state for state in TROUBLE if found[state]), None)
    if worst is not None:
        named = [line for line in lines if line.state is worst]
        return Headline(LOOKS[worst], _who(named, worst), _beside(found, worst))
    if incidents:
        number = len(incidents)
        text = ngettext("There is an incident", "There are {number} incidents", number)
        return Headline(incidents[0].look, text.format(number=number), "")
    if not lines:
        return Headline(LOOKS[State.UNKNOWN], gettext("Nothing is declared yet"), "")
    if blind == len(lines):
        return Headline(
            LOOKS[State.UNKNOWN],
            gettext("We cannot see anything right now"),
            gettext("This is our blindness: it says nothing about the services themselves."),
        )
    if blind:
        named = [line for line in lines if line.state is State.UNKNOWN]
        who = named[0].place if blind == 1 else _components(blind)
        seen = gettext("Everything we can see is up: {number} of {components}.")
        return Headline(
            LOOKS[State.UNKNOWN],
            gettext("We cannot see {who}").format(who=who),
            seen.format(number=found[State.UP], components=_components(len(lines))),
        )
    if len(lines) == 1:
        text = gettext("{place} is {state}")
        return Headline(LOOKS[State.UP], text.format(place=lines[0].place, state=gettext("up")), "")
    detail = gettext("All {number} components.").format(number=len(lines))
    return Headline(LOOKS[State.UP], gettext("Everything is up"), detail)


def _components(number: int) -> str:
    return ngettext("{number} component", "{number} components", number).format(number=number)


def _beside(found: Counter[State], worst: State) -> str:
    """Return what else is wrong, and how much is well."""
    others = [
        f"{found[state]} {gettext(LOOKS[state].word)}"
        for state in TROUBLE
        if state is not worst and found[state]
    ]
    if found[State.UNKNOWN]:
        others.append(gettext("{number} we cannot see").format(number=found[State.UNKNOWN]))
    up = gettext("{number} of {components} up.").format(
        number=found[State.UP], components=_components(found.total())
    )
    also = gettext("Also {others}.").format(others=", ".join(others))
    return f"{also} {up}" if others else up


def _who(named: Sequence[Line], worst: State) -> str:
    state = gettext(LOOKS[worst].word)
    if len(named) == 1:
        return gettext("{place} is {state}").format(place=named[0].place, state=state)
    if len(named) == 2:
        return gettext("{one} and {other} are {state}").format(
            one=named[0].place, other=named[1].place, state=state
        )
    return gettext("{components} are {state}").format(
        components=_components(len(named)), state=state
    )


def _line(
    row: reads.Component, days: dict[int, reads.Days], stories: dict[str, int], now: datetime
) -> Line:
    state, look = BY_WORD[row.state]
    return Line(
        slug=row.slug,
        name=row.service,
        type=row.type,
        place=place_of(row.service, row.type, row.region),
        state=state,
        look=look,
        since=moment(row.since, now).tag if row.since else None,
        bar=bar(days.get(row.id), now.date()),
        story=stories.get(row.slug, 0),
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
