-- What the public was told: published rows alone (incidents.published), never an internal note, an author, a draft's
-- number or a component that is not public.

-- name: stories
-- The incidents asked for, the newest first; NULL and "" ask for all. overlap: [since, until) as [starts_at, ends_at).
-- seek: only those before this start and number, where a page of the list ended.
SELECT
    i.id,
    i.kind,
    i.title,
    i.impact,
    i.status,
    i.starts_at,
    i.ends_at,
    i.is_open,
    i.revised_at,
    members.all_of_them::text AS members
FROM incidents.published() AS i
LEFT JOIN LATERAL (
    SELECT coalesce(json_agg(DISTINCT jsonb_build_object(
        'slug', c.slug,
        'service', s.name,
        'type', coalesce(c.type, ''),
        'region', coalesce(r.name, ''))), '[]') AS all_of_them
    FROM incidents.affected AS a
    JOIN fleet.component AS c ON c.id = a.component_id
    JOIN fleet.service AS s ON s.id = c.service_id
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    WHERE a.incident_id = i.id AND c.is_public
) AS members ON true
WHERE (NOT %(is_open)s OR i.is_open)
  AND (%(kind)s = '' OR i.kind = %(kind)s)
  AND (%(impact)s::smallint IS NULL OR i.impact = %(impact)s)
  AND (%(since)s::timestamptz IS NULL OR i.ends_at IS NULL OR i.ends_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR i.starts_at < %(until)s)
  AND (%(seek_at)s::timestamptz IS NULL OR (i.starts_at, i.id) < (%(seek_at)s, %(seek_id)s))
  AND ((%(region)s = '' AND %(component)s = '') OR EXISTS (
      SELECT 1
      FROM incidents.affected AS a
      JOIN fleet.component AS c ON c.id = a.component_id
      LEFT JOIN fleet.region AS r ON r.id = c.region_id
      WHERE a.incident_id = i.id AND c.is_public
        AND %(component)s IN ('', c.slug) AND %(region)s IN ('', r.name)))
  AND (%(words)s = '' OR strpos(lower(i.title || ' ' || i.description), lower(%(words)s)) > 0 OR EXISTS (
      SELECT 1
      FROM incidents.update AS u
      WHERE u.incident_id = i.id AND NOT u.internal AND strpos(lower(u.text), lower(%(words)s)) > 0))
ORDER BY i.starts_at DESC, i.id DESC
LIMIT %(limit)s

-- name: now
-- How fresh our own eyes are, and beside it what stands open or comes soon, with the newest that was said of it.
-- One row at least; the columns of a story are NULL when there is none.
WITH sight AS (
    SELECT
        (SELECT max(seen_at) FROM health.observation WHERE reported) AS seen_at,
        (SELECT ran_at FROM health.deadman) AS watched_at
)
SELECT
    sight.seen_at,
    sight.watched_at,
    i.id,
    i.kind,
    i.title,
    i.impact,
    i.status,
    i.starts_at,
    i.ends_at,
    said.at AS said_at,
    coalesce(nullif(said.text, ''), i.description) AS said,
    members.all_of_them::text AS members
FROM sight
LEFT JOIN incidents.published() AS i
    ON i.is_open AND (i.kind = 'incident' OR i.starts_at <= %(soon)s)
LEFT JOIN LATERAL (
    SELECT u.at, u.text
    FROM incidents.update AS u
    WHERE u.incident_id = i.id AND NOT u.internal
    ORDER BY u.at DESC, u.id DESC
    LIMIT 1
) AS said ON true
LEFT JOIN LATERAL (
    SELECT coalesce(json_agg(jsonb_build_object(
        'slug', c.slug,
        'service', s.name,
        'type', coalesce(c.type, ''),
        'region', coalesce(r.name, '')) ORDER BY a.id), '[]') AS all_of_them
    FROM incidents.affected AS a
    JOIN fleet.component AS c ON c.id = a.component_id
    JOIN fleet.service AS s ON s.id = c.service_id
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    WHERE a.incident_id = i.id AND a.left_at IS NULL AND c.is_public
) AS members ON true
ORDER BY i.impact DESC, i.starts_at, i.id

-- name: story
-- One incident; the one it went into is named only where that is public.
SELECT
    i.id,
    i.kind,
    i.title,
    i.description,
    i.impact,
    i.status,
    i.starts_at,
    i.ends_at,
    i.is_open,
    i.revised_at,
    heir.id AS merged_into,
    CASE WHEN i.postmortem_at IS NOT NULL THEN i.postmortem ELSE '' END AS postmortem,
    i.postmortem_at
FROM incidents.published() AS i
LEFT JOIN incidents.published() AS heir ON heir.id = i.merged_into
WHERE i.id = %(number)s

-- name: said
SELECT at, status, text, edited_at
FROM incidents.update
WHERE incident_id = %(number)s AND NOT internal
ORDER BY at DESC, id DESC

-- name: members
SELECT
    c.slug,
    s.name AS service,
    coalesce(c.type, '') AS type,
    coalesce(r.name, '') AS region,
    a.joined_at,
    a.left_at
FROM incidents.affected AS a
JOIN fleet.component AS c ON c.id = a.component_id
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE a.incident_id = %(number)s AND c.is_public
ORDER BY r.name NULLS LAST, s.name, c.type, a.id

-- name: component
-- One that is retired keeps its page: its past was told.
SELECT
    c.id,
    c.slug,
    s.name AS service,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(r.name, '') AS region,
    coalesce(c.type, '') AS type,
    coalesce(st.state, 'unknown')::text AS state,
    st.since,
    c.retired_at IS NOT NULL AS is_retired,
    c.published
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
LEFT JOIN health.component_state AS st ON st.component_id = c.id
WHERE c.slug = %(slug)s AND c.is_public

-- name: turns
-- The changes of one component's state since then, and the one before them; why they came is for operators.
(
    SELECT t.at, t.now::text AS state, t.id
    FROM health.transition AS t
    WHERE t.component_id = %(component_id)s AND t.at >= %(since)s
    ORDER BY t.at DESC, t.id DESC
    LIMIT %(limit)s
)
UNION ALL
(
    SELECT t.at, t.now::text, t.id
    FROM health.transition AS t
    WHERE t.component_id = %(component_id)s AND t.at < %(since)s
    ORDER BY t.at DESC, t.id DESC
    LIMIT 1
)
ORDER BY at, id

-- name: choices
-- What the history can be narrowed to.
SELECT c.slug, s.name AS service, coalesce(c.type, '') AS type, coalesce(r.name, '') AS region
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.retired_at IS NULL AND c.is_public
ORDER BY r.name NULLS LAST, s.name, c.type, c.id
