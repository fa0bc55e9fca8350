-- name: services
-- Every service with how it stands; its counts are those of the day (records.daily), so that nothing is counted here.
WITH standing AS (
    SELECT DISTINCT ON (scope_id, severity) scope_id, severity, vulnerabilities, exploited
    FROM records.daily
    WHERE scope = 'service' AND day BETWEEN %(month)s AND %(today)s
    ORDER BY scope_id, severity, day DESC
), counted AS (
    SELECT scope_id, array_agg(vulnerabilities ORDER BY severity DESC) AS by_severity,
        array_agg(severity ORDER BY severity DESC) AS severities, sum(exploited)::integer AS exploited
    FROM standing
    WHERE vulnerabilities > 0
    GROUP BY 1
), told AS (
    SELECT c.service_id, max(h.state) AS state
    FROM fleet.component AS c
    JOIN health.component_state AS h ON h.component_id = c.id
    WHERE c.retired_at IS NULL
    GROUP BY 1
), open AS (
    SELECT c.service_id, count(DISTINCT i.id)::integer AS incidents
    FROM incidents.incident AS i
    JOIN incidents.affected AS a ON a.incident_id = i.id
    JOIN fleet.component AS c ON c.id = a.component_id
    WHERE i.is_open AND i.kind = 'incident' AND i.published_at IS NOT NULL AND a.left_at IS NULL
    GROUP BY 1
), promised AS (
    SELECT s.service_id, count(*)::integer AS slos, (count(*) FILTER (WHERE v.value < v.target))::integer AS missed
    FROM records.slo AS s
    CROSS JOIN LATERAL (
        SELECT value, target
        FROM records.slo_value
        WHERE slo_id = s.id
        ORDER BY at DESC
        LIMIT 1
    ) AS v
    GROUP BY 1
)
SELECT s.slug, s.name, coalesce(s.team, '') AS team, t.state::text AS state, coalesce(o.incidents, 0) AS incidents,
    coalesce(c.severities, '{}') AS severities, coalesce(c.by_severity, '{}') AS numbers,
    coalesce(c.exploited, 0) AS exploited, coalesce(p.slos, 0) AS slos, coalesce(p.missed, 0) AS missed,
    d.finished_at AS deployed_at
FROM fleet.service AS s
LEFT JOIN told AS t ON t.service_id = s.id
LEFT JOIN open AS o ON o.service_id = s.id
LEFT JOIN counted AS c ON c.scope_id = s.id::text
LEFT JOIN promised AS p ON p.service_id = s.id
LEFT JOIN LATERAL (
    SELECT finished_at
    FROM records.deployment
    WHERE service_id = s.id
    ORDER BY finished_at DESC
    LIMIT 1
) AS d ON true
WHERE (%(words)s = '' OR strpos(lower(s.name || ' ' || coalesce(s.team, '')), lower(%(words)s)) > 0)
ORDER BY s.name

-- name: service
SELECT s.id, s.slug, s.name, coalesce(s.team, '') AS team, coalesce(s.category, '') AS category,
    ARRAY(
        SELECT c.name || '/' || n.name
        FROM fleet.service_namespace AS sn
        JOIN fleet.namespace AS n ON n.id = sn.namespace_id
        JOIN fleet.cluster AS c ON c.id = n.cluster_id
        WHERE sn.service_id = s.id
        ORDER BY 1
    ) AS namespaces,
    EXISTS (SELECT FROM records.feed WHERE name LIKE 'kev:%%') AS kev_loaded,
    EXISTS (SELECT FROM records.feed WHERE name = 'epss') AS epss_loaded
FROM fleet.service AS s
WHERE s.slug = %(slug)s

-- name: components
-- The gravest first; targets: how many there are, and of those that are not well the gravest.
SELECT c.slug, coalesce(c.type, '') AS type, coalesce(r.name, '') AS region, coalesce(h.state, 'unknown')::text AS state,
    h.since, coalesce(h.reason, '') AS reason, t.targets, t.ailing, coalesce(t.worst, '') AS worst,
    coalesce(t.worst_state, 'unknown')::text AS worst_state
FROM fleet.component AS c
LEFT JOIN fleet.region AS r ON r.id = c.region_id
LEFT JOIN health.component_state AS h ON h.component_id = c.id
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS targets, (count(*) FILTER (WHERE w.state > 'up'))::integer AS ailing,
        (array_agg(g.slug ORDER BY w.state DESC NULLS LAST, g.name) FILTER (WHERE w.state > 'up'))[1] AS worst,
        max(w.state) AS worst_state
    FROM fleet.target AS g
    LEFT JOIN health.target_state AS w ON w.target_id = g.id
    WHERE g.component_id = c.id AND g.retired_at IS NULL
) AS t
WHERE c.service_id = %(service)s AND c.retired_at IS NULL
ORDER BY h.state DESC NULLS LAST, r.name NULLS FIRST, c.type NULLS FIRST
LIMIT %(limit)s

-- name: incidents
-- What stands open, and what was lately; drafts are nobody's business here.
SELECT i.id, i.kind, i.title, i.impact, i.status, i.starts_at, i.ends_at, i.is_open
FROM incidents.incident AS i
WHERE i.published_at IS NOT NULL
  AND i.status <> 'cancelled'
  AND (i.is_open OR i.ends_at >= %(since)s)
  AND EXISTS (
      SELECT
      FROM incidents.affected AS a
      JOIN fleet.component AS c ON c.id = a.component_id
      WHERE a.incident_id = i.id AND c.service_id = %(service)s AND (NOT i.is_open OR a.left_at IS NULL))
ORDER BY i.is_open DESC, i.kind <> 'incident', i.starts_at DESC
LIMIT %(limit)s

