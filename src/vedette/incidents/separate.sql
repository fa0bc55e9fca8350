-- name: weigh_alike
-- The new one was as grave as the old one at every time.
INSERT INTO incidents.gravity (incident_id, since, impact)
SELECT %(new)s, since, impact
FROM incidents.gravity
WHERE incident_id = %(number)s
ON CONFLICT (incident_id, since) DO UPDATE SET impact = excluded.impact

-- name: move_affected
-- With all their stays, so that no time counts in both.
UPDATE incidents.affected
SET incident_id = %(new)s
WHERE incident_id = %(number)s AND component_id = ANY (%(components)s)
