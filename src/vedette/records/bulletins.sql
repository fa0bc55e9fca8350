-- name: hold
SELECT pg_advisory_xact_lock(%(number)s)

-- name: keep_withdrawn
UPDATE records.advisory AS a
SET withdrawn_at = CASE WHEN g.withdrawn THEN coalesce(a.withdrawn_at, %(now)s) END
FROM unnest(%(advisories)b::integer[], %(withdrawn)b::boolean[]) AS g (id, withdrawn)
WHERE a.id = g.id AND (a.withdrawn_at IS NOT NULL) <> g.withdrawn
