"""Taking over a Dash.DB: each of its snapshots as it was at its time, and every deployment.

A snapshot is taken in one transaction and keeps its token, so that what was interrupted goes on where it was, and
what is repeated takes only what is new. Vulnerabilities have no dates there: they count from the first snapshot with a
pod that runs their image. What Dash.DB never forgot though a later scan did not find it cannot be told apart, and stays
until the image is scanned again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from vedette.db.queries import Connection, load
from vedette.records.snapshots import apply
from vedette.records.store import Batch
from vedette.records.takeover_dashdotdb_read import DashDb, Token

Q = load(__file__, "takeover_dashdotdb.sql")
DEPLOYMENTS_AT_ONCE = 1_000


@dataclass(slots=True, kw_only=True)
class Taken:
    """What there is and what was taken of it. there: rows by what they are. snapshots: of those known to us."""

    there: dict[str, int]
    snapshots: int
    new: int
    known: int
    opened: int = 0
    deployments: int = 0
    passed: dict[str, int] = field(default_factory=dict)


async def take_over(
    conn: Connection,
    source: DashDb,
    *,
    by: str,
    now: datetime,
    dry_run: bool = False,
    told: Callable[[int, int], None] = lambda done, total: None,
) -> Taken:
    """Take what is new there; told: called with how many snapshots are done, of how many.

    The connection belongs to nobody's transaction. Raises Invalid where the source is no Dash.DB.
    """
    there = await source.counts()
    tokens = await source.tokens()
    known = {row[0] for row in await Q.all(conn, "taken", tokens=[one.uuid for one in tokens])}
    new = [one for one in tokens if one.uuid not in known]
    taken = Taken(
        there=there, snapshots=len(tokens), new=len(new), known=len(known), passed=source.passed
    )
    if dry_run:
        return taken
    if new:
        await Q.run(conn, "make_months", first=new[0].at, last=now)
    for done, token in enumerate(new, 1):
        taken.opened += await _take(conn, source, token, by=by)
        told(done, len(new))
    taken.deployments = await _take_deployments(conn, source, by=by, now=now)
    return taken


async def _take(conn: Connection, source: DashDb, token: Token, *, by: str) -> int:
    batches = await source.batches(token)
    async with conn.transaction():
        outcome = await apply(conn, token.kind, batches, by=by, now=token.at, complete=True)
        await Q.run(conn, "remember", token=token.uuid, kind=token.kind, at=token.at)
    return outcome.opened


async def _take_deployments(conn: Connection, source: DashDb, *, by: str, now: datetime) -> int:
    found, created = await source.deployments(), 0
    for start in range(0, len(found), DEPLOYMENTS_AT_ONCE):
        some = tuple(found[start : start + DEPLOYMENTS_AT_ONCE])
        outcome = await apply(conn, "dora", [Batch(some)], by=by, now=now)
        created += outcome.totals.get("deployment", 0)
    return created
