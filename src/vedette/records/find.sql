-- name: named
-- What a name counts as, and all advisories that are about that, whatever their names are; an erratum about several is
-- of each CVE it addresses. Arrays, where IN would say the same: behind an OR the planner takes an array to an index.
WITH counts AS MATERIALIZED (
    SELECT ARRAY(
        SELECT identity FROM records.advisory WHERE identity = %(name)s OR name = %(name)s AND name <> identity
        UNION
        SELECT a.identity
        FROM records.alias AS l
        JOIN records.advisory AS a ON a.id = l.advisory_id
        WHERE l.name = %(name)s
        ORDER BY 1
        LIMIT 100) AS identities
)
SELECT c.identities, a.id, a.name, a.feed, a.identity, a.title, a.score, a.links, a.published_at, a.withdrawn_at
FROM counts AS c
JOIN records.advisory AS a
    ON a.identity = ANY ((SELECT identities FROM counts)::text[])
    OR a.id = ANY (ARRAY(
        SELECT l.advisory_id
        FROM records.alias AS l
        WHERE l.name = ANY ((SELECT identities FROM counts)::text[])))
ORDER BY a.id
LIMIT 200

-- name: cves
SELECT DISTINCT c.cve
FROM unnest(%(identities)s::text[]) AS i (identity)
CROSS JOIN LATERAL records.cves_of(i.identity) AS c (cve)
LIMIT 1000

-- name: standing
-- How many findings there are, and where it stands open now: a row at least.
SELECT t.count, p.*
FROM (
    SELECT count(*) AS count
    FROM (
        SELECT
        FROM records.finding AS f
        WHERE f.advisory_id = ANY (%(advisories)s::integer[])
          AND CASE %(state)s::text WHEN 'open' THEN f.fixed_at IS NULL WHEN 'fixed' THEN f.fixed_at IS NOT NULL
              ELSE true END
        LIMIT %(most)s
    ) AS found
) AS t
LEFT JOIN (
    SELECT c.name AS cluster, n.name AS namespace, max(e.severity) AS severity, max(e.images) AS images,
        max(e.pods) AS pods, min(e.since_at) AS since_at, bool_and(e.covered_until > %(now)s) AS is_covered,
        coalesce(array_agg(DISTINCT sv.name) FILTER (WHERE sv.name IS NOT NULL), '{}') AS services
    FROM records.exposure AS e
    JOIN fleet.namespace AS n ON n.id = e.namespace_id
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
    LEFT JOIN fleet.service_namespace AS sn ON sn.namespace_id = n.id
    LEFT JOIN fleet.service AS sv ON sv.id = sn.service_id
    WHERE e.identity = ANY (%(identities)s::text[]) AND e.ended_at IS NULL
    GROUP BY 1, 2
    ORDER BY 1, 2
    LIMIT %(limit)s
) AS p ON true
ORDER BY p.cluster, p.namespace

-- name: page
-- What was found of it, by advisory and image; with where it runs, and what is decided of it.
WITH page AS MATERIALIZED (
    SELECT f.*
    FROM unnest(%(advisories)s::integer[]) AS g (id)
    CROSS JOIN LATERAL (
        SELECT f.*
        FROM records.finding AS f
        WHERE f.advisory_id = g.id
          AND CASE %(state)s::text WHEN 'open' THEN f.fixed_at IS NULL WHEN 'fixed' THEN f.fixed_at IS NOT NULL
              ELSE true END
          AND (
              %(after_advisory)s::integer IS NULL
              OR g.id > %(after_advisory)s::integer
              OR g.id = %(after_advisory)s::integer AND f.scan_id >= %(after_scan)s::integer
              AND (f.scan_id, f.package_id, f.first_seen_at)
                  > (%(after_scan)s::integer, %(after_package)s::integer, %(after_seen)s::timestamptz))
        ORDER BY f.scan_id, f.package_id, f.first_seen_at
        LIMIT %(limit)s
    ) AS f
    WHERE %(after_advisory)s::integer IS NULL OR g.id >= %(after_advisory)s::integer
    ORDER BY f.advisory_id, f.scan_id, f.package_id, f.first_seen_at
    LIMIT %(limit)s
)
SELECT p.advisory_id, p.scan_id, p.package_id, p.first_seen_at, a.name, a.identity, j.kind, j.name AS image,
    j.digest, j.tag, src.name AS source, k.name AS package, k.version, p.severity, p.fixed_in, p.fix_state,
    p.suppressed, p.since_at, p.fixed_at, s.last_at AS seen_at, coalesce(w.places, '[]') AS places,
    t.decision, t.made_by, t.until, t.reason, v.status, v.author, v.document
FROM page AS p
JOIN records.scan AS s ON s.id = p.scan_id
JOIN records.source AS src ON src.id = s.source_id
JOIN records.subject AS j ON j.id = s.subject_id
JOIN records.advisory AS a ON a.id = p.advisory_id
JOIN records.package AS k ON k.id = p.package_id
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
        'cluster', c.name, 'namespace', n.name, 'pods', r.pods, 'workloads', r.workloads,
        'services', coalesce((
            SELECT json_agg(sv.name ORDER BY sv.name)
            FROM fleet.service_namespace AS sn
            JOIN fleet.service AS sv ON sv.id = sn.service_id
            WHERE sn.namespace_id = n.id), '[]')) ORDER BY c.name, n.name) AS places,
        min(r.namespace_id) AS namespace_id
    FROM (
        SELECT u.namespace_id,
            (array_agg(DISTINCT u.pod) FILTER (WHERE u.pod <> ''))[:20] AS pods,
            (array_agg(DISTINCT u.workload) FILTER (WHERE u.workload <> ''))[:20] AS workloads
        FROM (
            SELECT *
            FROM records.presence AS u
            WHERE u.subject_id = s.subject_id AND u.gone_at IS NULL
            LIMIT 500
        ) AS u
        GROUP BY 1
        ORDER BY 1
        LIMIT 20
    ) AS r
    JOIN fleet.namespace AS n ON n.id = r.namespace_id
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
) AS w ON true
LEFT JOIN LATERAL records.triage_of(a.identity, k.name, w.namespace_id, j.name, %(now)s) AS t ON true
LEFT JOIN LATERAL records.statement_of(
    records.names_of(a.identity), records.subject_keys(j.name, j.digest, j.tag),
    records.package_keys(k.name, k.version, k.purl)) AS v ON true
ORDER BY p.advisory_id, p.scan_id, p.package_id, p.first_seen_at
