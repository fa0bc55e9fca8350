-- name: unhandled
WITH oldest AS (
    SELECT id, component_id, was, now, at, recorded_at
    FROM health.transition
    WHERE handled_at IS NULL AND component_id IS NOT NULL
    ORDER BY id
    LIMIT %(at_most)s
),
first AS (
    SELECT DISTINCT ON (component_id) id, component_id, was, now, at, recorded_at
    FROM oldest
    ORDER BY component_id, id
)
SELECT id, component_id, was::text, now::text, at, recorded_at
FROM first
ORDER BY id

-- name: mark_handled
UPDATE health.transition SET handled_at = %(now)s WHERE id = ANY (%(ids)s)
