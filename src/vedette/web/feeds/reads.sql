-- name: components
-- What everyone may know of every component now: its state if somebody looks at it, and the gravest that was told
-- of it; NULL: nothing was.
SELECT
    c.id,
    c.slug,
    s.name AS service,
    coalesce(r.name, '') AS region,
    coalesce(r.slug, '') AS region_slug,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(c.type, '') AS type,
    c.made_at,
    st.state::text AS state,
    greatest(st.since, t.since) AS since,
    t.impact
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
LEFT JOIN health.component_state AS st ON st.component_id = c.id
LEFT JOIN (
    SELECT component_id, max(impact) AS impact, max(from_at) AS since
    FROM incidents.span
    WHERE from_at <= %(now)s AND (to_at IS NULL OR to_at > %(now)s)
    GROUP BY component_id
) AS t ON t.component_id = c.id
WHERE c.retired_at IS NULL AND c.is_public
  AND (%(slug)s::text IS NULL OR c.slug = %(slug)s)
ORDER BY r.name NULLS LAST, coalesce(c.attributes ->> 'category', s.category, '') = '', category, s.name, type, c.id

-- name: events
-- What was told, the latest first: by its start, or by what was said last. components NULL: of anybody. With each
-- its public components, and its latest updates, the newest first, as arrays in the order of `Said`; a
-- maintenance's description stands in the maintenance itself.
WITH event AS MATERIALIZED (
    SELECT
        i.id, i.kind, i.title, i.description, i.impact, i.status, i.origin, i.starts_at, i.ends_at, i.is_open,
        i.published_at, i.revised_at, i.postmortem, i.postmortem_at, i.changed_at
    FROM incidents.published() AS i
    WHERE i.merged_into IS NULL
      AND i.kind = ANY (%(kinds)s)
      AND (%(is_open)s::boolean IS NULL OR i.is_open = %(is_open)s)
      AND (%(statuses)s::text[] IS NULL OR i.status = ANY (%(statuses)s))
      AND (%(components)s::integer[] IS NULL
           OR EXISTS (
               SELECT 1 FROM incidents.affected AS a
               WHERE a.incident_id = i.id AND a.component_id = ANY (%(components)s)))
    ORDER BY CASE WHEN %(by_start)s THEN i.starts_at ELSE i.changed_at END DESC, i.starts_at DESC, i.id DESC
    LIMIT %(limit)s
)
SELECT e.*, coalesce(u.said, '[]') AS said, coalesce(m.members, '{}') AS members
FROM event AS e
CROSS JOIN LATERAL (
    SELECT json_agg(
        json_build_array(l.incident_id, l.id, l.at, l.status, l.text, greatest(l.made_at, l.edited_at))
        ORDER BY l.at DESC, l.id DESC)::text AS said
    FROM (
        SELECT *
        FROM incidents.update
        WHERE incident_id = e.id AND NOT internal AND status <> 'description'
        ORDER BY at DESC, id DESC
        LIMIT %(updates)s
    ) AS l
) AS u
CROSS JOIN LATERAL (
    SELECT array_agg(DISTINCT c.id) AS members
    FROM incidents.affected AS a
    JOIN fleet.component AS c ON c.id = a.component_id
    WHERE a.incident_id = e.id AND c.is_public
) AS m
ORDER BY CASE WHEN %(by_start)s THEN e.starts_at ELSE e.changed_at END DESC, e.starts_at DESC, e.id DESC
