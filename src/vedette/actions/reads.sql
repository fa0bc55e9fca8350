-- name: newest_bundle
SELECT version, document, signatures, roots, pushed_at, pushed_by
FROM actions.bundle
ORDER BY version DESC
LIMIT 1;

-- name: groups_of
-- Agents by the groups they stand in: few combinations, however many agents.
SELECT m.groups, array_agg(m.id ORDER BY m.place) AS agents
FROM (
    SELECT
        a.id, g.place,
        ARRAY(
            SELECT DISTINCT x.group_name
            FROM actions.group_member AS x
            WHERE x.key = a.key_fingerprint OR x.key IS NULL
            ORDER BY 1
        ) AS groups
    FROM unnest(%(agents)s::integer[]) WITH ORDINALITY AS g (id, place)
    JOIN fleet.agent AS a ON a.id = g.id
) AS m
GROUP BY m.groups;

-- name: signatures_of
SELECT s.signature
FROM actions.signature AS s
WHERE s.action_id = %(id)s
ORDER BY s.number, s.investigator_id;

-- name: known_keys
-- Keys of those whom the newest bundle does not name, as MIG's tables hold them: their signatures may be kept,
-- and weigh nothing.
SELECT public_key
FROM actions.investigator
WHERE public_key IS NOT NULL
  AND NOT in_bundle;

-- name: action_of_digest
SELECT id
FROM actions.action
WHERE digest = %(digest)s;

-- name: orders
SELECT
    a.id, a.document,
    ARRAY(
        SELECT s.signature
        FROM actions.signature AS s
        WHERE s.action_id = a.id
        ORDER BY s.number, s.investigator_id
    ) AS signatures
FROM actions.action AS a
WHERE a.id = ANY(%(ids)s);

-- name: to_begin
SELECT id
FROM actions.action
WHERE state = 'new'
  AND valid_from <= %(now)s
  AND expire_after > %(now)s
  AND paused_at IS NULL
ORDER BY id;

-- name: to_give_up
-- Nobody signed it in time, or no server was there while it counted.
SELECT id, state, document
FROM actions.action
WHERE state IN ('proposed', 'new')
  AND expire_after <= %(now)s
ORDER BY id
FOR UPDATE;

-- name: to_match_again
-- Whatever takes late agents in; of these agents or all.
SELECT id, target
FROM actions.action
WHERE state = 'inflight'
  AND late
  AND expire_after > %(now)s
ORDER BY id;

-- name: without_command
SELECT g.id
FROM unnest(%(agents)s::integer[]) WITH ORDINALITY AS g (id, place)
WHERE NOT EXISTS (
    SELECT
    FROM actions.command AS c
    WHERE c.action_id = %(action_id)s
      AND c.agent_id = g.id
)
ORDER BY g.place;

-- name: agents_due
-- Whom a server should look after: those of its agents for whom something became due since it looked last.
SELECT DISTINCT agent_id
FROM actions.command
WHERE state = 'ready'
  AND due_at > %(since)s
  AND due_at <= %(now)s
  AND agent_id = ANY(%(agents)s);

-- name: cancelled_of
-- Commands of a cancelled action that may still run on these agents.
SELECT id, agent_id
FROM actions.command
WHERE action_id = %(action_id)s
  AND outcome = 'cancelled'
  AND sent_at IS NOT NULL
  AND agent_id = ANY(%(agents)s);

-- name: unasked
-- Of these answers those that their agent was never asked for; saying an answer again is no fault of it.
SELECT DISTINCT g.id, g.agent_id
FROM unnest(%(ids)s::bigint[], %(agents)s::integer[]) AS g (id, agent_id)
WHERE NOT EXISTS (
    SELECT
    FROM actions.command AS c
    WHERE c.id = g.id
      AND c.agent_id = g.agent_id
      AND c.sent_at IS NOT NULL
);

-- name: waiting
SELECT id, state, document, valid_from, expire_after, late
FROM actions.action
WHERE id = %(id)s;

-- name: standing
SELECT
    a.id, a.state, a.valid_from, a.expire_after,
    (
        SELECT count(*)
        FROM actions.command AS c
        WHERE c.action_id = a.id
    ) AS agents
FROM actions.action AS a
WHERE a.id = %(id)s;

-- name: weighed
-- What stood behind an action when it was launched.
SELECT module, group_name, weight, minimum, investigators, shares
FROM actions.weighed
WHERE action_id = %(id)s
ORDER BY module, group_name;

-- name: actions
-- Newest first; `before` is where the page before this one ended.
SELECT
    a.id, a.state, a.name, a.target, a.modules, a.reason, a.syntax_version, a.valid_from,
    a.expire_after, a.proposed_by, a.proposed_at, a.started_at, a.finished_at, a.updated_at,
    a.why_invalid, a.cancelled_by, a.paused_at, a.paused_why, a.canary, a.canary_passed_at,
    a.rate, a.at_once, a.most_agents, a.most_failures, a.late, a.origin, a.description, a.threat,
    a.operations, a.incident_id, a.bundle_version
FROM actions.action AS a
WHERE (%(id)s::bigint IS NULL OR a.id = %(id)s)
  AND (%(before)s::bigint IS NULL OR a.id < %(before)s)
  AND (%(states)s::text[] IS NULL OR a.state = ANY(%(states)s))
  AND (%(name)s::text IS NULL OR a.name ILIKE %(name)s)
