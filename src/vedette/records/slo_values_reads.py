"""Questions about SLO values: their history, and the series of those that are worth a budget."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from vedette.db.queries import Connection, load

Q = load(__file__, "slo_values_reads.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; None is any. since and until: of the values' times."""

    service: str | None = None
    cluster: str | None = None
    namespace: str | None = None
    name: str | None = None
    sli: str | None = None
    document: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A value beside its objective, both in per cent, and whose it is."""

    slo_id: int
    service: str
    cluster: str
    namespace: str
    name: str
    sli: str
    document: str
    at: datetime
    value: float
    target: float


async def slo_values(
    conn: Connection, wanted: Wanted, *, limit: int, after: tuple[datetime, int] | None = None
) -> Sequence[Kept]:
    """Return a page, the newest first; after: the place (time, SLO) of the last one seen."""
    at, slo = after or (None, None)
    return await Q.all(
        conn, "page", row=Kept, **asdict(wanted), after_at=at, after_slo=slo, limit=limit
    )
