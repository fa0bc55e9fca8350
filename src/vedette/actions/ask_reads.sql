-- name: watchers
-- A target and the agents that look at it; the likeliest to answer first.
SELECT
    t.id AS target_id, t.connector, a.id AS agent_id, coalesce(a.name, '') AS agent,
    s.disconnected_at IS NULL AND coalesce(s.heartbeat_at > %(silent_since)s, false) AS is_online,
    (
        SELECT count(*)
        FROM actions.ask AS c
        WHERE c.agent_id = a.id
          AND c.state IN ('ready', 'inflight')
          AND c.expires_at > %(now)s
    ) AS waiting
FROM fleet.target AS t
LEFT JOIN fleet.assignment AS x ON x.target_id = t.id
LEFT JOIN fleet.agent AS a ON a.id = x.agent_id AND a.revoked_at IS NULL
LEFT JOIN fleet.stream AS s ON s.agent_id = a.id
WHERE t.name = %(target)s
  AND t.retired_at IS NULL
ORDER BY is_online DESC, waiting, s.heartbeat_at DESC NULLS LAST, a.id;

-- name: asked_since
SELECT
    count(*) FILTER (WHERE asked_by = %(by)s) AS by_caller,
    count(*) FILTER (WHERE target_id = %(target_id)s) AS of_target
FROM actions.ask
WHERE asked_at > %(since)s
  AND (asked_by = %(by)s OR target_id = %(target_id)s);

-- name: ending
SELECT state, outcome, error_class, message, truncated, row_count, took_ms
FROM actions.ask
WHERE id = %(id)s;

-- name: parts_after
SELECT rows
FROM actions.ask_part
WHERE ask_id = %(id)s
  AND number > %(number)s
ORDER BY number;

-- name: agents_waited_for
-- Whom a server should look after when it may have missed a notification.
SELECT DISTINCT agent_id
FROM actions.ask
WHERE state = 'ready'
  AND expires_at > %(now)s
  AND agent_id = ANY(%(agents)s);
