"""The page of one incident: what it is, whom it affects, what was said of it and when."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vedette.errors import Missing
from vedette.web.looks import Look
from vedette.web.markdown import html_of
from vedette.web.stories import impact_word, lasted, look_of_story, status_word
from vedette.web.told import Member, Said, Told
from vedette.web.words import instant

NUMBER_LIMIT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Word:
    """One update; is_edited: its text was changed afterwards."""

    at: Markup
    status: str
    text: Markup
    is_edited: bool


@dataclass(frozen=True, slots=True)
class Part:
    """A component in it; joined, left: None where it is in it from the start, to the end."""

    member: Member
    joined: Markup | None
    left: Markup | None


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """The whole page; merged_into: 0 unless a public incident took it in. share: one line to pass on."""

    id: int
    kind: str
    title: str
    description: Markup
    look: Look
    impact: str
    status: str
    starts: Markup
    ends: Markup | None
    lasted: str
    is_open: bool
    revised: Markup | None
    merged_into: int
    postmortem: Markup
    postmortem_at: Markup | None
    words: list[Word]
    parts: list[Part]
    share: str


def number_of(name: str) -> int:
    """Return the number of an incident in an address; raises Missing."""
    if name.isascii() and name.isdigit() and len(name) < 11 and int(name) <= NUMBER_LIMIT:
        return int(name)
    raise Missing("there is no such incident", hint="the history lists them all")


def incident_page(
    told: Told, said: Sequence[Said], members: Sequence[Member], *, address: str
) -> IncidentPage:
    """Return the page of a public incident; `address` is where it stands, for the line to share."""
    impact, status = impact_word(told.kind, told.impact), status_word(told.status)
    return IncidentPage(
        id=told.id,
        kind=told.kind,
        title=told.title,
        description=html_of(told.description),
        look=look_of_story(told.kind, told.impact, is_open=told.is_open),
        impact=impact,
        status=status,
        starts=instant(told.starts_at),
        ends=instant(told.ends_at) if told.ends_at else None,
        lasted=lasted(told) if not told.is_open else "",
        is_open=told.is_open,
        revised=instant(told.revised_at) if told.revised_at else None,
        merged_into=told.merged_into or 0,
        postmortem=html_of(told.postmortem),
        postmortem_at=instant(told.postmortem_at) if told.postmortem_at else None,
        words=[_word(one) for one in said],
        parts=[
            Part(
                member,
                instant(member.joined_at) if member.joined_at else None,
                instant(member.left_at) if member.left_at else None,
            )
            for member in members
        ],
        share=f"{told.title} – {impact}, {status} – {address}",
    )


def _word(said: Said) -> Word:
    return Word(
        at=instant(said.at),
        status=status_word(said.status),
        text=html_of(said.text),
        is_edited=said.edited_at is not None,
    )
