"""What the desk shows of an incident: everything, also what no reader of the status page may see."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from vedette.db.queries import Connection
from vedette.incidents.history import Change, history_of
from vedette.incidents.model import Affected, Incident, Kind, Status, Update
from vedette.incidents.reads import affected, incident, updates
from vedette.incidents.rules import WORDS
from vedette.web.desk_form import Typed, written
from vedette.web.looks import Look
from vedette.web.markdown import html_of
from vedette.web.reader import N_, gettext
from vedette.web.stories import impact_word, look_of_story, status_word
from vedette.web.words import instant

CHANGES_SHOWN = 50
UNCHOSEN = frozenset({Status.CANCELLED})
"""The last words that no form of an incident or a notice offers."""


CHANGES = {
    "open": N_("opened"),
    "update": N_("told more"),
    "note": N_("left a note"),
    "edit": N_("changed words"),
    "publish": N_("published"),
    "close": N_("closed"),
    "reopen": N_("reopened"),
    "correct": N_("corrected the times"),
    "separate": N_("separated components"),
    "merge": N_("merged"),
    "postmortem": N_("wrote the post-mortem"),
    "plan": N_("planned"),
    "modify": N_("changed the plan"),
    "start": N_("began it"),
    "finish": N_("finished it"),
    "cancel": N_("cancelled it"),
}
"""What the desk calls the verbs of the audit log; others stand as they are."""
FIELDS = {
    "title": N_("Title"),
    "description": N_("What it is about"),
    "status": N_("Status"),
    "impact": N_("Impact"),
    "starts_at": N_("Begins"),
    "ends_at": N_("Ends"),
    "postmortem": N_("Post-mortem"),
    "text": N_("Words"),
}
WEIGHTS = {"minor": N_("Minor"), "major": N_("Major"), "outage": N_("Outage")}


@dataclass(frozen=True, slots=True)
class Line:
    """An incident in a list of the desk."""

    held: Incident
    look: Look
    impact: str
    status: str
    starts: Markup
    ends: Markup | None
    members: str


@dataclass(frozen=True, slots=True)
class Words:
    """One update; html: its text drawn."""

    said: Update
    at: Markup
    word: str
    html: Markup


@dataclass(frozen=True, slots=True)
class Deed:
    """One line of who changed what."""

    at: Markup
    by: str
    change: str


@dataclass(frozen=True, slots=True)
class IncidentShown:
    """An incident's page on the desk.

    statuses: (word, name) of those a form offers. starts, ends: as fields show them. forms: those that
    have a place on it as it stands.
    """

    line: Line
    description: Markup
    starts: str
    ends: str
    members: Sequence[Affected]
    words: list[Words]
    deeds: list[Deed]
    statuses: list[tuple[str, str]]
    forms: Collection[str]


def line(held: Incident, members: Sequence[Affected]) -> Line:
    """Return an incident as lists of the desk show it."""
    names = (f"{one.service} ({one.region})" if one.region else one.service for one in members)
    return Line(
        held,
        look_of_story(held.kind, held.impact, is_open=held.is_open),
        impact_word(held.kind, held.impact),
        status_word(held.status),
        instant(held.starts_at),
        instant(held.ends_at) if held.ends_at else None,
        ", ".join(dict.fromkeys(names)),
    )


async def shown(conn: Connection, number: int) -> IncidentShown:
    """Return what there is to show of an incident; raises Missing."""
    held = await incident(conn, number)
    members = [one for one in (await affected(conn, [number]))[number] if one.left_at is None]
    said = (await updates(conn, [number], internal=True))[number]
    changes = await history_of(conn, number)
    return IncidentShown(
        line(held, members),
        html_of(held.description),
        written(held.starts_at),
        written(held.ends_at),
        members,
        [Words(one, instant(one.at), status_word(one.status), html_of(one.text)) for one in said],
        [deed(one) for one in changes[:CHANGES_SHOWN]],
        [] if held.kind is Kind.MAINTENANCE else _statuses(held),
        set(_forms(held, len(members))),
    )


def _forms(held: Incident, members: int) -> Iterator[str]:
    """Yield the forms of what stands so."""
    yield "note"
    if held.merged_into is not None:
        return
    if held.published_at is None:
        yield "publish"
    if held.is_open:
        yield "say"
    if held.kind is Kind.INCIDENT:
        yield from ("correct", "merge", "postmortem")
        if not held.is_open:
            yield "reopen"
        if members > 1:
            yield "separate"
    elif held.kind is Kind.MAINTENANCE and held.is_open:
        yield "change"
        if held.status is Status.IN_PROGRESS:
            yield "finish"
        else:
            yield "cancel"
            if held.published_at is not None:
                yield "begin"


def _statuses(held: Incident) -> list[tuple[str, str]]:
    """Return where it stands, and where it may go from there by a word of somebody's."""
    if held.kind is Kind.INFO:
        last = Status.CANCELLED if held.status is Status.PLANNED else Status.COMPLETED
        return [(held.status, status_word(held.status)), (last, status_word(last))]
    return [(word, status_word(word)) for word in WORDS[held.kind] if word not in UNCHOSEN]


def _value(field: str, word: str) -> str:
    if field == "status":
        return status_word(word)
    return gettext(WEIGHTS[word]) if field == "impact" and word in WEIGHTS else word


def deed(change: Change) -> Deed:
    """Return one change as a line."""
    said = CHANGES.get(change.change)
    return Deed(instant(change.at), change.by, gettext(said) if said else change.change)


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of a form that was not taken: what stands now, and what was typed."""

    field: str
    now: str
    yours: str


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What somebody else did while a form was being filled in."""

    deeds: list[Deed]
    differences: list[Difference]


def meanwhile(page: IncidentShown, typed: Typed) -> Meanwhile | None:
    """Return what was changed since the form was shown; None when nothing was."""
    held = page.line.held
    if not typed.text("version").isdecimal() or len(typed.text("version")) > 10:
        return None
    # Every change is one version and one line of the history.
    passed = held.version - int(typed.text("version"))
    if passed <= 0:
        return None
    stands: Mapping[str, str] = {
        "title": held.title,
        "description": held.description,
        "status": held.status,
        "impact": held.impact.word,
        "starts_at": page.starts,
        "ends_at": page.ends,
        "postmortem": held.postmortem,
    }
    if typed.form == "edit":
        edited = (one.said.text for one in page.words if str(one.said.id) == typed.text("update"))
        stands = {"text": next(edited, "")}
    differences = [
        Difference(gettext(FIELDS[name]), _value(name, now), _value(name, yours))
        for name, now in stands.items()
        if (yours := typed.changed(name)) is not None and yours != now
    ]
    return Meanwhile(page.deeds[:passed], differences)
