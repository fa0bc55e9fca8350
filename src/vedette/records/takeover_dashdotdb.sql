-- name: make_months
SELECT records.make_months(%(first)s, %(last)s)

-- name: taken
SELECT token
FROM records.snapshot
WHERE token = ANY (%(tokens)s)

-- name: remember
-- A snapshot keeps the token it had there, so that it is taken once.
UPDATE records.snapshot
SET token = %(token)s
WHERE id = (
    SELECT max(id)
    FROM records.snapshot
    WHERE kind = %(kind)s AND opened_at = %(at)s)
