"""What is held of deployments and the incidents they may have caused, joined for those who decide."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from vedette.db.queries import Connection, load

Q = load(__file__, "causes_shown.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; None is any. drafts: also of incidents that nobody was told of."""

    state: str | None = None
    incident: int | None = None
    deployment: int | None = None
    service: str | None = None
    drafts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A deployment that may have caused an incident; decided_by: None while nobody decided."""

    incident: int
    title: str
    starts_at: datetime
    ends_at: datetime | None
    deployment: int
    app: str
    environment: str
    pipeline: str
    reason: str
    finished_at: datetime
    state: str
    proposed_at: datetime
    decided_at: datetime | None
    decided_by: str | None


async def causes(
    conn: Connection, wanted: Wanted, *, limit: int, after: tuple[datetime, int, int] | None = None
) -> Sequence[Cause]:
    """Return a page, the incident that began last first; after: (start, incident, deployment) of the last one."""
    at, incident, deployment = after or (None, None, None)
    return await Q.all(
        conn,
        "page",
        row=Cause,
        **asdict(wanted),
        after_at=at,
        after_incident=incident,
        after_deployment=deployment,
        limit=limit,
    )


async def is_incident(conn: Connection, number: int) -> bool:
    """Say whether there is an incident of that number."""
    return bool(await Q.value(conn, "is_incident", number=number))
