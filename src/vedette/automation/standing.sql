-- name: standing
-- One row a component. A cause that several share is a service, a region, or a cluster of targets that fail. A
-- maintenance whose time has come is one, whether the clock was told of it yet or not.
SELECT
    c.id,
    s.name AS service,
    coalesce(r.name, '') AS region,
    s.name || coalesce(
        ' (' || nullif(concat_ws(', ', coalesce(c.attributes ->> 'category', s.category), r.name, c.type), '') || ')',
        '') AS label,
    c.retired_at IS NOT NULL AS is_retired,
    ARRAY['service:' || s.id, coalesce('region:' || c.region_id, 'service:' || s.id)] || ARRAY(
        SELECT 'cluster:' || t.cluster_id
        FROM fleet.target AS t
        JOIN health.target_state AS ts ON ts.target_id = t.id
        WHERE t.component_id = c.id AND t.retired_at IS NULL AND t.cluster_id IS NOT NULL
          AND ts.state IN ('down', 'degraded')) AS cause,
    maintenance.is_now AS is_maintained,
    maintenance.until AS maintained_until,
    f.from_at AS flapping_since,
    told.id AS told_id,
    told.impact AS told_impact,
    told.ours AS told_ours,
    told.is_public AS told_public,
    told.status = 'observing' AS told_observing,
    last.id AS last_id,
    last.impact AS last_impact,
    last.is_open AS last_open,
    last.gone_at
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
LEFT JOIN incidents.flapping AS f ON f.component_id = c.id AND f.to_at IS NULL
CROSS JOIN LATERAL (
    SELECT
        coalesce(bool_or(m.is_open), false) AS is_now,
        max(least(m.ends_at, a.left_at)) FILTER (WHERE NOT m.is_open) AS until
    FROM incidents.affected AS a
    JOIN incidents.incident AS m ON m.id = a.incident_id
    WHERE a.component_id = c.id AND m.kind = 'maintenance' AND m.published_at IS NOT NULL
      AND (m.status IN ('in progress', 'completed') OR (m.status = 'planned' AND m.starts_at <= %(now)s))
      AND (NOT m.is_open OR a.left_at IS NULL)
) AS maintenance
LEFT JOIN LATERAL (
    -- Ours before others': it is ours to end.
    SELECT
        i.id,
        i.impact,
        i.status,
        i.published_at IS NOT NULL AS is_public,
        i.system AND i.origin = 'automation' AS ours
    FROM incidents.affected AS a
    JOIN incidents.incident AS i ON i.id = a.incident_id
    WHERE a.component_id = c.id AND a.left_at IS NULL AND i.is_open AND i.kind = 'incident'
    ORDER BY i.system AND i.origin = 'automation' DESC, i.published_at IS NULL, i.id
    LIMIT 1
) AS told ON true
LEFT JOIN LATERAL (
    SELECT i.id, i.impact, i.is_open, coalesce(a.left_at, i.ends_at) AS gone_at
    FROM incidents.affected AS a
    JOIN incidents.incident AS i ON i.id = a.incident_id
    WHERE a.component_id = c.id AND i.system AND i.origin = 'automation' AND i.merged_into IS NULL
      AND coalesce(a.left_at, i.ends_at) IS NOT NULL
    ORDER BY gone_at DESC, i.id DESC
    LIMIT 1
) AS last ON true
WHERE c.id = ANY (%(components)s)

-- name: candidates
SELECT
    i.id,
    i.impact,
    i.starts_at,
    i.published_at,
    i.publish_at,
    (SELECT coalesce(array_agg(DISTINCT shared.cause), '{}')
     FROM incidents.affected AS a
     JOIN fleet.component AS c ON c.id = a.component_id
     CROSS JOIN LATERAL (
         SELECT 'service:' || c.service_id AS cause
         UNION ALL
         SELECT 'region:' || c.region_id WHERE c.region_id IS NOT NULL
         UNION ALL
         SELECT 'cluster:' || t.cluster_id
         FROM fleet.target AS t
         JOIN health.target_state AS ts ON ts.target_id = t.id
         WHERE t.component_id = c.id AND t.retired_at IS NULL AND t.cluster_id IS NOT NULL
           AND ts.state IN ('down', 'degraded')
     ) AS shared
     WHERE a.incident_id = i.id AND a.left_at IS NULL)
FROM incidents.incident AS i
WHERE i.kind = 'incident' AND i.is_open AND i.system AND i.origin = 'automation'
ORDER BY i.id DESC
