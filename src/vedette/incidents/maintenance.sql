-- name: forget_components
-- Of what has not begun nothing is to be remembered.
DELETE FROM incidents.affected
WHERE incident_id = %(number)s AND component_id = ANY (%(components)s)

-- name: due
-- What the clock has to do something about, the oldest first. A machine's draft waits while one of its
-- components stands in another open incident: people read about a component in one place.
SELECT i.id, i.published_at IS NULL AS is_draft
FROM incidents.incident AS i
WHERE i.is_open AND CASE
    WHEN i.published_at IS NULL THEN i.publish_at <= %(now)s AND NOT (
        i.system AND EXISTS (
            SELECT 1
            FROM incidents.affected AS mine
            JOIN incidents.affected AS theirs ON theirs.component_id = mine.component_id AND theirs.left_at IS NULL
            JOIN incidents.incident AS other ON other.id = theirs.incident_id
            WHERE mine.incident_id = i.id AND mine.left_at IS NULL AND other.id <> i.id
              AND other.kind = 'incident' AND other.is_open AND other.published_at IS NOT NULL))
    WHEN i.kind = 'incident' THEN false
    WHEN i.status = 'planned' THEN i.starts_at <= %(now)s
    ELSE i.ends_at <= %(now)s
END
ORDER BY i.starts_at, i.id
LIMIT 1

-- name: overlapping
-- Other maintenances of the same components at the same time; drafts: with those nobody has been told of.
SELECT DISTINCT other.id
FROM incidents.incident AS i
JOIN incidents.affected AS mine ON mine.incident_id = i.id AND mine.left_at IS NULL
JOIN incidents.affected AS theirs ON theirs.component_id = mine.component_id AND theirs.left_at IS NULL
JOIN incidents.incident AS other ON other.id = theirs.incident_id
WHERE i.id = %(number)s AND other.id <> i.id AND other.kind = 'maintenance' AND other.is_open
  AND other.starts_at < i.ends_at AND other.ends_at > i.starts_at
  AND (%(drafts)s OR other.published_at IS NOT NULL)
ORDER BY other.id
