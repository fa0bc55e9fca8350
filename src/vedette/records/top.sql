-- name: top
-- What is mended first, a page of it; then what each is called, what is known of it, where it stands and how it is mended.
WITH place AS MATERIALIZED (
    SELECT n.id
    FROM fleet.namespace AS n
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
    WHERE %(placed)s
      AND (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
      AND (%(namespace)s::text IS NULL OR n.name = %(namespace)s)
      AND (
          (%(service)s::text IS NULL AND %(team)s::text IS NULL)
          OR n.id IN (
              SELECT sn.namespace_id
              FROM fleet.service_namespace AS sn
              JOIN fleet.service AS sv ON sv.id = sn.service_id
              WHERE (%(service)s::text IS NULL OR sv.name = %(service)s)
                AND (%(team)s::text IS NULL OR sv.team = %(team)s)))
), ranked AS NOT MATERIALIZED (
    SELECT p.*
    FROM records.priority AS p
    WHERE (%(covered)s OR p.covered_until <= %(now)s)
      AND (%(fixable)s::boolean IS NULL OR %(placed)s OR p.fixable = %(fixable)s)
      AND (
          %(after_rank)s::smallint IS NULL
          OR p.rank >= %(after_rank)s::smallint
          AND (p.rank, -p.severity, -p.percentile, NOT p.fixable, p.identity)
              > (%(after_rank)s::smallint, -%(after_severity)s::smallint, -%(after_percentile)s::real,
                  NOT %(after_fixable)s::boolean, %(after_identity)s::text))
), near AS MATERIALIZED (
    -- The next ones are asked one by one whether they stand there, until a hundred do not: where much stands, that fills
    -- the page.
    SELECT p.*
    FROM (
        SELECT r.*, t.is_there, count(CASE WHEN t.is_there IS NULL THEN 1 END) OVER (
            ORDER BY r.rank, r.severity DESC, r.percentile DESC, r.fixable DESC, r.identity
            ROWS UNBOUNDED PRECEDING) AS missed
        FROM ranked AS r
        LEFT JOIN LATERAL (
            SELECT true AS is_there
            FROM records.exposure AS e
            WHERE e.identity = r.identity AND e.ended_at IS NULL AND e.namespace_id IN (SELECT id FROM place)
              AND (%(covered)s OR e.covered_until <= %(now)s)
              AND (%(fixable)s::boolean IS NULL OR e.fixable = %(fixable)s)
            LIMIT 1
        ) AS t ON true
        WHERE %(placed)s
    ) AS p
    WHERE p.missed < 100 AND p.is_there
    ORDER BY p.rank, p.severity DESC, p.percentile DESC, p.fixable DESC, p.identity
    LIMIT %(limit)s
), standing AS MATERIALIZED (
    -- Where little does, all that does is looked up instead.
    SELECT DISTINCT e.identity
    FROM place
    JOIN records.exposure AS e ON e.namespace_id = place.id
    WHERE e.ended_at IS NULL AND (%(covered)s OR e.covered_until <= %(now)s)
      AND (%(fixable)s::boolean IS NULL OR e.fixable = %(fixable)s)
), page AS MATERIALIZED (
    SELECT n.*
    FROM near AS n
    WHERE (SELECT count(*) FROM near) = %(limit)s
    UNION ALL
    (
        SELECT r.*, true, 0
        FROM ranked AS r
        WHERE (SELECT count(*) FROM near) < %(limit)s
          AND (NOT %(placed)s OR r.identity IN (SELECT identity FROM standing))
        ORDER BY r.rank, r.severity DESC, r.percentile DESC, r.fixable DESC, r.identity
        LIMIT %(limit)s
    )
)
SELECT p.identity, p.rank, p.severity, p.fixable, p.percentile, p.is_running, p.namespaces, p.pods, p.hosts,
    p.since_at, p.covered_until > %(now)s AS is_covered, a.title, a.links, a.score,
    coalesce(k.listed, '[]') AS listed, e.score AS epss, coalesce(w.places, '[]') AS places,
    coalesce(f.fixes, '[]') AS fixes
FROM page AS p
LEFT JOIN LATERAL (
    SELECT coalesce(nullif(a.title, ''), left(a.description, 200)) AS title, a.links,
        max(a.score) OVER () AS score
    FROM records.advisory AS a
    WHERE a.identity = p.identity
    ORDER BY a.title = '', a.id
    LIMIT 1
) AS a ON true
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
        'catalog', k.catalog, 'added_on', k.added_on, 'due_on', k.due_on, 'ransomware', k.ransomware,
        'action', k.action) ORDER BY k.catalog, k.cve) AS listed
    FROM records.cves_of(p.identity) AS c (cve)
    JOIN records.kev AS k USING (cve)
) AS k ON true
LEFT JOIN LATERAL (
    SELECT max(e.score) AS score
    FROM records.cves_of(p.identity) AS c (cve)
    JOIN records.epss AS e USING (cve)
) AS e ON true
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object(
        'cluster', c.name, 'namespace', n.name, 'pods', x.pods, 'services', coalesce((
            SELECT json_agg(sv.name ORDER BY sv.name)
            FROM fleet.service_namespace AS sn
            JOIN fleet.service AS sv ON sv.id = sn.service_id
            WHERE sn.namespace_id = n.id), '[]'))
        ORDER BY x.pods DESC, c.name, n.name) AS places
    FROM (
        SELECT x.namespace_id, x.pods
        FROM records.exposure AS x
        WHERE x.identity = p.identity AND x.ended_at IS NULL AND x.namespace_id IS NOT NULL
          AND (NOT %(placed)s OR x.namespace_id IN (SELECT id FROM place))
          AND (%(covered)s OR x.covered_until <= %(now)s)
        LIMIT 10
    ) AS x
    JOIN fleet.namespace AS n ON n.id = x.namespace_id
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
) AS w ON true
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object('package', d.name, 'version', d.version, 'fixed_in', d.fixed_in)
        ORDER BY d.name, d.version, d.fixed_in) AS fixes
    FROM (
        SELECT DISTINCT g.name, g.version, o.fixed_in
        FROM (
            -- Few packages for many findings: each is looked up once.
            SELECT DISTINCT o.package_id, o.fixed_in
            FROM records.advisory AS b
            CROSS JOIN LATERAL (
                SELECT o.package_id, o.fixed_in
                FROM records.finding AS o
                WHERE o.advisory_id = b.id AND o.fixed_at IS NULL AND o.suppressed = '' AND o.fixed_in <> ''
                -- The newest first: of the oldest most are mended, and would be read for nothing.
                ORDER BY o.scan_id DESC
                LIMIT 50
            ) AS o
            WHERE p.fixable AND b.identity = p.identity
        ) AS o
        JOIN records.package AS g ON g.id = o.package_id
        LIMIT 5
    ) AS d
) AS f ON true
ORDER BY p.rank, p.severity DESC, p.percentile DESC, p.fixable DESC, p.identity
