"""A large body that comes again is not read again, and nobody can tell: the tables and the answers are the same."""

import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from dashdotdb_world import manifest
from psycopg import AsyncConnection

from vedette.records import intake_upkeep, repeated
from vedette.records.intake import apply_read
from vedette.records.intake_read import Asked, read_body
from vedette.records.looks import UnreadError
from vedette.records.outcome import Outcome

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ASKED = Asked(kind="auto", cluster="c1")
MOST = 1 << 20
Conn = AsyncConnection[Any]

STORED = {
    "finding": """
        SELECT b.digest, p.name, a.name, f.severity, f.fixed_in, f.since_at, f.first_seen_at, f.fixed_at
        FROM records.finding f JOIN records.scan s ON s.id = f.scan_id JOIN records.subject b ON b.id = s.subject_id
        JOIN records.package p ON p.id = f.package_id JOIN records.advisory a ON a.id = f.advisory_id""",
    "scan": """
        SELECT o.name, b.kind, b.name, b.digest, b.tag, s.first_at, s.last_at, s.digest, s.counts, s.fixable, s.kind,
            s.scanner_version, q.digest
        FROM records.scan s JOIN records.subject b ON b.id = s.subject_id JOIN records.source o ON o.id = s.source_id
        LEFT JOIN records.scan r ON r.id = s.previous_id LEFT JOIN records.subject q ON q.id = r.subject_id""",
    "report": """
        SELECT b.digest, r.at, r.opened, r.closed, r.changed
        FROM records.report r JOIN records.scan s ON s.id = r.scan_id JOIN records.subject b ON b.id = s.subject_id""",
    "presence": """
        SELECT c.name, n.name, b.digest, p.pod, p.workload, p.container, p.first_seen_at, p.gone_at
        FROM records.presence p JOIN records.subject b ON b.id = p.subject_id
        JOIN fleet.namespace n ON n.id = p.namespace_id JOIN fleet.cluster c ON c.id = n.cluster_id""",
    "advisory": "SELECT name, feed, text_key, made_at FROM records.advisory",
    "document": """
        SELECT b.digest, d.kind, d.received_at, d.body
        FROM records.document d JOIN records.scan s ON s.id = d.scan_id JOIN records.subject b ON b.id = s.subject_id""",
    "word": "SELECT word, severity FROM records.severity_word",
    "latest": "SELECT kind, opened_at, complete_at FROM records.latest",
    "recount": "SELECT n.name, r.since FROM records.recount r JOIN fleet.namespace n ON n.id = r.namespace_id",
    "snapshot": "SELECT kind, complete, opened_at, closed_at FROM records.snapshot",
}


async def rows(conn: Conn, sql: str) -> list[str]:
    return sorted(str(row) for row in await (await conn.execute(sql.encode())).fetchall())


async def applied(
    conn: Conn, body: bytes, *, now: datetime, asked: Asked = ASKED, complete: bool = False
) -> Outcome:
    """Apply a body as a server does one that is large; whatever it is."""
    key = repeated.body_key(body, asked, max_bytes=MOST)
    known = await repeated.recall(conn, key, now=now)
    if known:
        try:
            return await apply_read(conn, known, asked, by="t", now=now, complete=complete)
        except UnreadError:
            pass
    read = read_body(body, asked, now=now, max_bytes=MOST)
    return await apply_read(conn, read, asked, by="t", now=now, complete=complete, key=key)


async def read_always(conn: Conn, body: bytes, *, now: datetime, complete: bool) -> Outcome:
    read = read_body(body, ASKED, now=now, max_bytes=MOST)
    return await apply_read(conn, read, ASKED, by="t", now=now, complete=complete)


def bom(chance: Random) -> dict[str, Any]:
    """Return a scan that says when it looked, at times in the future."""
    at = NOW + chance.choice((-1, 1, 3, 6, 100)) * HOUR
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "metadata": {
            "timestamp": at.isoformat(),
            "component": {"type": "container", "name": "shop", "version": "sha256:" + "c" * 64},
        },
        "components": [{"type": "library", "bom-ref": "zlib", "name": "zlib", "version": "1"}],
        "vulnerabilities": [
            {"id": name, "ratings": [{"severity": "high"}], "affects": [{"ref": "zlib"}]}
            for name in chance.sample(("CVE-2026-1", "CVE-2026-2"), chance.randint(0, 2))
        ],
    }


