-- name: incidents_v1
-- Each public incident as its first version lists it, the newest start first, and the components it affects or
-- did. ids: those alone, of private components, too: whoever posted one reads what became of it.
SELECT
    json_build_object(
        'id', i.id,
        'text', i.title,
        'impact', i.impact,
        'start_date', to_char(i.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        'end_date', to_char(i.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        'updates', coalesce(u.all_of_them, '[]')
    )::text AS document,
    coalesce(a.components, '{}') AS components
FROM incidents.incident AS i
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object(
            'status', CASE said.status WHEN 'analyzing' THEN 'analysing' ELSE said.status END,
            'text', said.text,
            'timestamp', to_char(said.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
        ORDER BY said.at, said.id) AS all_of_them
    FROM incidents.update AS said
    WHERE said.incident_id = i.id AND NOT said.internal
) AS u ON true
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT member.component_id) AS components
    FROM incidents.affected AS member
    WHERE member.incident_id = i.id
) AS a ON true
WHERE i.published_at IS NOT NULL AND i.kind <> 'info'
  AND CASE
      WHEN %(ids)s::integer[] IS NULL THEN i.id NOT IN (SELECT h.id FROM incidents.hidden() AS h)
      ELSE i.id = ANY (%(ids)s)
  END
ORDER BY i.starts_at DESC, i.id DESC

-- name: events
-- One page of the events, the newest start first, each as a JSON document; the total stands beside each.
-- private: also those that affect private components alone. limit NULL: all of them.
WITH chosen AS (
    SELECT i.id, i.starts_at
    FROM incidents.incident AS i
    WHERE i.published_at IS NOT NULL
      AND (%(private)s OR i.id NOT IN (SELECT h.id FROM incidents.hidden() AS h))
      AND (%(ids)s::integer[] IS NULL OR i.id = ANY (%(ids)s))
      AND (%(kinds)s::text[] IS NULL OR i.kind = ANY (%(kinds)s))
      AND (NOT %(active)s OR (i.is_open AND (i.kind = 'incident' OR i.starts_at <= %(now)s)))
      AND (%(status)s::text IS NULL OR i.status = %(status)s)
      AND (%(impact)s::smallint IS NULL OR i.impact = %(impact)s)
      AND (%(system)s::boolean IS NULL OR i.system = %(system)s)
      AND (%(since)s::timestamptz IS NULL OR i.starts_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR i.ends_at <= %(until)s)
      AND (%(components)s::integer[] IS NULL
           OR EXISTS (
               SELECT 1
               FROM incidents.affected AS a
               JOIN fleet.component AS c ON c.id = a.component_id
               WHERE a.incident_id = i.id AND a.component_id = ANY (%(components)s) AND c.is_public))
),
page AS (
    SELECT id, starts_at
    FROM chosen
    ORDER BY starts_at DESC, id DESC
    LIMIT %(limit)s OFFSET %(offset)s
)
SELECT
    (SELECT count(*) FROM chosen) AS total,
    json_strip_nulls(json_build_object(
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
    SELECT json_agg(
        json_build_object(
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
    SELECT json_agg(DISTINCT member.component_id) AS components
    FROM incidents.affected AS member
    JOIN fleet.component AS c ON c.id = member.component_id
    WHERE member.incident_id = i.id AND (member.left_at IS NULL OR NOT i.is_open) AND c.is_public
) AS a ON true
ORDER BY page.starts_at DESC, page.id DESC

-- name: outages
-- For how long each public component was told to be out in each of the windows between the bounds.
SELECT told.component_id, told.nth, told.outage_us
FROM incidents.told(NULL, %(bounds)s, %(now)s, false) AS told
JOIN fleet.component AS c ON c.id = told.component_id
WHERE c.is_public AND told.outage_us > 0
