"""What everyone may know, as the feeds need it: one statement for the components, one for what was told."""

from collections.abc import Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from datetime import datetime

import msgspec

from vedette.db.queries import Connection, load
from vedette.incidents.model import Impact

Q = load(__file__, "reads.sql")

EVENTS = 50
UPDATES = 50
"""Of each event, the newest."""
CHARACTERS = 400_000
"""Of all texts in one answer: what is older is left out."""

INCIDENTS = ("incident",)
MAINTENANCES = ("maintenance",)
EVERYTHING = ("incident", "maintenance", "info")


@dataclass(frozen=True, slots=True)
class Component:
    """A component; state: None while nobody looks at it, impact: None while nothing is told of it."""

    id: int
    slug: str
    service: str
    region: str
    region_slug: str
    category: str
    type: str
    made_at: datetime
    state: str | None
    since: datetime | None
    impact: int | None

    @property
    def name(self) -> str:
        """Its service, and its type where it has one."""
        return f"{self.service} ({self.type})" if self.type else self.service

    @property
    def place(self) -> str:
        """Its name and where it is."""
        return f"{self.name} in {self.region}" if self.region else self.name


@dataclass(frozen=True, slots=True)
class Said:
    """A public update; made_at: when it was written or last edited, whatever `at` says."""

    incident_id: int
    id: int
    at: datetime
    status: str
    text: str
    made_at: datetime


_SAID = msgspec.json.Decoder(list[tuple[int, int, datetime, str, str, datetime]])


@dataclass(slots=True)
class Event:
    """A published incident, maintenance or note; members: ids of components; said: its updates as JSON."""

    id: int
    kind: str
    title: str
    description: str
    impact: Impact
    status: str
    origin: str
    starts_at: datetime
    ends_at: datetime | None
    is_open: bool
    published_at: datetime
    revised_at: datetime | None
    postmortem: str
    postmortem_at: datetime | None
    changed_at: datetime
    members: list[int]
    said: InitVar[str]
    updates: list[Said] = field(init=False)
    """The newest first."""

    def __post_init__(self, said: str) -> None:
        """Read the plain number and the text of a database row."""
        self.impact = Impact(self.impact)
        self.updates = [Said(*each) for each in _SAID.decode(said)]

    @property
    def begun_at(self) -> datetime:
        """When the public first could know of it: what is planned was announced before it starts."""
        return min(self.starts_at, self.published_at)

    @property
    def told_at(self) -> datetime:
        """When something was said last; of what was brought from elsewhere, when it was said there."""
        if self.origin == "import":
            return max([self.begun_at, *(said.at for said in self.updates)])
        later = (self.published_at, self.revised_at, self.postmortem_at)
        return max([at for at in later if at] + [said.made_at for said in self.updates])

    @property
    def length(self) -> int:
        """Characters of its texts."""
        own = len(self.title) + len(self.description) + len(self.postmortem)
        return own + sum(len(said.text) for said in self.updates)


async def components(
    conn: Connection, *, now: datetime, slug: str | None = None
) -> list[Component]:
    """Return the public components in the status page's order, or the one of that slug."""
    return await Q.all(conn, "components", row=Component, now=now, slug=slug)


async def events(
    conn: Connection,
    *,
    kinds: Sequence[str] = EVERYTHING,
    of: Iterable[Component] | None = None,
    is_open: bool | None = None,
    statuses: Sequence[str] | None = None,
    by_start: bool = False,
    limit: int = EVENTS,
) -> list[Event]:
    """Return the latest published events with what was said of them; of: those that affect one of these."""
    found = await Q.all(
        conn,
        "events",
        row=Event,
        kinds=list(kinds),
        components=None if of is None else [component.id for component in of],
        is_open=is_open,
        statuses=None if statuses is None else list(statuses),
        by_start=by_start,
        limit=limit,
        updates=UPDATES,
    )
    return within(found)


def within(events: Sequence[Event], limit: int = CHARACTERS) -> list[Event]:
    """Return as many events from the first on as have so many characters together; one at least."""
    kept: list[Event] = []
    left = limit
    for event in events:
        left -= event.length
        if left < 0 and kept:
            break
        kept.append(event)
    return kept