ORDER BY a.id DESC
LIMIT %(limit)s;

-- name: counts
-- What the commands of these actions are doing, in the words of `command_standing`.
SELECT action_id, shown, count(*) AS commands
FROM (
    SELECT
        c.action_id,
        CASE
            WHEN c.state IN ('returned', 'done') THEN c.outcome
            WHEN q.id IS NOT NULL THEN CASE c.state WHEN 'ready' THEN 'quarantined' ELSE 'unheard' END
            WHEN c.due_at = 'infinity' THEN 'held'
            WHEN s.disconnected_at IS NOT NULL OR s.heartbeat_at IS NULL
                OR s.heartbeat_at < now() - interval '1 minute'
            THEN CASE c.state WHEN 'ready' THEN 'offline' ELSE 'silent' END
            WHEN c.state = 'ready' THEN 'waiting'
            ELSE 'running'
        END AS shown
    FROM actions.command AS c
    LEFT JOIN fleet.stream AS s ON s.agent_id = c.agent_id AND c.state IN ('ready', 'inflight')
    LEFT JOIN fleet.agent AS q ON q.id = c.agent_id AND q.quarantined_at IS NOT NULL
    WHERE c.action_id = ANY(%(ids)s)
) AS told
GROUP BY action_id, shown;

-- name: commands
SELECT
    c.id, c.action_id, c.agent_id, a.name AS agent, c.state, c.outcome, c.reason, c.message,
    c.truncated, c.found, c.due_at = 'infinity' AS is_held,
    a.quarantined_at IS NOT NULL AS is_quarantined,
    nullif(c.due_at, 'infinity') AS due_at, c.sent_at, c.returned_at, c.done_at, c.took_ms,
    coalesce(
        s.disconnected_at IS NULL AND s.heartbeat_at > now() - interval '1 minute', false
    ) AS is_online
FROM actions.command AS c
JOIN fleet.agent AS a ON a.id = c.agent_id
LEFT JOIN fleet.stream AS s ON s.agent_id = c.agent_id
WHERE (%(action_id)s::bigint IS NULL OR c.action_id = %(action_id)s)
  AND (%(agent)s::text IS NULL OR a.name = %(agent)s)
  AND (%(id)s::bigint IS NULL OR c.id = %(id)s)
  AND (%(outcomes)s::text[] IS NULL OR coalesce(c.outcome, c.state) = ANY(%(outcomes)s))
  AND (%(found)s::boolean IS NULL OR c.found = %(found)s)
  AND c.id > %(after)s
ORDER BY c.id
LIMIT %(limit)s;

-- name: results
-- In the order in which they were stored, so that who follows misses none; as many as are not too much together.
SELECT
    c.id, a.name AS agent, encode(a.key_fingerprint, 'hex') AS agent_key, c.outcome, c.reason,
    c.message, c.truncated, c.found, c.took_ms, r.stored_at, r.answer::text AS answer,
    r.signature, a.public_key
FROM (
    SELECT
        page.command_id,
        sum(page.size_bytes) OVER (ORDER BY page.stored_at, page.command_id) AS so_far_bytes,
        page.size_bytes
    FROM (
        SELECT o.command_id, o.stored_at, o.size_bytes
        FROM actions.result AS o
        JOIN actions.command AS k ON k.id = o.command_id
        WHERE k.action_id = %(action_id)s
          AND (%(found)s::boolean IS NULL OR k.found = %(found)s)
          AND (o.stored_at, o.command_id) > (%(after_at)s, %(after_id)s)
        ORDER BY o.stored_at, o.command_id
        LIMIT %(limit)s
    ) AS page
) AS piece
JOIN actions.result AS r ON r.command_id = piece.command_id
JOIN actions.command AS c ON c.id = r.command_id
JOIN fleet.agent AS a ON a.id = c.agent_id
WHERE piece.so_far_bytes <= greatest(%(most_bytes)s, piece.size_bytes)
ORDER BY r.stored_at, r.command_id;

-- name: alike
-- Answers grouped by what they say, the commonest first; one of each stands for the others.
SELECT
    encode(told.alike, 'hex') AS alike, told.commands, told.outcome, told.reason, told.message,
    told.found, told.agents, r.answer::text AS answer
FROM (
    SELECT
        r.alike, count(*) AS commands, min(c.outcome) AS outcome, min(c.reason) AS reason,
        min(c.message) AS message, bool_or(c.found) AS found, min(c.id) AS first_id,
        (array_agg(a.name ORDER BY a.name))[1:%(names)s] AS agents
    FROM actions.command AS c
    JOIN actions.result AS r ON r.command_id = c.id
    JOIN fleet.agent AS a ON a.id = c.agent_id
    WHERE c.action_id = %(action_id)s
    GROUP BY r.alike
    ORDER BY count(*) DESC, min(c.id)
    LIMIT %(limit)s
) AS told
JOIN actions.result AS r ON r.command_id = told.first_id
ORDER BY told.commands DESC, told.first_id;

-- name: signers
SELECT i.name, i.fingerprint, i.status, i.in_bundle, s.signature, s.added_at AS signed_at
FROM actions.signature AS s
JOIN actions.investigator AS i ON i.id = s.investigator_id
WHERE s.action_id = %(id)s
ORDER BY s.number, i.id;

-- name: denials
SELECT denied_by AS by, reason, denied_at AS at
FROM actions.denial
WHERE action_id = %(id)s
ORDER BY denied_at;
