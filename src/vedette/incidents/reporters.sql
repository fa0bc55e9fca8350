-- name: maintenances
-- Which of these components are under maintenance now, and under which: the oldest.
SELECT a.component_id, min(i.id)
FROM incidents.incident AS i
JOIN incidents.affected AS a ON a.incident_id = i.id
WHERE a.component_id = ANY (%(components)s) AND a.left_at IS NULL
  AND i.is_open AND i.kind = 'maintenance' AND i.published_at IS NOT NULL
  AND i.starts_at <= %(now)s AND i.ends_at > %(now)s
GROUP BY a.component_id

-- name: standing
-- One that began later than our `now` counts, too: whoever waited for `hold` comes with an older time.
SELECT
    i.id,
    i.impact,
    i.system,
    i.system AND i.origin = 'reporter' AS is_ours,
    coalesce(array_agg(a.component_id) FILTER (WHERE a.component_id IS NOT NULL), '{}') AS members,
    i.title
FROM incidents.incident AS i
LEFT JOIN incidents.affected AS a ON a.incident_id = i.id AND a.left_at IS NULL
WHERE i.is_open AND i.kind = 'incident' AND i.published_at IS NOT NULL
GROUP BY i.id
ORDER BY i.id
