-- name: try_hold
SELECT pg_try_advisory_xact_lock(%(number)s)

-- name: hold
SELECT pg_advisory_xact_lock(%(number)s)

-- name: kept
SELECT digest, status, body
FROM access.repeated
WHERE actor = %(actor)s AND key = %(key)s AND at > %(since)s

-- name: keep
INSERT INTO access.repeated (actor, key, digest, status, body, at)
VALUES (%(actor)s, %(key)s, %(digest)s, %(status)s, %(body)s, %(now)s)
ON CONFLICT (actor, key) DO UPDATE
SET digest = excluded.digest, status = excluded.status, body = excluded.body, at = excluded.at

-- name: forget
DELETE FROM access.repeated WHERE at <= %(before)s
