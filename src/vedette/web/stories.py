"""Incidents as pages show them: words, tones and times of what was told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from vedette.web.looks import Look, look_of
from vedette.web.reader import N_, gettext
from vedette.web.told import Current, Member, Story, Told
from vedette.web.words import duration, instant, moment

IMPACTS = (N_("Maintenance"), N_("Minor incident"), N_("Major incident"), N_("Outage"))
NOTE = N_("Notice")
LOOK_OF_IMPACT = (
    look_of("draining"),
    look_of("degraded"),
    look_of("degraded"),
    look_of("down"),
)
"""Icons and tones of the states, so that a page has one scale of gravity and not two."""

STATUSES = {
    "detected": N_("Detected"),
    "analyzing": N_("Analysing"),
    "fixing": N_("Fixing"),
    "observing": N_("Observing"),
    "resolved": N_("Resolved"),
    "planned": N_("Planned"),
    "in progress": N_("In progress"),
    "active": N_("Active"),
    "completed": N_("Completed"),
    "cancelled": N_("Cancelled"),
    "impact changed": N_("Impact changed"),
    "reopened": N_("Reopened"),
    "changed": N_("Changed"),
    "modified": N_("Modified"),
    "description": N_("Description"),
    "SYSTEM": N_("Note of the system"),
    "note": N_("Note"),
}


@dataclass(frozen=True, slots=True)
class Card:
    """One incident in a list or at the top.

    impact, status: words in the reader's language. lasted: "" while it is open or still to come.
    said: the newest update as HTML, "" where a list shows none.
    """

    id: int
    kind: str
    title: str
    look: Look
    impact: str
    status: str
    starts: Markup
    ends: Markup | None
    lasted: str
    is_open: bool
    is_revised: bool
    affected: Sequence[Member]
    said: Markup
    said_at: Markup | None


def impact_word(kind: str, impact: int) -> str:
    """Return what the impact is called: `Outage`; of a note `Notice`."""
    word = NOTE if kind == "info" else IMPACTS[impact]
    return gettext(word)


def look_of_story(kind: str, impact: int, *, is_open: bool = True) -> Look:
    """Return the icon and tone: green when it is over, blue for what is planned or only told."""
    if not is_open and kind == "incident":
        return look_of("up")
    return LOOK_OF_IMPACT[impact]


def status_word(status: str) -> str:
    """Return what a status or the word of an update is called; a word of imports as it is."""
    known = STATUSES.get(status)
    return gettext(known) if known else status


def card(story: Story) -> Card:
    """Return an incident as a line of a list."""
    return Card(
        id=story.id,
        kind=story.kind,
        title=story.title,
        look=look_of_story(story.kind, story.impact, is_open=story.is_open),
        impact=impact_word(story.kind, story.impact),
        status=status_word(story.status),
        starts=instant(story.starts_at),
        ends=instant(story.ends_at) if story.ends_at else None,
        lasted=lasted(story) if not story.is_open else "",
        is_open=story.is_open,
        is_revised=story.revised_at is not None,
        affected=story.affected,
        said=Markup(),
        said_at=None,
    )


def current_card(story: Current, said: Markup, *, now: datetime) -> Card:
    """Return what stands open or comes soon, with its newest update as HTML."""
    return Card(
        id=story.id,
        kind=story.kind,
        title=story.title,
        look=look_of_story(story.kind, story.impact),
        impact=impact_word(story.kind, story.impact),
        status=status_word(story.status),
        # What is to come needs its hours, however far away it is.
        starts=moment(story.starts_at, now).tag
        if story.kind == "incident"
        else instant(story.starts_at),
        ends=instant(story.ends_at) if story.ends_at else None,
        lasted="",
        is_open=True,
        is_revised=False,
        affected=story.affected,
        said=said,
        said_at=moment(story.said_at, now).tag if story.said_at and story.said else None,
    )


def lasted(story: Story | Told) -> str:
    """Return how long it lasted, "" when it has no end or none was needed."""
    if story.ends_at is None or story.status == "cancelled":
        return ""
    return duration((story.ends_at - story.starts_at).total_seconds())
