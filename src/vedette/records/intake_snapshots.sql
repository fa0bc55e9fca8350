-- name: find
SELECT id, token, kind, cluster_id, complete, opened_at, expires_at, closed_at, expired_at
FROM records.snapshot
WHERE token = %(token)s

-- name: cluster_called
SELECT name FROM fleet.cluster WHERE id = %(id)s

-- name: drop
WITH dropped AS (
    UPDATE records.snapshot
    SET expired_at = %(now)s
    WHERE token = %(token)s AND closed_at IS NULL AND expired_at IS NULL
    RETURNING id, kind
), emptied AS (
    DELETE FROM records.staged
    WHERE snapshot_id IN (SELECT id FROM dropped)
)
SELECT kind FROM dropped

-- name: make_months
SELECT records.make_months(%(first)s, %(last)s)

-- name: forget
DELETE FROM records.snapshot
WHERE expired_at < %(before)s
