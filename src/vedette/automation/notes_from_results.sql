-- name: try_lock
SELECT pg_try_advisory_xact_lock(%(lock)s);

-- name: due
-- Actions that were launched for an incident, and of which its notes do not say how they stand. What is over is told
-- at once, what goes on at most once in `every`.
WITH counted AS (
    SELECT
        a.id, a.incident_id, a.state, a.name, a.why_invalid, a.noted, a.noted_at,
        jsonb_build_object('state', a.state) || coalesce(
            (
                SELECT jsonb_object_agg(c.outcome, c.commands)
                FROM (
                    SELECT coalesce(outcome, 'open') AS outcome, count(*) AS commands
                    FROM actions.command
                    WHERE action_id = a.id
                    GROUP BY 1
                ) AS c
            ),
            '{}'
        ) AS stands,
        (
            SELECT count(*)
            FROM actions.command
            WHERE action_id = a.id
              AND found
        ) AS found
    FROM actions.action AS a
    WHERE a.incident_id IS NOT NULL
      AND a.state IN ('inflight', 'done', 'invalid')
      AND (a.state = 'inflight' OR a.noted ->> 'state' IS DISTINCT FROM a.state)
)
SELECT id, incident_id AS incident, state, name, why_invalid, stands, found
FROM counted
WHERE noted IS DISTINCT FROM stands
  AND (state <> 'inflight' OR noted_at IS NULL OR noted_at <= %(now)s - %(every)s::interval)
ORDER BY id;

-- name: noted
UPDATE actions.action
SET noted = %(stands)s,
    noted_at = %(now)s
WHERE id = %(id)s;
