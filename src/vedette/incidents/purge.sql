-- name: of_components
-- Incidents of these components and of nobody else. What another one was merged into stays with it.
WITH RECURSIVE alone AS (
    SELECT a.incident_id AS id
    FROM incidents.affected AS a
    GROUP BY a.incident_id
    HAVING bool_and(a.component_id = ANY (%(components)s::integer[]))
),
kept AS (
    SELECT i.merged_into AS id
    FROM incidents.incident AS i
    WHERE i.merged_into IS NOT NULL AND i.id NOT IN (SELECT id FROM alone)
    UNION
    SELECT i.merged_into
    FROM kept
    JOIN incidents.incident AS i ON i.id = kept.id
    WHERE i.merged_into IS NOT NULL
)
SELECT i.id, i.kind, i.title, i.starts_at
FROM incidents.incident AS i
JOIN alone ON alone.id = i.id
WHERE i.id NOT IN (SELECT id FROM kept WHERE id IS NOT NULL)
ORDER BY i.id

-- name: others
-- Incidents that lose some of whom they affect, and go on.
SELECT DISTINCT a.incident_id
FROM incidents.affected AS a
WHERE a.component_id = ANY (%(components)s::integer[])
  AND a.incident_id <> ALL (%(ids)s::integer[])

-- name: remove
DELETE FROM incidents.incident WHERE id = ANY (%(ids)s::integer[])

-- name: leave
DELETE FROM incidents.affected WHERE component_id = ANY (%(components)s::integer[])

-- name: thin_series
-- A series goes on for the others.
UPDATE incidents.series AS s
SET components = ARRAY(
        SELECT c FROM unnest(s.components) AS c WHERE c <> ALL (%(components)s::integer[])),
    version = version + 1
WHERE s.components && %(components)s::integer[]
  AND NOT s.components <@ %(components)s::integer[]

-- name: remove_series
DELETE FROM incidents.series AS s
WHERE s.components <@ %(components)s::integer[]
  AND NOT EXISTS (SELECT FROM incidents.incident AS i WHERE i.series_id = s.id)