def image(chance: Random) -> dict[str, Any]:
    return manifest(
        *chance.sample(("CVE-2026-1", "CVE-2026-2", "CVE-2026-3"), chance.randint(0, 2)),
        digest=chance.choice(("sha256:aa", "sha256:bb")),
        pods=chance.randint(0, 2),
        severity=chance.choice(("High", "Low")),
        namespace=chance.choice(("shop", "till")),
        image=chance.choice(("quay.io/shop/orders", "quay.io/shop/renamed")),
    )


def a_body(chance: Random) -> bytes:
    """Return one document or several, that agree or contradict each other."""
    several = chance.choice((1, 1, 1, 2, 3))
    return b"\n".join(
        json.dumps((bom if chance.random() < 0.3 else image)(chance)).encode()
        for _ in range(several)
    )


async def told(conn: Conn, apply: Any, steps: list[tuple[bytes, datetime, bool]]) -> dict[str, Any]:
    """Return all that is stored and answered when these are applied to nothing."""
    async with conn.transaction(force_rollback=True):
        answers = []
        for body, now, complete in steps:
            out = await apply(conn, body, now=now, complete=complete)
            counts = (out.opened, out.closed, out.changed, out.unchanged, out.older)
            answers.append((counts, sorted(out.created), out.totals))
        return {name: await rows(conn, sql) for name, sql in STORED.items()} | {"said": answers}


@pytest.mark.parametrize("seed", range(12))
async def test_no_sequence_of_bodies_tells_whether_they_were_read_again(
    conn: Conn, seed: int
) -> None:
    chance = Random(seed)
    bodies = [a_body(chance) for _ in range(4)]
    at, steps = NOW, []
    for _ in range(10):
        at += chance.choice((-1, 0, 1, 1, 2)) * HOUR
        steps.append((chance.choice(bodies), at, chance.random() < 0.3))
    assert await told(conn, applied, steps) == await told(conn, read_always, steps)


async def test_the_same_bytes_are_not_read_again_while_they_hold(conn: Conn) -> None:
    body = json.dumps(manifest("CVE-2026-1")).encode()
    key = repeated.body_key(body, ASKED, max_bytes=MOST)
    assert await repeated.recall(conn, key, now=NOW) is None
    await applied(conn, body, now=NOW)
    known = await repeated.recall(conn, key, now=NOW + HOUR)
    assert known is not None
    outcome = await apply_read(conn, known, ASKED, by="t", now=NOW + HOUR, complete=False)
    assert (outcome.opened, outcome.unchanged) == (0, 1)
    assert await rows(conn, "SELECT opened FROM records.report") == ["(1,)", "(None,)"]


async def test_what_is_no_longer_held_sends_the_same_bytes_the_long_way(conn: Conn) -> None:
    first, other = (json.dumps(manifest(name)).encode() for name in ("CVE-2026-1", "CVE-2026-2"))
    for number, body in enumerate((first, other, first)):
        outcome = await applied(conn, body, now=NOW + number * HOUR)
        assert (outcome.opened, outcome.unchanged) == (1, 0)


def test_the_same_bytes_for_another_question_are_another_body() -> None:
    questions = (
        ASKED,
        Asked(kind="imagemanifestvuln", cluster="c1"),
        Asked(kind="auto", cluster="c2"),
        Asked(kind="auto", cluster="c1", namespace="shop"),
        Asked(kind="auto", cluster="c1", subject="shop"),
    )
    assert len({repeated.body_key(b"{}", each, max_bytes=MOST) for each in questions}) == 5
    under_other_bounds = repeated.body_key(b"{}", ASKED, max_bytes=1)
    assert under_other_bounds != repeated.body_key(b"{}", ASKED, max_bytes=MOST)


async def test_a_scan_from_the_future_is_read_again(conn: Conn) -> None:
    said = bom(Random(1))
    said["metadata"]["timestamp"] = (NOW + HOUR).isoformat()
    body = json.dumps(said).encode()
    await applied(conn, body, now=NOW)
    assert await rows(conn, "SELECT key FROM records.applied") == []
    await applied(conn, body, now=NOW + 2 * HOUR)
    assert len(await rows(conn, "SELECT key FROM records.applied")) == 1


async def test_what_came_last_days_ago_is_forgotten(conn: Conn) -> None:
    await applied(conn, json.dumps(manifest("CVE-2026-1")).encode(), now=NOW)
    await intake_upkeep.run_once(conn, now=NOW + timedelta(days=2))
    assert len(await rows(conn, "SELECT key FROM records.applied")) == 1
    await intake_upkeep.run_once(conn, now=NOW + timedelta(days=4))
    assert await rows(conn, "SELECT key FROM records.applied") == []
