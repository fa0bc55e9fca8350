"""What is counted step by step is what the raw tables say: days, exposures, ranks and tallies on random histories."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

import pytest
from tests.records.test_exposures import DAY, NOW, Conn, finding, rows, scan
from tests.records.test_knowledge import epss, kev

from vedette.records import daily, exposures
from vedette.records.model import Record, Scan, Severity
from vedette.records.snapshots import apply
from vedette.records.store import Batch
from vedette.records.triage import Decision, Wish, decide, decisions, take_back

HOUR = timedelta(hours=1)
NAMES = [f"CVE-2026-{number}" for number in range(1, 6)]
Scope = tuple[str, ...]
Counted = dict[Scope, dict[int, tuple[int, int, int]]]
CLUSTERS, NAMESPACES = ("c1", "c2"), ("shop", "pay")
STANDING = """
    SELECT c.name, n.name, a.identity, max(f.severity), bool_or(f.fixed_in <> '')
    FROM records.presence AS p
    JOIN fleet.namespace AS n ON n.id = p.namespace_id
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
    JOIN records.scan AS s ON s.subject_id = p.subject_id
    JOIN records.finding AS f ON f.scan_id = s.id AND f.fixed_at IS NULL AND f.suppressed = ''
    JOIN records.advisory AS a ON a.id = f.advisory_id
    WHERE p.gone_at IS NULL
    GROUP BY 1, 2, 3"""
HELD = """
    SELECT c.name, n.name, e.identity, e.severity, e.fixable
    FROM records.exposure AS e
    JOIN fleet.namespace AS n ON n.id = e.namespace_id
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
    WHERE e.ended_at IS NULL"""
LISTED = "SELECT cve FROM records.kev"
TALLIES = """
    SELECT c.name, n.name, t.vulnerabilities
    FROM records.tally AS t
    JOIN fleet.namespace AS n ON n.id = t.namespace_id
    JOIN fleet.cluster AS c ON c.id = n.cluster_id"""


def looked(random: Random) -> Scan:
    """Return a look at one of a few images, in one of the namespaces."""
    image, namespace = random.randrange(3), random.choice(NAMESPACES)
    found = [
        finding(
            name, random.choice(list(Severity)), fix=random.choice(("", "1.1")), package=package
        )
        for name in NAMES
        for package in ("openssl", "zlib")
        if random.random() < 0.3
    ]
    pods = tuple(f"{image}-{number}" for number in range(random.randrange(3)))
    name = f"quay.io/shop/{image}"
    return scan(*found, digest=f"sha256:{image}", name=name, pods=pods, namespace=namespace)


async def step(conn: Conn, random: Random, *, now: datetime, day: int) -> None:
    """Let something happen."""
    what = random.randrange(8)
    learned: Record
    if what < 5:
        batch = Batch(
            tuple(looked(random) for _ in range(random.randrange(1, 4))), random.choice(CLUSTERS)
        )
        complete = random.random() < 0.5
        await apply(conn, "trivy", [batch], by="t", now=now, complete=complete)
    elif what == 5:
        learned = kev(*random.sample(NAMES, 2), day=min(20 + day % 9, 29))
        await apply(conn, "kev", [Batch((learned,))], by="t", now=now)
    elif what == 6:
        learned = epss(22, **{random.choice(NAMES).replace("-", "_"): random.random()})
        await apply(conn, "epss", [Batch((learned,))], by="t", now=now)
    elif held := await decisions(conn, now=now, state="active", limit=9):
        await take_back(conn, held[0].id, by="t", now=now)
    else:
        until = now + random.randrange(1, 5) * DAY
        wish = Wish(name=random.choice(NAMES), decision=Decision.ACCEPTED, reason="r", until=until)
        await decide(conn, wish, by="t", now=now)


@pytest.mark.parametrize("seed", range(4))
async def test_days_exposures_and_tallies_are_what_the_raw_tables_say(
    conn: Conn, seed: int
) -> None:
    random = Random(seed)
    told: dict[date, Counted] = {}
    moved: dict[date, dict[Scope, list[int]]] = {}
    before: dict[Scope, set[str]] = {}
    for day in range(14):
        turns = moved[(NOW + day * DAY).date()] = defaultdict(lambda: [0, 0])
        for hour in range(random.randrange(1, 4)):
            now = NOW + day * DAY + hour * HOUR
            if hour:
                await step(conn, random, now=now, day=day)
            await exposures.run_once(conn, now=now)
            standing = await rows(conn, STANDING)
            assert sorted(await rows(conn, HELD)) == sorted(standing)
            after = _identities(standing)
            for scope in before | after:
                was, is_ = before.get(scope, set()), after.get(scope, set())
                turns[scope] = [turns[scope][0] + len(is_ - was), turns[scope][1] + len(was - is_)]
            before = after
            covered = {
                one.identity for one in await decisions(conn, now=now, state="active", limit=99)
            }
            listed = {row[0] for row in await rows(conn, LISTED)}
            held = told[now.date()] = _counted(standing, covered, listed)
            for cluster, namespace, numbers in await rows(conn, TALLIES):
                ours = held.get((cluster, namespace), {})
                assert numbers == [ours.get(severity, (0,))[0] for severity in range(7)]
    for scope in {scope for held in told.values() for scope in held}:
        cluster, *namespace = scope
        days = await daily.history(
            conn,
            "namespace" if namespace else "cluster",
            *(namespace or (cluster,)),
            first=min(told),
            last=max(told),
            cluster=cluster if namespace else "",
        )
        said: dict[date, dict[int, tuple[int, int, int]]] = defaultdict(dict)
        turned: dict[date, list[int]] = defaultdict(lambda: [0, 0])
        for one in days:
            turned[one.day] = [turned[one.day][0] + one.opened, turned[one.day][1] + one.closed]
            if one.vulnerabilities:
                said[one.day][one.severity] = (one.vulnerabilities, one.fixable, one.exploited)
        assert {day: said[day] for day in told} == {day: told[day].get(scope, {}) for day in told}
        assert {day: turned[day] for day in told} == {day: moved[day][scope] for day in told}


def _identities(standing: Sequence[tuple[Any, ...]]) -> dict[Scope, set[str]]:
    """Return what stands in each scope."""
    found: dict[Scope, set[str]] = defaultdict(set)
    for cluster, namespace, identity, *_ in standing:
        for scope in ((cluster,), (cluster, namespace)):
            found[scope].add(identity)
    return dict(found)


def _counted(standing: Sequence[tuple[Any, ...]], covered: set[str], listed: set[str]) -> Counted:
    """Return, by scope and severity: vulnerabilities, each once, those with a fix, and those that are exploited."""
    scopes: dict[Scope, dict[str, tuple[int, bool]]] = defaultdict(dict)
    for cluster, namespace, identity, severity, fixable in standing:
        if identity in covered:
            continue
        for scope in ((cluster,), (cluster, namespace)):
            worst, any_fix = scopes[scope].get(identity, (0, False))
            scopes[scope][identity] = max(worst, severity), any_fix or fixable
    return {
        scope: {
            severity: (
                len(own),
                sum(held[one][1] for one in own),
                sum(one in listed for one in own),
            )
            for severity in range(7)
            if (own := [one for one, (worst, _) in held.items() if worst == severity])
        }
        for scope, held in scopes.items()
    }
