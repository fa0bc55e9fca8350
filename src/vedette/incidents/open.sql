-- name: living
SELECT id FROM fleet.component WHERE id = ANY (%(components)s) AND retired_at IS NULL

-- name: labels
SELECT
    s.name || coalesce(
        ' (' || nullif(concat_ws(', ', coalesce(c.attributes ->> 'category', s.category), r.name, c.type), '') || ')',
        '')
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.id = ANY (%(components)s)
ORDER BY c.id

-- name: title
SELECT title FROM incidents.incident WHERE id = %(number)s

-- name: elsewhere
-- Where else these stand now, and whether each of those incidents has nobody else.
SELECT
    a.incident_id,
    a.component_id,
    NOT EXISTS (
        SELECT 1
        FROM incidents.affected AS left_over
        WHERE left_over.incident_id = a.incident_id AND left_over.left_at IS NULL
          AND left_over.component_id <> ALL (%(components)s))
FROM incidents.affected AS a
JOIN incidents.incident AS i ON i.id = a.incident_id
WHERE a.component_id = ANY (%(components)s) AND a.left_at IS NULL
  AND i.id <> %(number)s AND i.kind = 'incident' AND i.is_open AND i.published_at IS NOT NULL
  AND (i.system OR NOT %(of_machines)s)
ORDER BY a.incident_id, a.id
