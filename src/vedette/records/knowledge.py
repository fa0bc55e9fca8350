"""What others know of vulnerabilities: which are exploited (KEV), and how probably each will be (EPSS).

What was loaded last, and when, stands in `records.feed`: a vulnerability that is not listed differs from a list that
nobody loaded. A list that is older than the one that is there changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from vedette.db.queries import Connection, load
from vedette.records.exposures import mark, rank_by_knowledge
from vedette.records.merge import Snapshot
from vedette.records.model import Exploited, ExploitedList, Probabilities
from vedette.records.outcome import Outcome

Q = load(__file__, "knowledge.sql")
EPSS = "epss"


@dataclass(frozen=True, slots=True)
class Feed:
    """What was loaded last of a list. version: EPSS's model, the catalogue's own; released_at: its day."""

    name: str
    version: str
    released_at: datetime | None
    loaded_at: datetime
    loaded_by: str
    entries: int


async def feeds(conn: Connection) -> list[Feed]:
    """Return every list that was loaded."""
    return await Q.all(conn, "feeds", row=Feed)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of a catalogue of exploited vulnerabilities. due_on: until when CISA wants it mended."""

    cve: str
    catalog: str
    added_on: date
    due_on: date | None
    ransomware: bool
    vendor: str
    product: str
    title: str
    action: str
    notes: str


@dataclass(frozen=True, slots=True)
class Scored:
    """How probable it is that one is exploited within thirty days, and how many are less probable; both in [0, 1]."""

    cve: str
    score: float
    percentile: float


@dataclass(frozen=True, slots=True)
class Notice:
    """A vulnerability that ran here entered a catalogue; namespaces, images: in how many it stood open then."""

    id: int
    at: datetime
    identity: str
    catalog: str
    added_on: date
    severity: int
    namespaces: int
    images: int


async def notices(conn: Connection, *, limit: int, before: int | None = None) -> Sequence[Notice]:
    """Return notices, the newest first."""
    return await Q.all(conn, "notices", row=Notice, limit=limit, before=before)


async def listed(conn: Connection, cves: Sequence[str]) -> Sequence[Listed]:
    """Return where these are listed."""
    return await Q.all(conn, "listed", row=Listed, cves=list(cves))


async def scored(conn: Connection, cves: Sequence[str]) -> Scored | None:
    """Return the highest score of these."""
    return await Q.one(conn, "scored", row=Scored, cves=list(cves))


async def keep_exploited(
    conn: Connection,
    lists: Sequence[ExploitedList],
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    now: datetime,
) -> None:
    """Replace these catalogues, each as a whole; an older one than what is there changes nothing."""
    for one in lists:
        name = f"kev:{one.catalog}"
        if _is_older(one, await Q.one(conn, "feed", row=Feed, name=name)):
            outcome.older += 1
            continue
        await _keep_catalog(conn, one, outcome, now=now)
        await Q.run(
            conn,
            "keep_feed",
            name=name,
            version=one.version,
            released=one.released_at,
            entries=len(one.entries),
            snapshot=snapshot.id,
            now=now,
        )


def _is_older(given: ExploitedList, held: Feed | None) -> bool:
    if held is None:
        return False
    if given.released_at is not None and held.released_at is not None:
        return given.released_at < held.released_at
    return given.version < held.version


async def _keep_catalog(
    conn: Connection, given: ExploitedList, outcome: Outcome, *, now: datetime
) -> None:
    rows = await Q.all(
        conn, "keep_kev", row=None, catalog=given.catalog, **_columns(given.entries), now=now
    )
    changes = {what: [cve for said, cve in rows if said == what] for what in ("added", "left")}
    outcome.count(
        len(changes["added"]),
        len(changes["left"]),
        len(rows) - len(changes["added"]) - len(changes["left"]),
    )
    if not rows:
        outcome.unchanged += 1
    await mark(conn, changes["added"] + changes["left"])
    await rank_by_knowledge(conn)


def _columns(entries: Sequence[Exploited]) -> dict[str, list[object]]:
    return {
        "cves": [one.cve for one in entries],
        "added": [date.fromisoformat(one.added_on) for one in entries],
        "due": [date.fromisoformat(one.due_on) if one.due_on else None for one in entries],
        "ransomware": [one.ransomware for one in entries],
        "vendors": [one.vendor for one in entries],
        "products": [one.product for one in entries],
        "titles": [one.title for one in entries],
        "actions": [one.action for one in entries],
        "notes": [one.notes for one in entries],
    }


async def keep_probabilities(
    conn: Connection,
    days: Sequence[Probabilities],
    outcome: Outcome,
    *,
    snapshot: Snapshot,
    now: datetime,
) -> None:
    """Let the scores be those of the newest of these days, unless it is older than what is there."""
    newest = max(days, key=lambda one: one.scored_on)
    scored_at = datetime.combine(date.fromisoformat(newest.scored_on), datetime.min.time(), UTC)
    held = await Q.one(conn, "feed", row=Feed, name=EPSS)
    if held is not None and held.released_at is not None and held.released_at > scored_at:
        outcome.older += len(days)
        return
    outcome.older += len(days) - 1
    await _keep_scores(conn, newest, outcome)
    await Q.run(
        conn,
        "keep_feed",
        name=EPSS,
        version=newest.model_version,
        released=scored_at,
        entries=len(newest.cves),
        snapshot=snapshot.id,
        now=now,
    )


async def _keep_scores(conn: Connection, day: Probabilities, outcome: Outcome) -> None:
    columns = {
        "cves": list(day.cves),
        "scores": list(day.scores),
        "percentiles": list(day.percentiles),
    }
    opened, closed, changed = await Q.one(conn, "compare_epss", row=None, **columns) or (0, 0, 0)
    if not opened + closed + changed:
        outcome.unchanged += 1
        return
    outcome.count(opened, closed, changed)
    await Q.run(conn, "clear_epss")
    await Q.run(conn, "add_epss", **columns)
    await rank_by_knowledge(conn)
