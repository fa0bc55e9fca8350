"""The page of one component: how it is, how it was, what was told of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from markupsafe import Markup

from vedette.web.bars import Bar, bar
from vedette.web.component_measured import Measurements, Span, spans
from vedette.web.component_shares import Shares
from vedette.web.looks import BY_WORD, Look
from vedette.web.reader import gettext
from vedette.web.reads import Days
from vedette.web.stories import Card, card
from vedette.web.told import Place, Story, Turn, place_of
from vedette.web.words import Moment, duration, instant, moment

SPAN = timedelta(days=7)
WIDTH, HEIGHT = 720, 30
LEAST_WIDTH = 1.5
"""However short, a state must be seen."""
TURNS_SHOWN = 20
STORIES_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One change of state and how long it stayed so; "" while it still is."""

    at: Markup
    look: Look
    lasted: str


@dataclass(frozen=True, slots=True)
class ComponentPage:
    """The whole page; timeline: the last days as SVG, summary: the same in a sentence.

    shares: None of one that is retired. measurements: None where nothing is published.
    stories_more: whether the history has more than are shown.
    """

    slug: str
    name: str
    place: str
    category: str
    region: str
    look: Look
    is_retired: bool
    since: Moment | None
    bar: Bar
    timeline: Markup
    summary: str
    changes: list[Change]
    shares: Shares | None
    measurements: Measurements | None
    spans: Sequence[Span]
    stories: list[Card]
    stories_more: bool


def component_page(
    row: Place,
    days: Days | None,
    turns: Sequence[Turn],
    stories: Sequence[Story],
    shares: Shares | None,
    measurements: Measurements | None,
    *,
    now: datetime,
) -> ComponentPage:
    """Return the page of a component as of `now`; `turns` the oldest first."""
    since = now - SPAN
    recent = [turn for turn in turns if turn.at >= since][-TURNS_SHOWN:]
    ends = [turn.at for turn in recent[1:]]
    lasting = [
        duration((end - turn.at).total_seconds()) for turn, end in zip(recent, ends, strict=False)
    ]
    pieces = _pieces(turns, since, now)
    return ComponentPage(
        slug=row.slug,
        name=f"{row.service} ({row.type})" if row.type else row.service,
        place=place_of(row.service, row.type, row.region),
        category=row.category,
        region=row.region,
        look=BY_WORD[row.state][1],
        is_retired=row.is_retired,
        since=moment(row.since, now) if row.since else None,
        bar=bar(days, now.date()),
        timeline=_drawn(pieces, since, now),
        summary=_summary(pieces),
        changes=[
            Change(instant(turn.at), BY_WORD[turn.state][1], lasted)
            for turn, lasted in zip(recent, [*lasting, ""], strict=False)
        ][::-1],
        shares=shares,
        measurements=measurements,
        spans=spans(),
        stories=[card(story) for story in stories[:STORIES_SHOWN]],
        stories_more=len(stories) > STORIES_SHOWN,
    )


Piece = tuple[datetime, datetime, str]


def _pieces(turns: Sequence[Turn], since: datetime, now: datetime) -> list[Piece]:
    """Return from when to when it was in which state, within the span; nothing before its first turn."""
    edges = [(max(turn.at, since), turn.state) for turn in turns if turn.at < now]
    return [
        (begin, end, state)
        for (begin, state), (end, _) in pairwise([*edges, (now, "")])
        if end > begin
    ]


def _drawn(pieces: Sequence[Piece], since: datetime, now: datetime) -> Markup:
    """Draw the pieces; trouble stands taller than being up, as in the 90-day bar. Numbers and words of ours alone."""
    scale = WIDTH / (now - since).total_seconds()
    cells = []
    for begin, end, state in pieces:
        x = (begin - since).total_seconds() * scale
        width = max(LEAST_WIDTH, (end - begin).total_seconds() * scale)
        top = 8 if state in ("up", "unknown") else 0
        tone = BY_WORD[state][1].tone
        cells.append(
            f'<path class="bar-{tone}" d="M{x:.1f} {top}h{width:.1f}V{HEIGHT}h-{width:.1f}z"/>'
        )
    return Markup(  # noqa: S704 - see above
        f'<svg class="timeline" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none"'
        f' aria-hidden="true"><path class="bar-ground" d="M0 28h{WIDTH}"/>{"".join(cells)}</svg>'
    )


def _summary(pieces: Sequence[Piece]) -> str:
    """Return for how long it was in which state, the longest first."""
    seconds: dict[str, float] = {}
    for begin, end, state in pieces:
        seconds[state] = seconds.get(state, 0) + (end - begin).total_seconds()
    if not seconds:
        return gettext("Not watched yet.")
    ordered = sorted(seconds.items(), key=lambda item: -item[1])
    return ", ".join(
        f"{gettext(BY_WORD[state][1].word)} {duration(length)}" for state, length in ordered
    )
