-- name: elsewhere
-- Whether anything declared stands in these regions.
SELECT EXISTS (
    SELECT
    FROM fleet.component AS c
    JOIN fleet.region AS r ON r.id = c.region_id
    WHERE r.name = ANY (%(regions)s::text[]))

-- name: bear
-- They are as old as the past that is made up for them.
UPDATE fleet.component AS c
SET made_at = %(born_at)s
FROM fleet.service AS s
WHERE s.id = c.service_id AND c.origin = %(origin)s
RETURNING c.id, s.name
