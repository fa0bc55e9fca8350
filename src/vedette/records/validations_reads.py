"""Questions about validations: which objects fail which checks, whose they are, and since when."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from vedette.db.queries import Connection, load

Q = load(__file__, "validations_reads.sql")
COUNTED = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which ones; None is any. state: `failing`, `passing`, `standing` (both), `ended`, or `all`."""

    cluster: str | None = None
    namespace: str | None = None
    service: str | None = None
    team: str | None = None
    kind: str | None = None
    name: str | None = None
    check: str | None = None
    source: str | None = None
    state: str = "standing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How an object stood to a check, from when to when.

    namespace: "" for what belongs to the cluster itself. until_at: None where it still stands. looked_at: when the
    source last said anything of the object. services: whose namespace it is.
    """

    id: int
    cluster: str
    namespace: str
    kind: str
    name: str
    check: str
    source: str
    passed: bool
    contradicted: bool
    word: str
    message: str
    description: str
    remediation: str
    since_at: datetime
    until_at: datetime | None
    looked_at: datetime | None
    services: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckCount:
    """How many objects fail and pass a check; since_at: when the one that fails longest began to."""

    check: str
    source: str
    description: str
    remediation: str
    failing: int
    passing: int
    since_at: datetime | None


async def validations(
    conn: Connection, wanted: Wanted, *, limit: int, after: tuple[datetime, int] | None = None
) -> Sequence[Standing]:
    """Return a page, what began last first; after: the place of the last one seen."""
    at, number = after or (None, None)
    return await Q.all(
        conn, "page", row=Standing, **asdict(wanted), after_at=at, after_id=number, limit=limit
    )


async def counted(conn: Connection, wanted: Wanted) -> int:
    """Return how many there are on all pages, up to `COUNTED` + 1."""
    return int(await Q.value(conn, "count", **asdict(wanted), most=COUNTED + 1))


async def checks(conn: Connection, wanted: Wanted) -> Sequence[CheckCount]:
    """Return the checks by how many objects fail them now; the state that is wanted does not matter."""
    return await Q.all(conn, "checks", row=CheckCount, **asdict(wanted))
