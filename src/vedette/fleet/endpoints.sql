-- name: offline
SELECT a.name, a.queueloc, a.hostname, a.os, a.version, s.heartbeat_at
FROM fleet.agent AS a
JOIN fleet.stream AS s ON s.agent_id = a.id
WHERE a.kind = 'agent'
  AND a.revoked_at IS NULL
  AND a.destroyed_at IS NULL
  AND s.heartbeat_at >= %(seen_from)s
  AND s.heartbeat_at < %(silent_from)s
ORDER BY s.heartbeat_at DESC, a.name
LIMIT %(limit)s;

-- name: doubles
SELECT d.queueloc, a.name, 'sha256:' || encode(a.key_fingerprint, 'hex') AS key, a.hostname, a.version, a.pid,
    a.started_at, s.heartbeat_at
FROM (
    SELECT a.queueloc, count(*) AS agents
    FROM fleet.agent AS a
    JOIN fleet.stream AS s ON s.agent_id = a.id
    WHERE a.kind = 'agent'
      AND a.queueloc <> ''
      AND a.revoked_at IS NULL
      AND a.destroyed_at IS NULL
      AND s.heartbeat_at >= %(alive_from)s
    GROUP BY a.queueloc
    HAVING count(DISTINCT a.key_fingerprint) > 1
    ORDER BY count(*) DESC, a.queueloc
    LIMIT %(limit)s
) AS d
JOIN fleet.agent AS a ON a.queueloc = d.queueloc
JOIN fleet.stream AS s ON s.agent_id = a.id
WHERE a.kind = 'agent'
  AND a.revoked_at IS NULL
  AND a.destroyed_at IS NULL
  AND s.heartbeat_at >= %(alive_from)s
ORDER BY d.agents DESC, d.queueloc, s.heartbeat_at DESC, a.name;
