"""The decisions of maintenances: how long, how far ahead, and what the clock makes of one."""

from datetime import datetime, timedelta

from vedette.errors import Conflict, Invalid
from vedette.incidents.model import Incident, Kind, Status

LONGEST = timedelta(days=31)
FURTHEST = timedelta(days=731)
"""How far from now a maintenance may lie, ahead and, recorded afterwards, behind."""

BEGUN = {Kind.MAINTENANCE: Status.IN_PROGRESS, Kind.INFO: Status.ACTIVE}

SENTENCES: dict[tuple[Kind, Status], str] = {
    (Kind.MAINTENANCE, Status.IN_PROGRESS): "Maintenance is in progress.",
    (Kind.MAINTENANCE, Status.COMPLETED): "Maintenance is completed.",
    (Kind.MAINTENANCE, Status.CANCELLED): "Maintenance is cancelled.",
    (Kind.INFO, Status.ACTIVE): "The informational notification is active.",
    (Kind.INFO, Status.COMPLETED): "The informational notification is completed.",
}
"""What is said when nobody says anything; the reference's words."""


def steps(held: Incident, *, now: datetime) -> list[tuple[Status, datetime]]:
    """Return what the clock makes of a maintenance or a note by now, each step with its true time.

    A draft waits: what nobody has been told neither begins nor ends. An incident ends when it is
    over, not when a clock says so.
    """
    if held.kind is Kind.INCIDENT or held.published_at is None:
        return []
    begun = BEGUN[held.kind]
    status, found = held.status, []
    if status is Status.PLANNED and held.starts_at <= now:
        status = begun
        found.append((begun, held.starts_at))
    if status is begun and held.ends_at is not None and held.ends_at <= now:
        found.append((Status.COMPLETED, held.ends_at))
    return found


def check_window(starts_at: datetime, ends_at: datetime, *, now: datetime) -> None:
    """Raise Invalid unless a maintenance may last so long and lie there."""
    if ends_at <= starts_at:
        raise Invalid("it would end before it starts", hint="correct one of the two times")
    if ends_at - starts_at > LONGEST:
        raise Invalid(
            f"a maintenance lasts {LONGEST.days} days at most", hint="plan it in several parts"
        )
    if abs(starts_at - now) > FURTHEST:
        raise Invalid("that is more than two years from now", hint="is the year right?")


def check_maintenance(held: Incident) -> None:
    """Raise Invalid when it is something else."""
    if held.kind is not Kind.MAINTENANCE:
        raise Invalid(f"{held.id} is no maintenance but: {held.kind}", hint="update it as such")


def check_not_over(held: Incident) -> None:
    """Raise Conflict when the maintenance was completed or cancelled."""
    if not held.is_open:
        raise Conflict(f"maintenance {held.id} is over ({held.status})", hint="plan a new one")


def check_moved(held: Incident, starts_at: datetime, ends_at: datetime, *, now: datetime) -> None:
    """Raise Conflict unless a maintenance that has begun stays begun, and goes on."""
    if held.status is Status.PLANNED:
        return
    if starts_at > now:
        raise Conflict(
            f"maintenance {held.id} has begun, so its start cannot lie ahead",
            hint="finish it and plan a new one",
        )
    if ends_at <= now:
        raise Conflict(
            f"maintenance {held.id} would have ended already", hint="finish it, with the time"
        )


def moved_words(was: Incident, starts_at: datetime, ends_at: datetime) -> str:
    """Return what an update says of a maintenance that was moved; times in UTC."""
    return f"Now {_window(starts_at, ends_at)}; it was {_window(was.starts_at, was.ends_at)}."


def _window(starts_at: datetime, ends_at: datetime | None) -> str:
    end = f" to {ends_at:%Y-%m-%d %H:%M}" if ends_at else ""
    return f"{starts_at:%Y-%m-%d %H:%M}{end} UTC"
