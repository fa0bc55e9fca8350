-- name: named
-- Of each of these names the first component of that service, in the order they were made, that has all of the
-- attributes.
SELECT DISTINCT ON (asked.nth)
    asked.nth::integer,
    c.id,
    s.name AS service,
    coalesce(r.name, '') AS region,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(c.type, '') AS type,
    c.attributes
FROM unnest(%(services)s::text[], %(attributes)s::text[]) WITH ORDINALITY AS asked (service, attributes, nth)
JOIN fleet.service AS s ON s.name = asked.service
JOIN fleet.component AS c ON c.service_id = s.id AND c.retired_at IS NULL
LEFT JOIN fleet.region AS r ON r.id = c.region_id
CROSS JOIN LATERAL (
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'region', r.name, 'category', s.category)) || c.attributes AS all_of_them
) AS a
WHERE a.all_of_them @> asked.attributes::jsonb
ORDER BY asked.nth, c.id

-- name: in_region
-- The successor compares the value of `region` alone, and with that of any attribute.
SELECT DISTINCT ON (asked.nth)
    asked.nth::integer,
    c.id,
    s.name AS service,
    coalesce(r.name, '') AS region,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(c.type, '') AS type,
    c.attributes
FROM unnest(%(services)s::text[], %(regions)s::text[]) WITH ORDINALITY AS asked (service, region, nth)
JOIN fleet.service AS s ON s.name = asked.service
JOIN fleet.component AS c ON c.service_id = s.id AND c.retired_at IS NULL
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE asked.region IN (r.name, s.category)
   OR EXISTS (SELECT FROM jsonb_each_text(c.attributes) AS a WHERE a.value = asked.region)
ORDER BY asked.nth, c.id

-- name: components
-- All that everyone may know, or those of these ids, in the order they were made.
SELECT
    c.id,
    s.name AS service,
    coalesce(r.name, '') AS region,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(c.type, '') AS type,
    c.attributes
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.retired_at IS NULL
  AND CASE WHEN %(ids)s::integer[] IS NULL THEN c.is_public ELSE c.id = ANY (%(ids)s) END
ORDER BY c.id
