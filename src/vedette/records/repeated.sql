-- name: recall
-- What is asked for is kept for longer.
UPDATE records.applied
SET used_at = greatest(used_at, %(now)s)
WHERE key = %(key)s
RETURNING said

-- name: remember
INSERT INTO records.applied (key, said, used_at)
VALUES (%(key)s, %(said)s, %(now)s)
ON CONFLICT (key) DO UPDATE
SET said = excluded.said, used_at = excluded.used_at

-- name: forget
DELETE FROM records.applied
WHERE used_at < %(before)s
