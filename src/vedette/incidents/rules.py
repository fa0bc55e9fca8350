"""The decisions of incidents: which word may follow which, and what a word does; no clock, no database."""

from datetime import datetime

from vedette.errors import Conflict, Invalid
from vedette.incidents.model import Impact, Incident, Kind, Said, Status

WORDS: dict[Kind, tuple[Status, ...]] = {
    Kind.INCIDENT: (
        Status.DETECTED,
        Status.ANALYZING,
        Status.FIXING,
        Status.OBSERVING,
        Status.RESOLVED,
    ),
    Kind.MAINTENANCE: (Status.PLANNED, Status.IN_PROGRESS, Status.COMPLETED, Status.CANCELLED),
    Kind.INFO: (Status.PLANNED, Status.ACTIVE, Status.COMPLETED, Status.CANCELLED),
}
"""The statuses of each kind, in the order of their lives."""

OVER = frozenset({Status.RESOLVED, Status.COMPLETED, Status.CANCELLED})
"""The last words."""

SEED_WORDS: dict[str, Status] = {
    "scheduled": Status.PLANNED,
    "investigating": Status.ANALYZING,
    "identified": Status.FIXING,
    "watching": Status.OBSERVING,
    "fixed": Status.RESOLVED,
}
"""The first Status Dashboard's vocabulary, and what each of its words is called here."""

OTHER_SPELLINGS: dict[str, Status] = {
    "analysing": Status.ANALYZING,
    "in_progress": Status.IN_PROGRESS,
    "canceled": Status.CANCELLED,
    "monitoring": Status.OBSERVING,
}


def status_of(word: str, kind: Kind) -> Status:
    """Return the status of this word for this kind, whichever vocabulary it is of; raises Invalid."""
    plain = word.strip().lower()
    named = SEED_WORDS.get(plain) or OTHER_SPELLINGS.get(plain) or plain
    status = next((status for status in WORDS[kind] if status == named), None)
    if status is None:
        raise Invalid(
            f"status: {word[:40]!a} is nothing for this kind: {kind}",
            hint="one of " + ", ".join(WORDS[kind]),
        )
    return status


def any_status_of(word: str) -> Status:
    """Return the status of this word for whatever kind has it, as lists are asked; raises Invalid."""
    for kind in WORDS:
        try:
            return status_of(word, kind)
        except Invalid:
            continue
    raise Invalid(
        f"there is no status {word[:40]!a}", hint="one of " + ", ".join(dict.fromkeys(Status))
    )


def impact_of(word: str | int) -> Impact:
    """Return the impact of this number or word; raises Invalid."""
    try:
        return (
            Impact(int(word)) if str(word).strip().isdigit() else Impact[str(word).strip().upper()]
        )
    except (KeyError, ValueError):
        raise Invalid(
            f"there is no impact {str(word)[:40]!a}",
            hint="0 maintenance, 1 minor, 2 major or 3 outage",
        ) from None


def check_impact(kind: Kind, impact: Impact) -> None:
    """Raise Invalid unless an incident has an impact and nothing else has one."""
    if (kind is Kind.INCIDENT) != (impact > 0):
        raise Invalid(
            f"impact {int(impact)} is nothing for this kind: {kind}",
            hint="1 to 3 for an incident, 0 for maintenance and info",
        )


def check_times(
    kind: Kind, starts_at: datetime, ends_at: datetime | None, *, now: datetime
) -> None:
    """Raise Invalid unless these times can be: an end after the start, nothing broken in the future."""
    if ends_at is not None and ends_at < starts_at:
        raise Invalid("it would end before it starts", hint="correct one of the two times")
    if kind is Kind.MAINTENANCE and ends_at is None:
        raise Invalid(
            "a maintenance needs its planned end", hint="give an end, or how long it lasts"
        )
    if kind is Kind.INCIDENT and starts_at > now:
        raise Invalid(
            "an incident cannot start in the future",
            hint="plan a maintenance, or leave the time out",
        )
    if kind is Kind.INCIDENT and ends_at is not None and ends_at > now:
        raise Invalid("an incident cannot end in the future", hint="close it when it is over")


def check_open(incident: Incident) -> None:
    """Raise Conflict when it is over."""
    if not incident.is_open:
        raise Conflict(
            f"incident {incident.id} is over ({incident.status})", hint="reopen it first"
        )


def check_version(incident: Incident, expected: int | None) -> None:
    """Raise Conflict when somebody changed it since `expected`; None asks for nothing."""
    if expected is not None and expected != incident.version:
        raise Conflict(
            f"incident {incident.id} was changed meanwhile (version {incident.version}, yours {expected})",
            hint="read it again and decide anew",
        )


def escalation(was: Impact, now: Impact) -> str:
    """Return what an update says of a changed impact, in the reference's words."""
    return f"impact changed from {was.word} to {now.word}"


def said_when(was: Impact, now: Impact) -> Said | None:
    """Return the word for an update that changes the impact; None when it does not."""
    return Said.IMPACT_CHANGED if was != now else None
