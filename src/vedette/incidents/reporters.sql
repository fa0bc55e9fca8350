-- name: standing
-- Every published incident that is open, and every maintenance in progress, the oldest first, with who stands in it.
-- An incident that began later than our `now` counts, too: whoever waited for `hold` comes with an older time.
SELECT
    i.kind,
    i.id,
    i.impact,
    i.system,
    i.system AND i.origin = 'reporter' AS is_ours,
    coalesce(array_agg(a.component_id) FILTER (WHERE a.component_id IS NOT NULL), '{}') AS members,
    i.title
FROM incidents.incident AS i
LEFT JOIN incidents.affected AS a ON a.incident_id = i.id AND a.left_at IS NULL
WHERE i.is_open AND i.published_at IS NOT NULL
  AND (i.kind = 'incident' OR (i.kind = 'maintenance' AND i.starts_at <= %(now)s AND i.ends_at > %(now)s))
GROUP BY i.id
ORDER BY i.id
