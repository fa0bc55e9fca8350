-- name: claims
-- What the agent says of itself beside what `fleet.reads` knows.
SELECT modules, sandbox, bundle_version, mode
FROM fleet.agent
WHERE id = %(agent)s;

-- name: groups
-- The groups of the trust bundle in which the agent stands, each with what it asks of modules.
SELECT
    g.group_name AS name,
    ARRAY(
        SELECT m.module
        FROM actions.minimum AS m
        WHERE m.group_name = g.group_name
        ORDER BY m.module
    ) AS modules,
    ARRAY(
        SELECT m.weight
        FROM actions.minimum AS m
        WHERE m.group_name = g.group_name
        ORDER BY m.module
    ) AS weights
FROM (
    SELECT DISTINCT group_name
    FROM actions.group_member
    WHERE key IS NULL OR key = %(key)s
) AS g
ORDER BY g.group_name
LIMIT %(limit)s;

-- name: newest_bundle
SELECT max(version)
FROM actions.bundle;

-- name: asked
-- What actions asked of the agent, the newest first.
SELECT
    c.id, c.action_id, a.name, a.modules, c.state, c.outcome, c.reason, c.message, c.truncated,
    c.found, c.due_at = 'infinity' AS is_held, c.created_at, c.sent_at, c.took_ms
FROM actions.command AS c
JOIN actions.action AS a ON a.id = c.action_id
WHERE c.agent_id = %(agent)s
ORDER BY c.id DESC
LIMIT %(limit)s;

-- name: doubles
-- Agents with different keys on one endpoint, as `mig` finds them: none of them retired.
SELECT queueloc, array_agg(name ORDER BY id) AS agents
FROM fleet.agent
WHERE destroyed_at IS NULL
  AND revoked_at IS NULL
  AND queueloc <> ''
GROUP BY queueloc
HAVING count(DISTINCT key_fingerprint) > 1
ORDER BY queueloc
LIMIT %(limit)s;
