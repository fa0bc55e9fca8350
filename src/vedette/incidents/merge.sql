-- name: steps
-- How grave it was from when on, the first step being its start.
SELECT greatest(g.since, i.starts_at), g.impact
FROM incidents.gravity AS g
JOIN incidents.incident AS i ON i.id = g.incident_id
WHERE g.incident_id = %(number)s
ORDER BY g.since

-- name: stays
-- When each component was in any of these, stays that touch or overlap as one; a stay of no length only where
-- there is no other, so that who was named stays named.
WITH part AS (
    SELECT
        a.id,
        a.component_id,
        greatest(a.joined_at, i.starts_at) AS from_at,
        least(a.left_at, i.ends_at) AS to_at
    FROM incidents.affected AS a
    JOIN incidents.incident AS i ON i.id = a.incident_id
    WHERE i.id = ANY (%(ids)s)
),
member AS (
    SELECT
        component_id,
        min(id) AS nth,
        min(from_at) AS first_at,
        range_agg(tstzrange(from_at, greatest(from_at, to_at))) FILTER (WHERE to_at IS NOT NULL) AS ended,
        range_agg(tstzrange(from_at, NULL)) FILTER (WHERE to_at IS NULL) AS going_on
    FROM part
    GROUP BY component_id
)
SELECT m.component_id, coalesce(lower(stay), m.first_at), CASE WHEN stay IS NULL THEN m.first_at ELSE upper(stay) END
FROM member AS m
LEFT JOIN LATERAL unnest(coalesce(m.ended, '{}') + coalesce(m.going_on, '{}')) AS stay ON true
ORDER BY m.nth, 2

-- name: clear_affected
DELETE FROM incidents.affected WHERE incident_id = %(number)s

-- name: seat
INSERT INTO incidents.affected (incident_id, component_id, joined_at, left_at)
SELECT %(number)s, stay.component_id, stay.joined_at, stay.left_at
FROM unnest(%(components)s::integer[], %(joined)s::timestamptz[], %(left)s::timestamptz[])
    WITH ORDINALITY AS stay (component_id, joined_at, left_at, nth)
ORDER BY stay.nth

-- name: clear_gravity
DELETE FROM incidents.gravity WHERE incident_id = %(number)s

-- name: weigh_steps
INSERT INTO incidents.gravity (incident_id, since, impact)
SELECT %(number)s, step.since, step.impact
FROM unnest(%(sinces)s::timestamptz[], %(impacts)s::smallint[]) AS step (since, impact)

-- name: move_updates
UPDATE incidents.update SET incident_id = %(into)s WHERE incident_id = %(number)s
