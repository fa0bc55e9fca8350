-- name: living_named
SELECT c.id, c.slug, s.name AS service, s.slug AS service_slug, r.name AS region, r.slug AS region_slug
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.retired_at IS NULL
ORDER BY c.id
