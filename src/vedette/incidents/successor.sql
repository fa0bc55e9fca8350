-- name: component_by_region
-- The first component of that service one of whose attributes has this value: its predecessor's clients send
-- the region, and only that value is compared.
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
WHERE s.name = %(service)s AND c.retired_at IS NULL
  AND (r.name = %(region)s
       OR EXISTS (SELECT 1 FROM jsonb_each_text(c.attributes) AS a WHERE a.value = %(region)s))
ORDER BY c.id
LIMIT 1

-- name: events
-- One page of the public events, the newest start first, each as a JSON document.
WITH chosen AS (
    SELECT i.id, i.starts_at
    FROM incidents.incident AS i
    WHERE i.published_at IS NOT NULL
      AND (%(ids)s::integer[] IS NULL OR i.id = ANY (%(ids)s))
      AND (%(kinds)s::text[] IS NULL OR i.kind = ANY (%(kinds)s))
      AND (NOT %(active)s OR (i.is_open AND i.starts_at <= %(now)s))
      AND (%(status)s::text IS NULL OR i.status = %(status)s)
      AND (%(impact)s::smallint IS NULL OR i.impact = %(impact)s)
      AND (%(system)s::boolean IS NULL OR i.system = %(system)s)
      AND (%(until)s::timestamptz IS NULL OR i.starts_at <= %(until)s)
      AND (%(since)s::timestamptz IS NULL OR coalesce(i.ends_at, 'infinity') >= %(since)s)
      AND (%(components)s::integer[] IS NULL
           OR EXISTS (
               SELECT 1 FROM incidents.affected AS a
               WHERE a.incident_id = i.id AND a.component_id = ANY (%(components)s)))
),
page AS (
    SELECT id, starts_at, count(*) OVER () AS total
    FROM chosen
    ORDER BY starts_at DESC, id DESC
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT
    page.total,
    jsonb_strip_nulls(jsonb_build_object(
        'id', i.id,
        'title', i.title,
        'description', nullif(i.description, ''),
        'impact', i.impact,
        'components', coalesce(a.components, '[]'),
        'start_date', to_char(i.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'end_date', to_char(i.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'system', i.system,
        'type', i.kind,
        'updates', coalesce(u.all_of_them, '[]'),
        'status', CASE i.status WHEN 'analyzing' THEN 'analysing' ELSE i.status END
    ))::text AS document
FROM page
JOIN incidents.incident AS i ON i.id = page.id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(
        jsonb_build_object(
            'id', said.nth,
            'status', CASE said.status WHEN 'analyzing' THEN 'analysing' ELSE said.status END,
            'text', said.text,
            'timestamp', to_char(said.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
        ORDER BY said.nth) AS all_of_them
    FROM (
        SELECT status, text, at, row_number() OVER (ORDER BY at, id) - 1 AS nth
        FROM incidents.update
        WHERE incident_id = i.id AND NOT internal
    ) AS said
) AS u ON true
LEFT JOIN LATERAL (
    SELECT jsonb_agg(DISTINCT member.component_id) AS components
    FROM incidents.affected AS member
    WHERE member.incident_id = i.id AND (member.left_at IS NULL OR NOT i.is_open)
) AS a ON true
ORDER BY page.starts_at DESC, page.id DESC
