"""The history of what was told: month by month, narrowed as asked, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from urllib.parse import urlencode

from vedette.errors import Invalid
from vedette.web.reader import reading
from vedette.web.stories import Card, card
from vedette.web.told import Asked, Member, Story
from vedette.web.words import month_of

PAGE_ROWS = 50
TEXT_LIMIT = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
IMPACT_WORDS = ("maintenance", "minor", "major", "outage")


@dataclass(frozen=True, slots=True)
class Month:
    """The incidents that began in one month on the reader's clock, the newest first."""

    name: str
    cards: list[Card]


@dataclass(frozen=True, slots=True)
class HistoryPage:
    """A page of the history; older: the address of the next one, "" at the end.

    The filters as they were given, and what each can be: regions by name, components by slug.
    """

    months: list[Month]
    older: str
    region: str
    component: str
    impact: str
    words: str
    regions: list[str]
    components: Sequence[Member]
    is_narrowed: bool


def asked_of(query: Mapping[str, str]) -> Asked:
    """Return what a query string of the history asks for; raises Invalid."""
    given = {name: query.get(name, "").strip() for name in ("region", "component", "words")}
    for name, text in given.items():
        if len(text) > TEXT_LIMIT:
            raise Invalid(f"{name} is longer than {TEXT_LIMIT} characters", hint="shorten it")
    impact = query.get("impact", "")
    if impact and impact not in IMPACT_WORDS:
        raise Invalid(
            f"there is no impact {impact[:40]!a}", hint="one of " + ", ".join(IMPACT_WORDS)
        )
    # A notice has impact 0, too, and is no maintenance.
    return Asked(
        kind="maintenance" if impact == "maintenance" else "",
        impact=IMPACT_WORDS.index(impact) if impact else None,
        region=given["region"],
        component=given["component"],
        words=given["words"],
        seek=_seek(query.get("before", "")),
    )


def _seek(text: str) -> tuple[datetime, int] | None:
    if not text:
        return None
    at, _, number = text.partition("-")
    for part, limit in ((at, 18), (number, 10)):
        if not (part.isascii() and part.isdigit() and len(part) <= limit):
            raise Invalid("before names no place in the history", hint="begin at /history")
    try:
        return EPOCH + int(at) * MICROSECOND, min(int(number), 2**31 - 1)
    except OverflowError:
        raise Invalid("before names no place in the history", hint="begin at /history") from None


def history_page(
    stories: Sequence[Story], choices: Sequence[Member], asked: Asked, *, impact: str
) -> HistoryPage:
    """Return the page of these incidents, one more than `PAGE_ROWS` where there are older ones."""
    shown = stories[:PAGE_ROWS]
    months = groupby(shown, key=lambda story: _month(story.starts_at))
    filters = {
        "region": asked.region,
        "component": asked.component,
        "impact": impact,
        "words": asked.words,
    }
    given = {name: text for name, text in filters.items() if text}
    older = ""
    if len(stories) > PAGE_ROWS:
        last = shown[-1]
        older = "/history?" + urlencode(
            {**given, "before": f"{(last.starts_at - EPOCH) // MICROSECOND}-{last.id}"}
        )
    return HistoryPage(
        months=[Month(name, [card(story) for story in group]) for name, group in months],
        older=older,
        regions=list(dict.fromkeys(member.region for member in choices if member.region)),
        components=choices,
        is_narrowed=bool(given),
        **filters,
    )


def _month(at: datetime) -> str:
    return month_of(reading().local(at))
