-- Whom an operator may choose, also what the public does not know.

-- name: living
SELECT
    c.slug,
    s.name AS service,
    coalesce(c.type, '') AS type,
    coalesce(r.name, '') AS region,
    coalesce(r.slug, '') AS region_slug,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    c.is_public
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.retired_at IS NULL
ORDER BY r.name NULLS LAST, category, s.name, c.id
