"""Questions about deployments: which there were, with their commits and what they were said to have caused."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import msgspec

from vedette.db.queries import Connection, load
from vedette.fleet.named import check_named
from vedette.records.model import Commit, Deployment

Q = load(__file__, "deployments_reads.sql")
_COMMITS = msgspec.json.Decoder(list[tuple[str, str, datetime, int, bool]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; None is any. service: of that name, or an app of it. since and until: of when they finished."""

    service: str | None = None
    app: str | None = None
    environment: str | None = None
    pipeline: str | None = None
    revision: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A deployment as it is kept; service: whose it is, or "". incidents: (number, state) of what it may have caused."""

    id: int
    deployment: Deployment
    service: str
    incidents: Sequence[tuple[int, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    id: int
    app: str
    environment: str
    pipeline: str
    reason: str
    finished_at: datetime
    service: str
    commits: str
    incidents: list[int]
    states: list[str]


async def deployments(
    conn: Connection, wanted: Wanted, *, limit: int, after: tuple[datetime, int] | None = None
) -> Sequence[Kept]:
    """Return a page, the last finished first; after: the place (time, id) of the last one seen."""
    at, number = after or (None, None)
    rows = await Q.all(
        conn, "page", row=_Row, **asdict(wanted), after_at=at, after_id=number, limit=limit
    )
    return [
        Kept(row.id, _noun(row), row.service, list(zip(row.incidents, row.states, strict=True)))
        for row in rows
    ]


async def check_service(conn: Connection, name: str | None) -> None:
    """Raise Missing for what is neither a service nor an app that was deployed; None and "" name nothing."""
    if name and not await Q.value(conn, "is_app", name=name):
        await check_named(conn, service=name)


def _noun(row: _Row) -> Deployment:
    return Deployment(
        app=row.app,
        environment=row.environment,
        pipeline=row.pipeline,
        reason=row.reason,
        finished_at=row.finished_at,
        commits=tuple(Commit(*commit) for commit in _COMMITS.decode(row.commits)),
    )
