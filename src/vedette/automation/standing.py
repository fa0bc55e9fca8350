"""What must be known of components to judge them, of many in one question."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.incidents.model import Impact
from vedette.incidents.policy_judged import Candidate
from vedette.incidents.policy_rules import Last, Policies, Standing, Told

Q = load(__file__, "standing.sql")


@dataclass(frozen=True, slots=True)
class Known:
    """A component with how it stands; label: as people read it. cause: what it shares with others."""

    label: str
    is_retired: bool
    cause: frozenset[str]
    standing: Standing

    @property
    def flaps(self) -> bool:
        """Whether it changes its state too often now."""
        return self.standing.flapping_since is not None


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    service: str
    region: str
    label: str
    is_retired: bool
    cause: list[str]
    is_maintained: bool
    maintained_until: datetime | None
    flapping_since: datetime | None
    told_id: int | None
    told_impact: int | None
    told_ours: bool | None
    told_public: bool | None
    told_observing: bool | None
    last_id: int | None
    last_impact: int | None
    last_open: bool | None
    gone_at: datetime | None


async def known_of(
    conn: Connection, components: Sequence[int], said: Policies, *, now: datetime
) -> dict[int, Known]:
    """Return how each of these stands, with its policy."""
    rows = await Q.all(conn, "standing", row=_Row, components=list(components), now=now)
    return {row.id: _known(row, said) for row in rows}


def _known(row: _Row, said: Policies) -> Known:
    told, last = None, None
    if row.told_id is not None:
        told = Told(
            row.told_id,
            Impact(row.told_impact or 0),
            ours=bool(row.told_ours),
            is_public=bool(row.told_public),
            is_observing=bool(row.told_observing),
        )
    if row.last_id is not None and row.gone_at is not None:
        last = Last(row.last_id, Impact(row.last_impact or 0), bool(row.last_open), row.gone_at)
    standing = Standing(
        policy=said.of(row.service, row.region),
        is_maintained=row.is_maintained,
        maintained_until=row.maintained_until,
        flapping_since=row.flapping_since,
        told=told,
        last=last,
    )
    return Known(row.label, row.is_retired, frozenset(row.cause), standing)


async def candidates(conn: Connection) -> list[Candidate]:
    """Return the automation's open incidents, the newest first."""
    return [
        Candidate(
            row[0],
            Impact(row[1]),
            row[2],
            goes_out=row[3] is not None or row[4] is not None,
            published_at=row[3],
            publish_at=row[4],
            cause=set(row[5]),
        )
        for row in await Q.all(conn, "candidates")
    ]