-- name: fix_first
-- Of what runs in its namespaces that which is mended first, in the order of `vedette top`; one of its packages and
-- images stands for all.
WITH here AS MATERIALIZED (
    SELECT DISTINCT c.id, c.subject_id
    FROM fleet.service_namespace AS sn
    JOIN records.presence AS p ON p.namespace_id = sn.namespace_id AND p.gone_at IS NULL
    JOIN records.scan AS c ON c.subject_id = p.subject_id
    WHERE sn.service_id = %(service)s
), mine AS (
    SELECT e.identity, max(e.severity) AS severity, bool_or(e.fixable) AS fixable, sum(e.images)::integer AS images,
        sum(e.pods)::integer AS pods, min(e.since_at) AS since_at
    FROM records.exposure AS e
    JOIN fleet.service_namespace AS sn ON sn.namespace_id = e.namespace_id
    WHERE sn.service_id = %(service)s AND e.ended_at IS NULL AND e.covered_until <= %(now)s
    GROUP BY 1
), ranked AS MATERIALIZED (
    SELECT m.*, q.is_exploited, q.percentile AS likely,
        records.rank_of(q.is_exploited, true, q.percentile, m.severity, m.fixable) AS rank
    FROM mine AS m
    LEFT JOIN records.priority AS p USING (identity)
    CROSS JOIN LATERAL (
        SELECT coalesce(p.rank <= 2, false) AS is_exploited, coalesce(p.percentile, 0) AS percentile
    ) AS q
    ORDER BY rank, m.severity DESC, likely DESC, m.fixable DESC, m.identity
    LIMIT %(limit)s
)
SELECT r.identity, r.rank, r.severity, r.is_exploited AS exploited, w.due_on, w.percentile, w.probability, r.images,
    r.pods, r.since_at, f.title, f.package, f.version, f.fixed_in, f.image, f.digest
FROM ranked AS r
CROSS JOIN LATERAL (
    SELECT min(k.due_on) AS due_on, max(e.percentile) AS percentile, max(e.score) AS probability
    FROM records.cves_of(r.identity) AS c (cve)
    LEFT JOIN records.kev AS k USING (cve)
    LEFT JOIN records.epss AS e USING (cve)
) AS w
JOIN LATERAL (
    SELECT a.title, k.name AS package, k.version, f.fixed_in, s.name AS image,
        coalesce(nullif(s.digest, ''), s.id::text) AS digest
    FROM records.advisory AS a
    CROSS JOIN here AS c
    JOIN records.finding AS f
        ON f.advisory_id = a.id AND f.scan_id = c.id AND f.fixed_at IS NULL AND f.suppressed = ''
    JOIN records.subject AS s ON s.id = c.subject_id
    JOIN records.package AS k ON k.id = f.package_id
    WHERE a.identity = r.identity
    ORDER BY f.severity DESC, f.fixed_in <> '' DESC, a.title <> '' DESC, s.name, k.name
    LIMIT 1
) AS f ON true
ORDER BY r.rank, r.severity DESC, r.likely DESC, r.fixable DESC, r.identity

-- name: severities
-- What stands open in its namespaces, each vulnerability once: how many, how many can be mended, and how old they are.
SELECT severity, count(*)::integer AS number, (count(*) FILTER (WHERE fixable))::integer AS fixable,
    (count(*) FILTER (WHERE since_at < %(month)s))::integer AS older, min(since_at) AS oldest_at,
    (count(*) FILTER (WHERE first_seen_at >= %(week)s))::integer AS new
FROM (
    SELECT max(e.severity) AS severity, bool_or(e.fixable) AS fixable, min(e.since_at) AS since_at,
        min(e.first_seen_at) AS first_seen_at
    FROM records.exposure AS e
    JOIN fleet.service_namespace AS sn ON sn.namespace_id = e.namespace_id
    WHERE sn.service_id = %(service)s AND e.ended_at IS NULL AND e.covered_until <= %(now)s
    GROUP BY e.identity
) AS one
GROUP BY 1
ORDER BY 1 DESC

-- name: images
-- The images that run in its namespaces, those with the gravest findings first; of several sources the one that found
-- most.
SELECT coalesce(nullif(s.digest, ''), s.id::text) AS name, s.name AS image, s.tag, c.counts, c.fixable, c.last_at,
    r.namespaces, r.pods
FROM (
    SELECT p.subject_id, count(DISTINCT p.namespace_id)::integer AS namespaces,
        count(DISTINCT (p.namespace_id, coalesce(nullif(p.pod, ''), p.workload)))::integer AS pods
    FROM records.presence AS p
    JOIN fleet.service_namespace AS sn ON sn.namespace_id = p.namespace_id
    WHERE sn.service_id = %(service)s AND p.gone_at IS NULL
    GROUP BY 1
) AS r
JOIN records.subject AS s ON s.id = r.subject_id
JOIN LATERAL (
    SELECT counts, fixable, last_at
    FROM records.scan
    WHERE subject_id = s.id
    ORDER BY counts[7] DESC, counts[6] DESC, counts[5] DESC, counts[4] DESC, last_at DESC
    LIMIT 1
) AS c ON true
ORDER BY c.counts[7] DESC, c.counts[6] DESC, c.counts[5] DESC, c.counts[4] DESC, s.name, s.id
LIMIT %(limit)s

-- name: is_affected
SELECT EXISTS (
    SELECT
    FROM incidents.incident AS i
    JOIN incidents.affected AS a ON a.incident_id = i.id
    JOIN fleet.component AS c ON c.id = a.component_id
    WHERE i.id = %(incident)s AND i.kind = 'incident' AND c.service_id = %(service)s)
