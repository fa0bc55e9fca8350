"""The nouns of incidents: what we tell people, to whom it happens, what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum


class Impact(IntEnum):
    """How grave it is for those who depend on it; the wire's numbers."""

    MAINTENANCE = 0
    MINOR = 1
    MAJOR = 2
    OUTAGE = 3

    @property
    def word(self) -> str:
        """The word of URLs, feeds and the command line."""
        return self.name.lower()


class Kind(StrEnum):
    """What sort of thing we tell: something broke, something is planned, something to know."""

    INCIDENT = "incident"
    MAINTENANCE = "maintenance"
    INFO = "info"


class Origin(StrEnum):
    """Who opened it: a person, a reporter's post, our own automation, another system's database."""

    PERSON = "person"
    REPORTER = "reporter"
    AUTOMATION = "automation"
    IMPORT = "import"


class Status(StrEnum):
    """Where it stands; the words of the running Status Dashboard, which stand in the database.

    An update may carry also the words of `Said`, which leave the incident's own status as it is.
    """

    DETECTED = "detected"
    ANALYZING = "analyzing"
    FIXING = "fixing"
    OBSERVING = "observing"
    RESOLVED = "resolved"
    PLANNED = "planned"
    IN_PROGRESS = "in progress"
    ACTIVE = "active"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class Said(StrEnum):
    """What else an update may be called: a change of something other than the status."""

    IMPACT_CHANGED = "impact changed"
    REOPENED = "reopened"
    CHANGED = "changed"
    MODIFIED = "modified"
    DESCRIPTION = "description"
    SYSTEM = "SYSTEM"
    NOTE = "note"


class Titles(StrEnum):
    """What a reporter's incident without a title is called: by what it affects, or "Incident"."""

    NAMED = "named"
    COMPATIBLE = "compatible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident, maintenance or note as it stands.

    impact: 1 to 3 for an incident, 0 for the others. description: Markdown, of maintenances and
    notes. system: a machine owns it; False for good once a person has changed it. ends_at: None
    while an incident is open; of a maintenance the planned end, later the real one. published_at:
    None for a draft, which operators alone see; publish_at: when the draft goes out by itself.
    revised_at: when its past was changed afterwards. merged_into: the incident that took it in.
    version: goes up by one with every change; the ETag of forms and routes.
    """

    id: int
    kind: Kind
    title: str
    description: str
    impact: Impact
    status: Status
    origin: Origin
    system: bool
    starts_at: datetime
    ends_at: datetime | None
    published_at: datetime | None
    publish_at: datetime | None
    revised_at: datetime | None
    merged_into: int | None
    series_id: int | None
    occurrence_at: datetime | None
    postmortem: str
    postmortem_at: datetime | None
    version: int
    made_at: datetime
    made_by: str
    changed_at: datetime
    is_open: bool

    def __post_init__(self) -> None:
        """Read the plain words of a database row."""
        for name, noun in (
            ("kind", Kind),
            ("impact", Impact),
            ("status", Status),
            ("origin", Origin),
        ):
            object.__setattr__(self, name, noun(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """One thing that was said; `status` is a word of `Status` or of `Said`, `text` Markdown.

    internal: for operators alone. edited_at: None unless the text was changed afterwards.
    """

    id: int
    incident_id: int
    at: datetime
    status: str
    text: str
    internal: bool
    made_at: datetime
    made_by: str
    edited_at: datetime | None
    edited_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """A component an incident affects, or did; joined_at None: from the start; left_at None: to the end."""

    incident_id: int
    component_id: int
    slug: str
    service: str
    region: str
    category: str
    type: str
    joined_at: datetime | None
    left_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be told, before it is: the arguments of `writes.insert`.

    components: ids, at least one unless it is a note. published_at: None keeps it a draft.
    """

    kind: Kind
    title: str
    impact: Impact
    status: Status
    starts_at: datetime
    components: Sequence[int]
    ends_at: datetime | None = None
    description: str = ""
    origin: Origin = Origin.PERSON
    system: bool = False
    published_at: datetime | None = None
    publish_at: datetime | None = None
    series_id: int | None = None
    occurrence_at: datetime | None = None
