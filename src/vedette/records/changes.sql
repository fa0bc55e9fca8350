-- name: changes
-- What came, went, or became graver or less so, the newest first. kind: of what documents of that kind found.
WITH place AS MATERIALIZED (
    SELECT n.id, n.name AS namespace, c.name AS cluster
    FROM fleet.namespace AS n
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
    WHERE (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
      AND (%(namespace)s::text IS NULL OR n.name = %(namespace)s)
      AND (
          %(service)s::text IS NULL
          OR n.id IN (
              SELECT sn.namespace_id
              FROM fleet.service_namespace AS sn
              JOIN fleet.service AS sv ON sv.id = sn.service_id
              WHERE sv.name = %(service)s))
), found AS (
    SELECT e.first_seen_at AS at, e.id, 'new' AS change, e.namespace_id, e.identity, e.severity,
        NULL::smallint AS was, e.since_at
    FROM records.exposure AS e
    WHERE e.first_seen_at >= %(since)s AND e.first_seen_at < %(until)s
    UNION ALL
    SELECT e.ended_at, e.id, 'fixed', e.namespace_id, e.identity, e.severity, NULL, e.since_at
    FROM records.exposure AS e
    WHERE e.ended_at >= %(since)s AND e.ended_at < %(until)s
    UNION ALL
    SELECT g.at, g.id, 'severity', g.namespace_id, g.identity, g.became, g.was, NULL
    FROM records.severity_change AS g
    WHERE g.at >= %(since)s AND g.at < %(until)s
), page AS MATERIALIZED (
    SELECT f.*, p.cluster, p.namespace
    FROM found AS f
    LEFT JOIN place AS p ON p.id = f.namespace_id
    WHERE (p.id IS NOT NULL OR NOT %(placed)s AND f.namespace_id IS NULL)
      AND (%(change)s::text IS NULL OR f.change = %(change)s)
      AND (
          %(kind)s::text IS NULL
          OR EXISTS (
              SELECT
              FROM records.advisory AS a
              JOIN records.finding AS o ON o.advisory_id = a.id
              JOIN records.document AS d ON d.scan_id = o.scan_id
              WHERE a.identity = f.identity AND d.kind = %(kind)s))
      AND (
          %(after_at)s::timestamptz IS NULL
          OR (f.at, f.change, f.id) < (%(after_at)s::timestamptz, %(after_change)s::text, %(after_id)s::bigint))
    ORDER BY f.at DESC, f.change DESC, f.id DESC
    LIMIT %(limit)s
)
SELECT p.at, p.id, p.change, p.identity, p.severity, p.was, p.since_at, coalesce(p.cluster, '') AS cluster,
    coalesce(p.namespace, '') AS namespace,
    coalesce((
        SELECT array_agg(sv.name ORDER BY sv.name)
        FROM fleet.service_namespace AS sn
        JOIN fleet.service AS sv ON sv.id = sn.service_id
        WHERE sn.namespace_id = p.namespace_id), '{}') AS services,
    EXISTS (SELECT FROM records.kev AS k WHERE k.cve = p.identity) AS exploited
FROM page AS p
ORDER BY p.at DESC, p.change DESC, p.id DESC
