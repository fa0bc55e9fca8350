-- name: component
-- The first component of that service, in the order they were made, that has all of these attributes.
SELECT
    c.id,
    s.name AS service,
    coalesce(r.name, '') AS region,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(c.type, '') AS type,
    c.attributes
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
CROSS JOIN LATERAL (
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'region', r.name, 'category', s.category)) || c.attributes AS all_of_them
) AS a
WHERE s.name = %(service)s AND c.retired_at IS NULL
  AND a.all_of_them @> %(attributes)s::jsonb
ORDER BY c.id
LIMIT 1

-- name: components
-- Those of these ids that there are.
SELECT
    c.id,
    s.name AS service,
    coalesce(r.name, '') AS region,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(c.type, '') AS type,
    c.attributes
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.id = ANY (%(ids)s) AND c.retired_at IS NULL

-- name: maintenance
-- Any maintenance the component is under now.
SELECT i.id
FROM incidents.incident AS i
JOIN incidents.affected AS a ON a.incident_id = i.id
WHERE a.component_id = %(component_id)s AND a.left_at IS NULL
  AND i.is_open AND i.kind = 'maintenance' AND i.published_at IS NOT NULL
  AND i.starts_at <= %(now)s AND i.ends_at > %(now)s
ORDER BY i.id
LIMIT 1

-- name: standing
SELECT
    i.id,
    i.impact,
    i.system,
    i.system AND i.origin = 'reporter' AS is_ours,
    coalesce(bool_or(a.component_id = %(component_id)s), false) AS contains,
    count(a.component_id)::int AS size
FROM incidents.incident AS i
LEFT JOIN incidents.affected AS a ON a.incident_id = i.id AND a.left_at IS NULL
WHERE i.is_open AND i.kind = 'incident' AND i.published_at IS NOT NULL AND i.starts_at <= %(now)s
GROUP BY i.id
ORDER BY i.id
