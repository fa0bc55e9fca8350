-- name: made
-- What a catalogue or the demo made. targets: how many ever stood for it; with one, it is kept.
SELECT
    c.id,
    s.name AS service,
    r.name AS region,
    c.type,
    c.origin,
    (SELECT count(*) FROM fleet.target AS t WHERE t.component_id = c.id) AS targets
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.origin = ANY (%(origins)s)
ORDER BY s.name, r.name NULLS FIRST, c.type NULLS FIRST

-- name: remove
DELETE FROM fleet.component WHERE id = ANY (%(ids)s::integer[])

-- name: remove_services
DELETE FROM fleet.service AS s
WHERE s.name = ANY (%(names)s::text[])
  AND NOT EXISTS (SELECT FROM fleet.component AS c WHERE c.service_id = s.id)

-- name: remove_regions
DELETE FROM fleet.region AS r
WHERE r.name = ANY (%(names)s::text[])
  AND NOT EXISTS (SELECT FROM fleet.component AS c WHERE c.region_id = r.id)
  AND NOT EXISTS (SELECT FROM fleet.cluster AS c WHERE c.region_id = r.id)
