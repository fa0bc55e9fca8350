"""What the public was told, as pages ask for it: one function, one named query; nothing here writes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from psycopg import AsyncConnection

from vedette.db.queries import load
from vedette.web.reader import gettext
from vedette.web.reads import Sight

Q = load(__file__, "told.sql")

Connection = AsyncConnection[Any]
TURNS_LIMIT = 500


class Member(msgspec.Struct, frozen=True, gc=False):
    """A component in an incident; joined_at None: from its start, left_at None: to its end."""

    slug: str
    service: str
    type: str
    region: str
    joined_at: datetime | None = None
    left_at: datetime | None = None

    @property
    def place(self) -> str:
        """What people call it: `Orders (database) in EU-DE`."""
        return place_of(self.service, self.type, self.region)


_members = msgspec.json.Decoder(list[Member])


@dataclass(frozen=True, slots=True)
class Story:
    """One incident, maintenance or note in a list; members as JSON. revised_at: its past was changed."""

    id: int
    kind: str
    title: str
    impact: int
    status: str
    starts_at: datetime
    ends_at: datetime | None
    is_open: bool
    revised_at: datetime | None
    members: str

    @property
    def affected(self) -> list[Member]:
        """Whom it affects or did."""
        return _members.decode(self.members)


@dataclass(frozen=True, slots=True)
class Current:
    """What stands open or comes soon; said: the newest that was said of it, "" for nothing yet."""

    id: int
    kind: str
    title: str
    impact: int
    status: str
    starts_at: datetime
    ends_at: datetime | None
    said_at: datetime | None
    said: str
    members: str

    @property
    def affected(self) -> list[Member]:
        """Whom it affects now."""
        return _members.decode(self.members)


@dataclass(frozen=True, slots=True)
class Told:
    """One incident with everything its own page says; merged_into: None, or a public incident."""

    id: int
    kind: str
    title: str
    description: str
    impact: int
    status: str
    starts_at: datetime
    ends_at: datetime | None
    is_open: bool
    revised_at: datetime | None
    merged_into: int | None
    postmortem: str
    postmortem_at: datetime | None


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that was said in public."""

    at: datetime
    status: str
    text: str
    edited_at: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """A component as its own page names it; since: None while nobody has looked at it.

    published: the items of its attribute `publish`, see component_measured.py.
    """

    id: int
    slug: str
    service: str
    category: str
    region: str
    type: str
    state: str
    since: datetime | None
    is_retired: bool
    published: list[str]


@dataclass(frozen=True, slots=True)
class Turn:
    """A component's state from then on."""

    at: datetime
    state: str
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which incidents one asks for; None and "" ask for all.

    is_open: only what is not over. seek: where the page before ended.
    """

    kind: str = ""
    is_open: bool = False
    impact: int | None = None
    region: str = ""
    component: str = ""
    words: str = ""
    since: datetime | None = None
    until: datetime | None = None
    seek: tuple[datetime, int] | None = None


def place_of(service: str, sort: str, region: str) -> str:
    """Return what people call a component of this service; sort: its type, "" for none."""
    name = f"{service} ({sort})" if sort else service
    return gettext("{name} in {region}").format(name=name, region=region) if region else name


async def stories(conn: Connection, asked: Asked, *, limit: int) -> list[Story]:
    """Return the published incidents asked for, the newest first."""
    seek_at, seek_id = asked.seek or (None, None)
    return await Q.all(
        conn,
        "stories",
        row=Story,
        kind=asked.kind,
        is_open=asked.is_open,
        impact=asked.impact,
        region=asked.region,
        component=asked.component,
        words=asked.words,
        since=asked.since,
        until=asked.until,
        seek_at=seek_at,
        seek_id=seek_id,
        limit=limit,
    )


async def now_told(conn: Connection, *, soon: datetime) -> tuple[Sight, list[Current]]:
    """Return how fresh our eyes are, and what stands open or begins before `soon`, the gravest first."""
    rows = await Q.all(conn, "now", soon=soon)
    return Sight(*rows[0][:2]), [Current(*row[2:]) for row in rows if row[2] is not None]


async def story(conn: Connection, number: int) -> Told | None:
    """Return the published incident of that number."""
    return await Q.one(conn, "story", row=Told, number=number)


async def said(conn: Connection, number: int) -> list[Said]:
    """Return what was said in public of an incident, the newest first."""
    return await Q.all(conn, "said", row=Said, number=number)


async def members(conn: Connection, number: int) -> list[Member]:
    """Return whom an incident affects or did."""
    return await Q.all(conn, "members", row=Member, number=number)


async def component(conn: Connection, slug: str) -> Place | None:
    """Return the component of that slug."""
    return await Q.one(conn, "component", row=Place, slug=slug)


async def turns(conn: Connection, component_id: int, *, since: datetime) -> list[Turn]:
    """Return the latest changes of a component's state since then, the oldest first, after the one before."""
    return await Q.all(
        conn, "turns", row=Turn, component_id=component_id, since=since, limit=TURNS_LIMIT
    )


async def choices(conn: Connection) -> list[Member]:
    """Return the components that the history can be narrowed to, by region."""
    return await Q.all(conn, "choices", row=Member)
