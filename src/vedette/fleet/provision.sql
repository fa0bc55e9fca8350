-- name: known
SELECT
    c.id,
    s.name AS service,
    r.name AS region,
    c.type,
    c.attributes,
    c.origin,
    c.retired_at IS NULL AS lives,
    EXISTS (SELECT FROM fleet.target AS t WHERE t.component_id = c.id AND t.retired_at IS NULL) AS watched
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
ORDER BY s.name, r.name NULLS FIRST, c.type NULLS FIRST

-- name: rename
-- The slug stays, and with it every link to the component's page.
UPDATE fleet.component AS c
SET service_id = s.id
FROM unnest(%(ids)s::integer[], %(names)s::text[]) AS given (id, name)
JOIN fleet.service AS s ON s.name = given.name
WHERE c.id = given.id

-- name: retire
UPDATE fleet.component
SET retired_at = %(now)s
WHERE id = ANY (%(ids)s)

-- name: drop_empty_services
DELETE FROM fleet.service AS s
WHERE NOT EXISTS (SELECT FROM fleet.component AS c WHERE c.service_id = s.id)
  AND s.name = ANY (%(names)s::text[])
