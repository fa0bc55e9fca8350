-- name: members
SELECT incident_id, component_id
FROM incidents.affected
WHERE incident_id = ANY (%(numbers)s) AND left_at IS NULL

-- name: titles
-- Who was the first of those who are in it, of those, if any, that everyone may know; how many they are, how grave
-- it is.
SELECT i.id, first.label, first.size, i.impact
FROM incidents.incident AS i
CROSS JOIN LATERAL (
    SELECT
        s.name || coalesce(
            ' (' || nullif(concat_ws(', ', coalesce(c.attributes ->> 'category', s.category), r.name, c.type), '') || ')',
            '') AS label,
        (count(*) OVER ())::int AS size
    FROM incidents.affected AS a
    JOIN fleet.component AS c ON c.id = a.component_id
    JOIN fleet.service AS s ON s.id = c.service_id
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    WHERE a.incident_id = i.id AND a.left_at IS NULL
    ORDER BY c.is_public DESC, a.id
    LIMIT 1
) AS first
WHERE i.id = ANY (%(numbers)s)

-- name: wait_no_longer
UPDATE incidents.incident SET publish_at = NULL WHERE id = %(number)s

-- name: begin_anew
-- A draft that nobody saw, once more from `at` on.
UPDATE incidents.incident SET starts_at = %(at)s, ends_at = NULL, publish_at = %(publish_at)s WHERE id = %(number)s

-- name: yield
-- A draft lets go of whom others tell of in public: people read about a component in one place.
UPDATE incidents.affected AS a
SET left_at = greatest(i.starts_at, a.joined_at)
FROM incidents.incident AS i
WHERE i.id = a.incident_id AND i.origin = 'automation' AND i.system AND i.is_open
  AND i.published_at IS NULL AND a.left_at IS NULL
  AND EXISTS (
      SELECT FROM incidents.affected AS elsewhere
      JOIN incidents.incident AS other ON other.id = elsewhere.incident_id
      WHERE elsewhere.component_id = a.component_id AND elsewhere.left_at IS NULL AND other.id <> i.id
        AND other.kind = 'incident' AND other.is_open AND other.published_at IS NOT NULL)
RETURNING a.incident_id

-- name: end_empty
-- Nobody is left in it.
UPDATE incidents.incident AS i
SET ends_at = greatest(i.starts_at, (SELECT max(a.left_at) FROM incidents.affected AS a WHERE a.incident_id = i.id)),
    status = 'resolved',
    publish_at = NULL
WHERE i.origin = 'automation' AND i.system AND i.is_open
  AND NOT EXISTS (SELECT FROM incidents.affected AS a WHERE a.incident_id = i.id AND a.left_at IS NULL)
RETURNING i.id
