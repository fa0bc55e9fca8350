-- name: filter_is_known
-- Whether everyone may know of a component or region of that name or slug; NULL asks for none.
SELECT EXISTS (
    SELECT 1
    FROM fleet.component AS c
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    WHERE c.retired_at IS NULL AND c.is_public
      AND (%(component)s::text IS NULL OR c.slug = %(component)s)
      AND (%(region)s::text IS NULL OR %(region)s IN (r.name, r.slug)))

-- name: maintenances
-- What calendars show: what is to come and what was lately; what was called off as long, so that they hear of it.
-- Of more than fit, those nearest to now.
SELECT
    i.id,
    i.title,
    i.description,
    i.status,
    i.starts_at,
    i.ends_at,
    i.version,
    i.made_at,
    i.changed_at,
    members.names
FROM incidents.published() AS i
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(s.name || coalesce(' (' || r.name || ')', '') ORDER BY a.id), '{}') AS names
    FROM incidents.affected AS a
    JOIN fleet.component AS c ON c.id = a.component_id
    JOIN fleet.service AS s ON s.id = c.service_id
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    WHERE a.incident_id = i.id AND a.left_at IS NULL AND c.is_public
) AS members
WHERE i.kind = 'maintenance'
  AND CASE
      WHEN i.status = 'cancelled' THEN i.changed_at > %(since)s
      ELSE i.is_open OR i.ends_at > %(since)s
  END
  AND ((%(component)s::text IS NULL AND %(region)s::text IS NULL) OR EXISTS (
      SELECT 1
      FROM incidents.affected AS a
      JOIN fleet.component AS c ON c.id = a.component_id
      LEFT JOIN fleet.region AS r ON r.id = c.region_id
      WHERE a.incident_id = i.id AND a.left_at IS NULL AND c.is_public
        AND (%(component)s::text IS NULL OR c.slug = %(component)s)
        AND (%(region)s::text IS NULL OR %(region)s IN (r.name, r.slug))))
ORDER BY greatest(i.starts_at - %(now)s, %(now)s - i.ends_at), i.id DESC
LIMIT %(at_most)s
