-- name: subject
SELECT id, kind, name, digest, tag, made_at
FROM records.subject
WHERE id = %(number)s
   OR (kind IN ('image', 'host', 'repository', 'file') AND digest = %(digest)s AND digest <> '')
ORDER BY kind <> 'image'
LIMIT 1

-- name: looks
-- Who looked at it, and when; the last one first.
SELECT s.name AS source, c.first_at, c.last_at, c.counts, c.fixable, c.scanner_version, c.database_version
FROM records.scan AS c
JOIN records.source AS s ON s.id = c.source_id
WHERE c.subject_id = %(subject)s
ORDER BY c.last_at DESC, s.name

-- name: runs
-- Where it runs, a namespace a row; total: how many there are.
SELECT c.name AS cluster, n.name AS namespace, r.pods, r.workloads, r.since_at,
    ARRAY(
        SELECT jsonb_build_array(f.slug, f.name)::text
        FROM fleet.service_namespace AS sn
        JOIN fleet.service AS f ON f.id = sn.service_id
        WHERE sn.namespace_id = r.namespace_id
        ORDER BY f.name
        LIMIT 5
    ) AS services,
    count(*) OVER ()::integer AS total
FROM (
    SELECT namespace_id, count(DISTINCT coalesce(nullif(pod, ''), workload))::integer AS pods,
        (array_agg(DISTINCT workload) FILTER (WHERE workload <> ''))[1:3] AS workloads, min(first_seen_at) AS since_at
    FROM records.presence
    WHERE subject_id = %(subject)s AND gone_at IS NULL
    GROUP BY 1
) AS r
JOIN fleet.namespace AS n ON n.id = r.namespace_id
JOIN fleet.cluster AS c ON c.id = n.cluster_id
ORDER BY r.pods DESC, c.name, n.name
LIMIT %(limit)s

-- name: findings
-- A vulnerability of a package a row, whoever found it, in the order in which one mends; total: how many there are.
WITH found AS (
    SELECT a.identity, k.name AS package, k.version, max(f.severity) AS severity, max(f.fixed_in) AS fixed_in,
        max(f.fix_state) AS fix_state, min(f.since_at) AS since_at, max(a.title) AS title, max(k.purl) AS purl,
        array_agg(DISTINCT s.name) AS sources, bool_and(f.suppressed <> '') AS is_suppressed
    FROM records.scan AS c
    JOIN records.source AS s ON s.id = c.source_id
    JOIN records.finding AS f ON f.scan_id = c.id AND f.fixed_at IS NULL
    JOIN records.advisory AS a ON a.id = f.advisory_id
    JOIN records.package AS k ON k.id = f.package_id
    WHERE c.subject_id = %(subject)s
    GROUP BY 1, 2, 3
), page AS (
    SELECT f.*, p.exploited, p.percentile, count(*) OVER ()::integer AS total,
        records.rank_of(p.exploited, false, coalesce(p.percentile, 0), f.severity, f.fixed_in <> '') AS rank
    FROM found AS f
    CROSS JOIN LATERAL (
        SELECT bool_or(k.cve IS NOT NULL) AS exploited, max(e.percentile) AS percentile
        FROM records.cves_of(f.identity) AS c (cve)
        LEFT JOIN records.kev AS k USING (cve)
        LEFT JOIN records.epss AS e USING (cve)
    ) AS p
    ORDER BY f.is_suppressed, rank, f.severity DESC, coalesce(p.percentile, 0) DESC, f.fixed_in <> '' DESC, f.identity,
        f.package, f.version
    LIMIT %(limit)s OFFSET %(skip)s
)
SELECT p.identity, p.package, p.version, p.severity, p.fixed_in, p.fix_state, p.since_at, p.title, p.sources,
    p.is_suppressed, p.exploited, p.percentile, p.total, coalesce(v.status, '') AS stated,
    coalesce((
        SELECT t.decision
        FROM records.triage AS t
        WHERE t.identity = p.identity AND t.ended_at IS NULL AND (t.until IS NULL OR t.until > %(now)s)
          AND t.package IN ('', p.package) AND t.image IN ('', s.name) AND t.service_id IS NULL
          AND t.namespace_id IS NULL
        ORDER BY t.image <> '' DESC, t.package <> '' DESC, t.made_at DESC
        LIMIT 1
    ), '') AS decided
FROM page AS p
JOIN records.subject AS s ON s.id = %(subject)s
LEFT JOIN LATERAL records.statement_of(
    records.names_of(p.identity), records.subject_keys(s.name, s.digest, s.tag),
    records.package_keys(p.package, p.version, p.purl)) AS v ON true
ORDER BY p.is_suppressed, p.rank, p.severity DESC, coalesce(p.percentile, 0) DESC, p.fixed_in <> '' DESC, p.identity,
    p.package, p.version

-- name: namesakes
-- What else went under its name, the newest first, itself among them.
SELECT coalesce(nullif(s.digest, ''), s.id::text) AS name, s.tag, s.made_at, s.id = %(subject)s AS is_this,
    coalesce(c.counts, '{0,0,0,0,0,0,0}') AS counts,
    EXISTS (SELECT FROM records.presence AS p WHERE p.subject_id = s.id AND p.gone_at IS NULL) AS is_running
FROM records.subject AS s
LEFT JOIN LATERAL (
    SELECT counts
    FROM records.scan
    WHERE subject_id = s.id
    ORDER BY last_at DESC
    LIMIT 1
) AS c ON true
WHERE s.name = %(name)s AND s.kind = %(kind)s
ORDER BY s.made_at DESC, s.id DESC
LIMIT %(limit)s
