-- name: changes
-- What came, went, or became graver or less so, the newest first. kind: of what documents of that kind found.
WITH place AS MATERIALIZED (
    SELECT n.id
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
    (
        SELECT e.first_seen_at AS at, e.id, 'new' AS change, e.namespace_id, e.identity, e.severity,
            NULL::smallint AS was, e.since_at
        FROM records.exposure AS e
        WHERE e.first_seen_at >= %(since)s AND e.first_seen_at < %(until)s
          AND e.first_seen_at <= coalesce(%(after_at)s::timestamptz, 'infinity')
          AND (%(change)s::text IS NULL OR %(change)s = 'new')
          AND (NOT %(placed)s OR e.namespace_id IN (SELECT id FROM place))
          AND (
              %(after_at)s::timestamptz IS NULL
              OR (e.first_seen_at, 'new', e.id)
                  < (%(after_at)s::timestamptz, %(after_change)s::text, %(after_id)s::bigint))
        ORDER BY e.first_seen_at DESC, e.id DESC
        LIMIT CASE WHEN %(kind)s::text IS NULL THEN %(limit)s::bigint END
    )
    UNION ALL
    (
        SELECT e.ended_at, e.id, 'fixed', e.namespace_id, e.identity, e.severity, NULL, e.since_at
        FROM records.exposure AS e
        WHERE e.ended_at >= %(since)s AND e.ended_at < %(until)s
          AND e.ended_at <= coalesce(%(after_at)s::timestamptz, 'infinity')
          AND (%(change)s::text IS NULL OR %(change)s = 'fixed')
          AND (NOT %(placed)s OR e.namespace_id IN (SELECT id FROM place))
          AND (
              %(after_at)s::timestamptz IS NULL
              OR (e.ended_at, 'fixed', e.id)
                  < (%(after_at)s::timestamptz, %(after_change)s::text, %(after_id)s::bigint))
        ORDER BY e.ended_at DESC, e.id DESC
        LIMIT CASE WHEN %(kind)s::text IS NULL THEN %(limit)s::bigint END
    )
    UNION ALL
    (
        SELECT g.at, g.id, 'severity', g.namespace_id, g.identity, g.became, g.was, NULL
        FROM records.severity_change AS g
        WHERE g.at >= %(since)s AND g.at < %(until)s
          AND g.at <= coalesce(%(after_at)s::timestamptz, 'infinity')
          AND (%(change)s::text IS NULL OR %(change)s = 'severity')
          AND (NOT %(placed)s OR g.namespace_id IN (SELECT id FROM place))
          AND (
              %(after_at)s::timestamptz IS NULL
              OR (g.at, 'severity', g.id)
                  < (%(after_at)s::timestamptz, %(after_change)s::text, %(after_id)s::bigint))
        ORDER BY g.at DESC, g.id DESC
        LIMIT CASE WHEN %(kind)s::text IS NULL THEN %(limit)s::bigint END
    )
), page AS MATERIALIZED (
    SELECT f.*
    FROM found AS f
    WHERE (
          %(kind)s::text IS NULL
          OR EXISTS (
              SELECT
              FROM records.advisory AS a
              JOIN records.finding AS o ON o.advisory_id = a.id
              JOIN records.scan AS d ON d.id = o.scan_id
              WHERE a.identity = f.identity AND d.kind = %(kind)s))
    ORDER BY f.at DESC, f.change DESC, f.id DESC
    LIMIT %(limit)s
)
SELECT p.at, p.id, p.change, p.identity, p.severity, p.was, p.since_at, coalesce(c.name, '') AS cluster,
    coalesce(n.name, '') AS namespace,
    coalesce((
        SELECT array_agg(sv.name ORDER BY sv.name)
        FROM fleet.service_namespace AS sn
        JOIN fleet.service AS sv ON sv.id = sn.service_id
        WHERE sn.namespace_id = p.namespace_id), '{}') AS services,
    EXISTS (SELECT FROM records.cves_of(p.identity) AS c (cve) JOIN records.kev AS k USING (cve)) AS exploited
FROM page AS p
LEFT JOIN fleet.namespace AS n ON n.id = p.namespace_id
LEFT JOIN fleet.cluster AS c ON c.id = n.cluster_id
ORDER BY p.at DESC, p.change DESC, p.id DESC
