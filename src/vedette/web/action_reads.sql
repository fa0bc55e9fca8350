-- name: tally
SELECT state, count(*) AS actions
FROM actions.action
GROUP BY state;

-- name: listed
-- Those that wait for signatures first, then the newest.
SELECT
    a.id, a.state, a.name, a.target, a.modules, a.proposed_by, a.proposed_at, a.valid_from,
    a.expire_after, a.paused_at, a.incident_id,
    CASE WHEN octet_length(a.document) <= %(most_bytes)s THEN a.operations END AS operations,
    ARRAY(
        SELECT i.name
        FROM actions.signature AS s
        JOIN actions.investigator AS i ON i.id = s.investigator_id
        WHERE s.action_id = a.id
        ORDER BY s.number, i.id
    ) AS signers
FROM actions.action AS a
WHERE %(state)s = '' OR a.state = %(state)s
ORDER BY a.state = 'proposed' DESC, a.id DESC
OFFSET %(skip)s
LIMIT %(limit)s;

-- name: alike
-- Answers grouped by what they say: those that found something first, then the commonest. What is too long for a page
-- is left out of it.
SELECT
    told.commands, told.found, told.agents, r.size_bytes,
    CASE WHEN r.size_bytes <= %(most_bytes)s THEN r.answer::text END AS answer
FROM (
    SELECT
        r.alike, count(*) AS commands, coalesce(bool_or(c.found), false) AS found,
        min(c.id) AS first_id, (array_agg(a.name ORDER BY a.name))[1:%(names)s] AS agents
    FROM actions.command AS c
    JOIN actions.result AS r ON r.command_id = c.id
    JOIN fleet.agent AS a ON a.id = c.agent_id
    WHERE c.action_id = %(action_id)s
      AND c.outcome = 'success'
    GROUP BY r.alike
    ORDER BY coalesce(bool_or(c.found), false) DESC, count(*) DESC, min(c.id)
    LIMIT %(limit)s
) AS told
JOIN actions.result AS r ON r.command_id = told.first_id
ORDER BY told.found DESC, told.commands DESC, told.first_id;

-- name: kinds_of_answers
SELECT count(DISTINCT r.alike)
FROM actions.command AS c
JOIN actions.result AS r ON r.command_id = c.id
WHERE c.action_id = %(action_id)s
  AND c.outcome = 'success';

-- name: failures
-- What did not succeed, by why; one message stands for the others.
SELECT
    c.outcome, c.reason, count(*) AS commands, min(c.message) AS message,
    count(DISTINCT c.message) AS messages, (array_agg(a.name ORDER BY a.name))[1:%(names)s] AS agents
FROM actions.command AS c
JOIN fleet.agent AS a ON a.id = c.agent_id
WHERE c.action_id = %(action_id)s
  AND c.outcome <> 'success'
GROUP BY c.outcome, c.reason
ORDER BY count(*) DESC, c.outcome, c.reason
LIMIT %(limit)s;

-- name: away
-- Whom it waits for: offline was not asked yet, silent was and went away; of those in quarantine one that was not
-- asked gets no orders (quarantined), and one that was is not heard (unheard).
SELECT
    CASE
        WHEN a.quarantined_at IS NOT NULL THEN CASE c.state WHEN 'ready' THEN 'quarantined' ELSE 'unheard' END
        WHEN c.state = 'ready' THEN 'offline'
        ELSE 'silent'
    END AS standing, count(*) AS commands,
    (array_agg(a.name ORDER BY a.name))[1:%(names)s] AS agents
FROM actions.command AS c
JOIN fleet.agent AS a ON a.id = c.agent_id
LEFT JOIN fleet.stream AS s ON s.agent_id = c.agent_id
WHERE c.action_id = %(action_id)s
  AND c.state IN ('ready', 'inflight')
  AND (c.due_at < 'infinity' OR a.quarantined_at IS NOT NULL)
  AND (
      a.quarantined_at IS NOT NULL
      OR s.disconnected_at IS NOT NULL
      OR s.heartbeat_at IS NULL
      OR s.heartbeat_at < now() - interval '1 minute'
  )
GROUP BY 1
ORDER BY 1;

-- name: of_incident
SELECT id, name, state, paused_at
FROM actions.action
WHERE incident_id = %(incident)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: of_service
-- The newest actions that asked an agent which looks at something of this service.
SELECT a.id, a.name, a.state, a.paused_at
FROM (
    SELECT id, name, state, paused_at
    FROM actions.action
    ORDER BY id DESC
    LIMIT 100
) AS a
WHERE EXISTS (
    SELECT
    FROM fleet.component AS k
    JOIN fleet.target AS t ON t.component_id = k.id
    JOIN fleet.assignment AS x ON x.target_id = t.id
    JOIN actions.command AS c ON c.agent_id = x.agent_id AND c.action_id = a.id
    WHERE k.service_id = %(service)s
      AND t.retired_at IS NULL
)
ORDER BY a.id DESC
LIMIT %(limit)s;
