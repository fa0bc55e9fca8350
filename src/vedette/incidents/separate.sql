-- name: names
-- What a title calls them: the services of those that everyone may know, of all where there are none.
SELECT s.name
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
WHERE c.id = ANY (%(components)s)
  AND (c.is_public OR NOT EXISTS (
      SELECT 1 FROM fleet.component AS other WHERE other.id = ANY (%(components)s) AND other.is_public))
ORDER BY c.id

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
