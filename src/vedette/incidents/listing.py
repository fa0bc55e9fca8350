"""Find incidents, maintenances and notes: by time, whom they affect, how grave, and words in them."""

from dataclasses import asdict, dataclass
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.incidents.model import Impact, Incident, Kind, Status
from vedette.incidents.reads import incidents
from vedette.trust.names import LABEL_LIMIT, plain_text

Q = load(__file__, "listing.sql")

COUNTED = 1000
"""Counting ends there: nobody reads further, and the last rows of a long list cost most."""

Key = tuple[datetime, int]
"""Start and id of the last one on a page; the next page begins after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; None asks for nothing, what is given must all hold.

    start, end: they lasted at some time in between. region, service, component: name or slug of one
    they affect or did. text: stands in the title, the description, the post-mortem or an update. drafts: with
    those that nobody has been told of, and words that operators alone read.
    """

    start: datetime | None = None
    end: datetime | None = None
    impact: Impact | None = None
    region: str | None = None
    service: str | None = None
    component: str | None = None
    status: Status | None = None
    kind: Kind | None = None
    is_open: bool | None = None
    text: str | None = None
    drafts: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Some incidents, the newest start first; count: how many there are on all pages, up to `COUNTED` + 1."""

    incidents: list[Incident]
    count: int
    following: Key | None


async def listed(conn: Connection, wanted: Wanted, *, limit: int, after: Key | None = None) -> Page:
    """Return one page of those wanted; after: `following` of the page before."""
    params = asdict(wanted)
    for name in ("region", "service", "component"):
        if params[name] is not None:
            params[name] = plain_text(params[name], limit=LABEL_LIMIT).lower()
    params["text"] = _pattern(wanted.text)
    row = await Q.one(
        conn,
        "listed",
        **params,
        limit=limit,
        counted=COUNTED + 1,
        after_at=after and after[0],
        after_id=after and after[1],
    )
    assert row is not None
    ids, count = row
    found = await incidents(conn, ids)
    following = (found[-1].starts_at, found[-1].id) if len(found) == limit else None
    return Page(found, count, following)


def _pattern(text: str | None) -> str | None:
    """Return what ILIKE finds these words with, wherever they stand."""
    if not text:
        return None
    plain = plain_text(text, limit=LABEL_LIMIT)
    for char in ("\\", "%", "_"):
        plain = plain.replace(char, f"\\{char}")
    return f"%{plain}%"
