-- name: keep_loop
-- Counts are those of this server since it started, so a restart shows as a fall, like any counter.
INSERT INTO health.loop (server, name, runs, failures, last_success_at, last_error)
VALUES (%(server)s, %(name)s, %(runs)s, %(failures)s, %(last_success_at)s, %(last_error)s)
ON CONFLICT (server, name) DO UPDATE
SET runs = excluded.runs,
    failures = excluded.failures,
    last_success_at = excluded.last_success_at,
    last_error = excluded.last_error;

-- name: forget_loops
DELETE FROM health.loop
WHERE server = %(server)s;
