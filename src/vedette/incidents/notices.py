"""What a change of an incident has to say to people who cannot look at the page all day: a notice.

A notice is a row of `incidents.outbox` that everyone may know of and that brought something to read. What
it says is read when it is written down, so a text that was corrected since goes out corrected.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage

from vedette.db.queries import Connection, load
from vedette.errors import Missing
from vedette.incidents.model import Impact, Kind

Q = load(__file__, "notices.sql")


@dataclass(frozen=True, slots=True)
class Said:
    """One public update that a notice brings; text: Markdown."""

    at: datetime
    status: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One notice with what it needs of its incident.

    at: when it was written. change: the verb, as in `close`. is_first: the first that the public hears
    of the incident. begun_at: when the incident was written down. description: of the first alone.
    places: the public components it affects, in words. said: what it brings, in its order.
    """

    id: int
    at: datetime
    incident_id: int
    change: str
    is_first: bool
    is_postmortem: bool
    kind: Kind
    title: str
    impact: Impact
    status: str
    starts_at: datetime
    ends_at: datetime | None
    is_open: bool
    begun_at: datetime
    description: str
    postmortem: str
    places: Sequence[str]
    said: list[Said] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Read the plain words of a database row."""
        object.__setattr__(self, "kind", Kind(self.kind))
        object.__setattr__(self, "impact", Impact(self.impact))

    @property
    def last_status(self) -> str:
        """The word of what was said last in it, else the incident's own."""
        return self.said[-1].status if self.said else self.status


@dataclass(frozen=True, slots=True)
class Letters:
    """How a notice becomes a message to an address; the pages' room knows, since words are its business."""

    write: Callable[[Notice, str], EmailMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """Who is told, by mail or by webhook, and how that goes.

    address: of a mail, or the name of a webhook, which keeps its address to itself.
    since: told of what came after. waiting: notices still to be told. attempts: of the next one, which
    failed; next_at: when it is tried again. last_error: "" after a success.
    """

    address: str
    since: datetime
    sent: int
    sent_at: datetime | None
    attempts: int
    next_at: datetime | None
    last_error: str
    waiting: int


async def notices(conn: Connection, ids: Sequence[int]) -> list[Notice]:
    """Return those of these that may be told, the oldest first."""
    found = await Q.all(conn, "notices", row=Notice, ids=list(ids))
    by_id = {each.id: each for each in found}
    for number, at, status, text in await Q.all(conn, "said", ids=list(by_id)):
        by_id[number].said.append(Said(at, status, text))
    return found


async def notice(conn: Connection, number: int) -> Notice:
    """Return one notice; raises Missing."""
    found = await notices(conn, [number])
    if not found:
        raise Missing(f"there is no notice {number}", hint="`vedette notices list` lists them")
    return found[0]


async def latest(
    conn: Connection, *, limit: int, before: int | None = None
) -> list[tuple[Notice, int]]:
    """Return the newest notices, each with how many recipients wait for it; before: older than that one."""
    waiting: dict[int, int] = dict(await Q.all(conn, "listed", limit=limit, before=before))
    found = await notices(conn, list(waiting))
    return [(each, waiting[each.id]) for each in reversed(found)]


async def recipients(conn: Connection) -> list[Recipient]:
    """Return everyone who is told by mail, by address."""
    return await Q.all(conn, "recipients", row=Recipient)
