"""A year of what scanners found, made in the database: as much of it as is asked for, in seconds a million.

An image has about a hundred and fifty findings; a fifth of the images run, the others were released before them under
the same names. Advisories are as common as words are: few stand in nearly every image, most in hardly any.
"""

import time
from string import Template
from typing import Any

from bench.records_stage import Place, counted
from psycopg import AsyncConnection

from vedette import clock
from vedette.db.pool import connect
from vedette.records.exposures import run_once

AN_IMAGE, RELEASES, LIVES_DAYS = 150, 5, 73
"""Findings of an image; releases of a name in a year; how long one runs."""
CLUSTERS, NAMESPACES, PODS = 5, 200, 3
"""Clusters; namespaces in each; pods of an image that runs."""
ADVISORIES, PACKAGES = 5_000, 20_000

WORLD = f"""
INSERT INTO fleet.cluster (name, slug) SELECT 'c' || n, 'c' || n FROM generate_series(1, {CLUSTERS}) AS n;
INSERT INTO fleet.namespace (cluster_id, name)
SELECT c.id, 'ns-' || n FROM fleet.cluster AS c CROSS JOIN generate_series(1, {NAMESPACES}) AS n ORDER BY 1, n;
INSERT INTO fleet.service (name, slug, team)
SELECT 'service-' || n, 'service-' || n, 'team-' || n % 20 FROM generate_series(1, 500) AS n;
INSERT INTO fleet.service_namespace (service_id, namespace_id, origin)
SELECT s.id, n.id, 'bench' FROM fleet.namespace AS n JOIN fleet.service AS s ON s.name = 'service-' || (n.id % 500 + 1);
INSERT INTO records.source (name) VALUES ('quay-cso');
INSERT INTO records.severity_word (word, severity)
VALUES ('Unknown', 0), ('Negligible', 1), ('Low', 2), ('Medium', 3), ('High', 4), ('Critical', 5);
INSERT INTO records.snapshot (kind, complete, opened_at, opened_by, expires_at, closed_at)
VALUES ('imagemanifestvuln', true, now() - interval '1 hour', 'bench', now() + interval '1 hour', now());
INSERT INTO records.latest (kind, cluster_id, snapshot_id, opened_at, complete_at)
SELECT s.kind, c.id, s.id, s.opened_at, s.opened_at FROM records.snapshot AS s CROSS JOIN fleet.cluster AS c;
INSERT INTO records.package (key, name, version, type, purl, path)
SELECT decode(md5(n::text), 'hex'), 'package-' || n / 2, '1.' || n, 'rpm', '', ''
FROM generate_series(0, {PACKAGES - 1}) AS n ORDER BY n;
INSERT INTO records.advisory (
    key, text_key, name, feed, identity, title, description, links, cwes, score, vector, made_at)
SELECT decode(md5(n::text), 'hex'), decode(md5(n::text), 'hex'), 'CVE-2026-' || 10000 + n, 'centos:8',
    'CVE-2026-' || 10000 + n, '', repeat('A flaw was found in how bytes of a hostile peer are counted. ', 5),
    ARRAY['https://access.redhat.com/security/cve/CVE-2026-' || 10000 + n], '{{}}', (n * 7919 % 100) / 10.0, '', now()
FROM generate_series(0, {ADVISORIES - 1}) AS n ORDER BY n;
INSERT INTO records.kev (
    catalog, cve, added_on, ransomware, vendor, product, title, action, notes, first_loaded_at)
SELECT 'cisa', identity, current_date, false, '', '', '', '', '', now() FROM records.advisory WHERE id % 50 = 3;
INSERT INTO records.epss (cve, score, percentile)
SELECT identity, (id * 7919 % 1000) / 1000.0, (id * 7919 % 1000) / 1000.0 FROM records.advisory;
SELECT records.make_months(now() - interval '400 days', now() + interval '1 month')
"""

IMAGES = f"""
CREATE TEMPORARY TABLE image AS
SELECT n AS id, n % $names AS app, now() - (1 - n::float / $images) * interval '365 days' AS first_at
FROM generate_series(1, $images) AS n;
CREATE TEMPORARY TABLE home AS
SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM fleet.namespace;
INSERT INTO records.subject (kind, name, digest, tag, made_at)
SELECT 'image', 'quay.io/shop/app-' || app, 'sha256:' || md5(id::text) || md5('x' || id), 'v' || id / $names, first_at
FROM image ORDER BY id;
INSERT INTO records.scan (source_id, subject_id, previous_id, first_at, last_at, digest)
SELECT 1, id, CASE WHEN id > $names THEN id - $names END, first_at,
    least(first_at + interval '{LIVES_DAYS} days', now()), decode(md5(id::text), 'hex')
FROM image ORDER BY id;
INSERT INTO records.presence (source_id, subject_id, namespace_id, pod, first_seen_at, gone_at)
SELECT 1, i.id, h.id, 'ns/app-' || i.app || '-' || pod, i.first_at,
    CASE WHEN i.id <= $images - $names THEN i.first_at + interval '{LIVES_DAYS} days' END
FROM image AS i
JOIN home AS h ON h.place = i.app % (SELECT count(*) FROM home)
CROSS JOIN generate_series(1, {PODS}) AS pod
ORDER BY i.id
"""

