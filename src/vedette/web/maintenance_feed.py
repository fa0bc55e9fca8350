"""`/maintenance.ics`: what is planned, for calendars that ask again by themselves (RFC 5545)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from icalendar import Calendar, Event, vDuration
from psycopg_pool import AsyncConnectionPool

from vedette.db.queries import load
from vedette.errors import Invalid, Missing
from vedette.web.answers import Answer, Request
from vedette.web.lent import lent
from vedette.web.markdown import plain_of

Q = load(__file__, "maintenance_feed.sql")

KEPT = timedelta(days=30)
"""How long a maintenance that is over or called off stays in the calendar."""

AT_MOST = 500
FILTER_LIMIT = 200
ASK_AGAIN = timedelta(minutes=15)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A maintenance as a calendar shows it; names: whom it affects."""

    id: int
    title: str
    description: str
    status: str
    starts_at: datetime
    ends_at: datetime
    version: int
    made_at: datetime
    changed_at: datetime
    names: Sequence[str]

    def __post_init__(self) -> None:
        """Make it hashable: the driver gives a list."""
        object.__setattr__(self, "names", tuple(self.names))


class MaintenanceFeed:
    """The calendar of one server's public maintenances."""

    def __init__(self, pool: AsyncConnectionPool, *, clock: Callable[[], datetime]) -> None:
        self._pool = pool
        self._clock = clock

    async def answer(self, request: Request) -> Answer:
        """Answer with all of it, or with `?component=SLUG`, `?region=NAME`; raises Invalid or Missing."""
        asked = request.query
        unknown = sorted(set(asked) - {"component", "region"})
        if unknown:
            raise Invalid(f"unknown: {unknown[0][:40]!a}", hint="component or region")
        chosen = {name: _chosen(asked.get(name)) for name in ("component", "region")}
        async with lent(self._pool) as conn:
            if not await Q.value(conn, "filter_is_known", **chosen) and any(chosen.values()):
                raise Missing("there is nothing of that name", hint="the status page lists all")
            now = self._clock()
            entries = await Q.all(
                conn,
                "maintenances",
                row=Entry,
                now=now,
                since=now - KEPT,
                at_most=AT_MOST,
                **chosen,
            )
        return Answer(
            calendar_of(entries),
            type=b"text/calendar; charset=utf-8",
            headers=((b"content-disposition", b'inline; filename="maintenance.ics"'),),
        )


def calendar_of(entries: Sequence[Entry]) -> bytes:
    """Return the entries as an iCalendar document; times are in UTC, every calendar's common ground."""
    calendar = Calendar()
    calendar.add("prodid", "-//Vedette//Maintenance//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "Maintenance")
    calendar.add("refresh-interval", ASK_AGAIN, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(ASK_AGAIN))
    head, end = bytes(calendar.to_ical()).rsplit(b"END:VCALENDAR", 1)
    return b"".join((head, *map(_written, entries), b"END:VCALENDAR", end))


@lru_cache(maxsize=2 * AT_MOST)
def _written(entry: Entry) -> bytes:
    """Return one entry as bytes; equal ones are written once, since the library takes its time."""
    event = Event()
    # Numbers begin anew in every house; with the instant it was made it is told apart from others'.
    made = f"{entry.made_at.astimezone(UTC):%Y%m%dT%H%M%S%f}"
    event.add("uid", f"maintenance-{entry.id}-{made}@vedette")
    event.add("sequence", entry.version)
    event.add("dtstamp", _whole(entry.changed_at))
    event.add("last-modified", _whole(entry.changed_at))
    event.add("created", _whole(entry.made_at))
    event.add("dtstart", _whole(entry.starts_at))
    event.add("dtend", _whole(entry.ends_at))
    event.add("summary", _fit(entry.title))
    event.add("description", _fit(_description(entry)))
    event.add("status", "CANCELLED" if entry.status == "cancelled" else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    return bytes(event.to_ical())


def _description(entry: Entry) -> str:
    affected = f"Affects: {', '.join(entry.names)}" if entry.names else ""
    return "\n\n".join(part for part in (plain_of(entry.description), affected) if part)


def _whole(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)


def _fit(text: str) -> str:
    """Return the text without what a calendar may not hold; the library escapes the rest."""
    return _CONTROL.sub("", text.replace("\r", ""))


def _chosen(text: str | None) -> str | None:
    if text is not None and (not text or len(text) > FILTER_LIMIT or "\0" in text):
        raise Invalid("that filter is no name", hint="leave it out for everything")
    return text
