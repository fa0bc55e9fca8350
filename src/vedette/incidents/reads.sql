-- name: incidents
SELECT
    id, kind, title, description, impact, status, origin, system, starts_at, ends_at, published_at,
    publish_at, revised_at, merged_into, series_id, occurrence_at, postmortem, postmortem_at, version,
    made_at, made_by, changed_at, is_open
FROM incidents.incident
WHERE id = ANY (%(ids)s)
ORDER BY starts_at DESC, id DESC

-- name: updates
-- The newest first; drafts of words (internal notes) only for those who may see them.
SELECT id, incident_id, at, status, text, internal, made_at, made_by, edited_at, edited_by
FROM incidents.update
WHERE incident_id = ANY (%(ids)s) AND (%(internal)s OR NOT internal)
ORDER BY incident_id, at DESC, id DESC

-- name: affected
SELECT
    a.incident_id,
    a.component_id,
    c.slug,
    s.name AS service,
    coalesce(r.name, '') AS region,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(c.type, '') AS type,
    a.joined_at,
    a.left_at
FROM incidents.affected AS a
JOIN fleet.component AS c ON c.id = a.component_id
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE a.incident_id = ANY (%(ids)s)
ORDER BY a.incident_id, a.id