# Each finding of an image is of a commoner advisory than the next, and none twice.
FINDINGS = f"""
INSERT INTO records.finding (
    scan_id, package_id, advisory_id, severity, word_id, fixed_in, fix_state, suppressed, since_at,
    first_seen_at, fixed_at)
SELECT id, common * 4 + id % 4 + 1, common + 1, common * 31 % 6, common * 31 % 6 + 1,
    CASE WHEN common % 5 < 3 THEN '1.' || common ELSE '' END, '', '', first_at - interval '30 days', first_at,
    CASE WHEN id <= $images - $names AND common % 4 = 0 THEN first_at + interval '10 days' END
FROM (
    SELECT i.id, i.first_at,
        j + floor(({ADVISORIES} - {AN_IMAGE}) * ((j + random()) / {AN_IMAGE}) ^ 3)::integer AS common
    FROM image AS i
    CROSS JOIN generate_series(0, {AN_IMAGE} - 1) AS j
) AS found;
INSERT INTO records.report (at, scan_id, opened, closed, changed)
SELECT i.first_at + day * interval '1 day', i.id, CASE WHEN day = 0 THEN {AN_IMAGE} ELSE 0 END, 0, 0
FROM image AS i
CROSS JOIN generate_series(0, {LIVES_DAYS}) AS day
WHERE i.first_at + day * interval '1 day' < now();
UPDATE records.scan AS s
SET counts = c.counts, fixable = c.fixable
FROM (
    SELECT scan_id, array_agg(number ORDER BY severity) AS counts, sum(fixable)::integer AS fixable
    FROM (
        SELECT i.id AS scan_id, v.severity, count(f.scan_id)::integer AS number,
            count(*) FILTER (WHERE f.fixed_in <> '')::integer AS fixable
        FROM image AS i
        CROSS JOIN generate_series(0, 6) AS v (severity)
        LEFT JOIN records.finding AS f
            ON f.scan_id = i.id AND f.severity = v.severity AND f.fixed_at IS NULL
        WHERE i.id > $images - $names
        GROUP BY 1, 2
    ) AS each_
    GROUP BY 1
) AS c
WHERE c.scan_id = s.id
"""


async def make_year(at: Place, findings: int) -> None:
    """Fill an empty database; print what took how long."""
    images = max(findings // AN_IMAGE, RELEASES)
    made = Template(f"{IMAGES};{FINDINGS}").substitute(images=images, names=images // RELEASES)
    async with await connect(at.owner) as conn:
        began = time.perf_counter()
        await conn.execute(
            "SET maintenance_work_mem = '512MB'; SET work_mem = '256MB'; SET jit = off"
        )
        await conn.execute(WORLD)
        definitions = await _without_indexes(conn)
        await conn.execute(made)
        for definition in definitions:
            await conn.execute(definition)
        await conn.execute("VACUUM (ANALYZE)")
        print(
            f"{images * AN_IMAGE:,} findings in {images:,} images: {time.perf_counter() - began:.0f} s",
            flush=True,
        )
        await conn.execute(
            "INSERT INTO records.recount (namespace_id, since) SELECT id, now() FROM fleet.namespace"
        )
    await _count(at)


async def _without_indexes(conn: AsyncConnection[Any]) -> list[str]:
    """Drop the indexes of findings; return how to make them again: so it takes a third of the time."""
    rows = await conn.execute(
        "SELECT indexdef, format('DROP INDEX %I.%I', schemaname, indexname) FROM pg_indexes"
        " WHERE schemaname = 'records' AND tablename = 'finding'"
    )
    found = await rows.fetchall()
    for _, drop in found:
        await conn.execute(drop)
    return [definition for definition, _ in found]


async def _count(at: Place) -> None:
    """Count the exposures, as the loop of a server does."""
    began = time.perf_counter()
    async with counted(at.dsn) as conn:
        namespaces = await run_once(conn, now=clock.now())
    took = time.perf_counter() - began
    async with await connect(at.owner) as conn:
        rows = await conn.execute("SELECT count(*) FROM records.exposure")
        (exposures,) = await rows.fetchone() or (0,)
        await conn.execute("VACUUM (ANALYZE) records.exposure, records.priority, records.daily")
    print(f"{exposures:,} exposures of {namespaces:,} namespaces counted: {took:.0f} s", flush=True)
