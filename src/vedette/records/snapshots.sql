-- name: open
INSERT INTO records.snapshot (kind, cluster_id, complete, opened_at, opened_by, expires_at)
VALUES (%(kind)s, %(cluster)s, %(complete)s, %(now)s, %(by)s, %(expires)s)
RETURNING id, token, kind, cluster_id, complete, opened_at, expires_at, closed_at, expired_at

-- name: find
SELECT id, token, kind, cluster_id, complete, opened_at, expires_at, closed_at, expired_at
FROM records.snapshot
WHERE token = %(token)s

-- name: find_to_fill
-- Many may fill it at once, and none while it is closed.
SELECT id, token, kind, cluster_id, complete, opened_at, expires_at, closed_at, expired_at
FROM records.snapshot
WHERE token = %(token)s
FOR KEY SHARE

-- name: find_to_close
SELECT id, token, kind, cluster_id, complete, opened_at, expires_at, closed_at, expired_at
FROM records.snapshot
WHERE token = %(token)s
FOR UPDATE

-- name: stage
INSERT INTO records.staged (snapshot_id, cluster, records, document)
VALUES (%(snapshot)s, %(cluster)s, %(records)b, %(document)b)

-- name: staged
SELECT cluster, records, document
FROM records.staged
WHERE snapshot_id = %(snapshot)s
ORDER BY number

-- name: close
-- It is the latest of each cluster it named, unless one that was opened later was closed before; and the latest complete
-- one, unless a complete one was.
WITH closed AS (
    UPDATE records.snapshot
    SET closed_at = %(now)s
    WHERE id = %(snapshot)s
), emptied AS (
    DELETE FROM records.staged
    WHERE snapshot_id = %(snapshot)s
), told AS (
    SELECT pg_notify('vedette_records', %(kind)s)
)
INSERT INTO records.latest AS l (kind, cluster_id, snapshot_id, opened_at, complete_at)
SELECT %(kind)s, named.cluster_id, %(snapshot)s, %(opened)s, CASE WHEN s.complete THEN s.opened_at END
FROM unnest(%(clusters)s::integer[]) AS named (cluster_id)
CROSS JOIN told
JOIN records.snapshot AS s ON s.id = %(snapshot)s
ORDER BY cluster_id
ON CONFLICT (kind, cluster_id) DO UPDATE
SET snapshot_id = CASE WHEN l.opened_at <= excluded.opened_at THEN excluded.snapshot_id ELSE l.snapshot_id END,
    opened_at = greatest(excluded.opened_at, l.opened_at),
    complete_at = greatest(excluded.complete_at, l.complete_at)
WHERE l.opened_at <= excluded.opened_at OR excluded.complete_at > coalesce(l.complete_at, '-infinity')

-- name: expire
WITH expired AS (
    UPDATE records.snapshot
    SET expired_at = %(now)s
    WHERE closed_at IS NULL AND expired_at IS NULL AND expires_at <= %(now)s
    RETURNING id
), emptied AS (
    DELETE FROM records.staged
    WHERE snapshot_id IN (SELECT id FROM expired)
)
SELECT count(*) FROM expired
