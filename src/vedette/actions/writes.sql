-- name: lock_bundles
-- Bundles come one after the other; so do decisions that hang on the newest one.
SELECT pg_advisory_xact_lock(%(lock)s);

-- name: try_lock
SELECT pg_try_advisory_xact_lock(%(lock)s);

-- name: add_bundle
INSERT INTO actions.bundle (
    version, fleet, document, signatures, roots, made_at, expires_at, pushed_at, pushed_by
)
VALUES (
    %(version)s, %(fleet)s, %(document)s, %(signatures)s, %(roots)s, %(made_at)s,
    %(expires_at)s, %(now)s, %(by)s
)
ON CONFLICT (version) DO UPDATE
SET signatures = EXCLUDED.signatures;

-- name: forget_members
DELETE FROM actions.group_member;

-- name: forget_minimums
DELETE FROM actions.minimum;

-- name: forget_weights
DELETE FROM actions.weight;

-- name: add_members
INSERT INTO actions.group_member (group_name, key)
SELECT g.name, CASE WHEN g.key = '*' THEN NULL ELSE decode(replace(g.key, 'sha256:', ''), 'hex') END
FROM unnest(%(groups)s::text[], %(keys)s::text[]) AS g (name, key)
ON CONFLICT DO NOTHING;

-- name: add_minimums
INSERT INTO actions.minimum (group_name, module, weight)
SELECT *
FROM unnest(%(groups)s::text[], %(modules)s::text[], %(weights)s::integer[]);

-- name: add_weights
INSERT INTO actions.weight (group_name, module, investigator, weight)
SELECT *
FROM unnest(
    %(groups)s::text[], %(modules)s::text[], %(investigators)s::text[], %(weights)s::integer[]
);

-- name: out_of_bundle
UPDATE actions.investigator
SET in_bundle = false,
    changed_at = %(now)s
WHERE in_bundle
  AND NOT fingerprint = ANY(%(fingerprints)s);

-- name: add_investigators
INSERT INTO actions.investigator (
    name, fingerprint, public_key, status, valid_from, valid_until, in_bundle, created_at, changed_at
)
SELECT
    g.name, g.fingerprint, g.public_key, g.status, g.valid_from, g.valid_until, true, %(now)s, %(now)s
FROM unnest(
    %(names)s::text[], %(fingerprints)s::text[], %(public_keys)s::text[], %(statuses)s::text[],
    %(begins)s::timestamptz[], %(ends)s::timestamptz[]
) AS g (name, fingerprint, public_key, status, valid_from, valid_until)
ON CONFLICT (fingerprint) DO UPDATE
SET name = EXCLUDED.name,
    public_key = EXCLUDED.public_key,
    status = EXCLUDED.status,
    valid_from = EXCLUDED.valid_from,
    valid_until = EXCLUDED.valid_until,
    in_bundle = true,
    changed_at = EXCLUDED.changed_at;

-- name: announce
-- The modules of these agents; what is known already is left alone, whoever announces it again.
INSERT INTO actions.module (name)
SELECT DISTINCT m.name
FROM fleet.agent AS a
CROSS JOIN LATERAL unnest(a.modules) AS m (name)
WHERE a.id = ANY(%(agents)s)
  AND m.name <> ''
  AND NOT EXISTS (SELECT FROM actions.module AS k WHERE k.name = m.name)
LIMIT 1000
ON CONFLICT DO NOTHING;

-- name: add_action
INSERT INTO actions.action (
    state, name, target, description, threat, operations, modules, reason, syntax_version,
    document, digest, valid_from, expire_after, proposed_by, proposed_at, updated_at,
    rate, at_once, most_agents, canary, most_failures, late, origin
)
VALUES (
    'proposed', %(name)s, %(target)s, %(description)s, %(threat)s, %(operations)s, %(modules)s,
    %(reason)s, %(syntax_version)s, %(document)s, %(digest)s, %(valid_from)s, %(expire_after)s,
    %(by)s, %(now)s, %(now)s, %(rate)s, %(at_once)s, %(most_agents)s, %(canary)s,
    %(most_failures)s, %(late)s, %(origin)s
)
ON CONFLICT (digest) DO NOTHING
RETURNING id;

-- name: add_signatures
INSERT INTO actions.signature (action_id, investigator_id, signature, number, added_at)
SELECT
    %(action_id)s, i.id, g.signature,
    (
        SELECT count(*)
        FROM actions.signature AS s
        WHERE s.action_id = %(action_id)s
    ) + g.number,
    %(now)s
FROM unnest(%(fingerprints)s::text[], %(signatures)s::text[]) WITH ORDINALITY
    AS g (fingerprint, signature, number)
JOIN actions.investigator AS i ON i.fingerprint = g.fingerprint
ON CONFLICT (action_id, investigator_id) DO NOTHING;

-- name: add_denial
INSERT INTO actions.denial (action_id, denied_by, reason, denied_at)
VALUES (%(id)s, %(by)s, %(reason)s, %(now)s)
ON CONFLICT (action_id, denied_by) DO UPDATE
SET reason = EXCLUDED.reason,
    denied_at = EXCLUDED.denied_at;

-- name: lock_action
SELECT id, state, document, valid_from, expire_after, late
FROM actions.action
WHERE id = %(id)s
FOR NO KEY UPDATE;

-- name: accept
-- Enough weight stands behind it; it begins when it begins to count.
UPDATE actions.action
SET state = 'new',
    updated_at = %(now)s
WHERE id = %(id)s
  AND state = 'proposed';

-- name: begin
UPDATE actions.action
SET state = 'inflight',
    started_at = %(now)s,
    matched_at = %(now)s,
    updated_at = %(now)s,
    bundle_version = %(bundle_version)s
WHERE id = %(id)s
  AND state = 'new';

-- name: keep_weight
INSERT INTO actions.weighed (
    action_id, module, group_name, weight, minimum, investigators, shares
)
VALUES (
    %(action_id)s, %(module)s, %(group)s, %(weight)s, %(minimum)s, %(investigators)s, %(shares)s
);

-- name: invalidate
UPDATE actions.action
SET state = 'invalid',
    why_invalid = %(why)s,
    finished_at = %(now)s,
    updated_at = %(now)s
WHERE id = %(id)s
  AND state IN ('proposed', 'new');

-- name: add_commands
-- One command an agent. Those above the canary or what may run at once are held back; a rate spreads the others.
WITH chosen AS (
    SELECT g.agent_id, g.number + have.commands AS number
    FROM unnest(%(agents)s::integer[]) WITH ORDINALITY AS g (agent_id, number)
    CROSS JOIN (
        SELECT count(*) AS commands
        FROM actions.command
        WHERE action_id = %(action_id)s
    ) AS have
)
INSERT INTO actions.command (action_id, agent_id, due_at, created_at)
SELECT
    a.id, chosen.agent_id,
    CASE
        WHEN a.canary_passed_at IS NULL AND chosen.number > a.canary THEN 'infinity'
        WHEN chosen.number > a.at_once THEN 'infinity'
        WHEN a.rate IS NULL THEN %(now)s
        ELSE %(now)s + (chosen.number - 1) / a.rate * interval '1 second'
    END,
    %(now)s
FROM chosen
JOIN actions.action AS a ON a.id = %(action_id)s
WHERE a.state = 'inflight'
  AND (a.most_agents IS NULL OR chosen.number <= a.most_agents)
ON CONFLICT (action_id, agent_id) DO NOTHING;

-- name: tell_agents
-- Whoever holds streams looks what is due: of these agents, or (empty) of all.
SELECT pg_notify('vedette_due', %(payload)s);

-- name: tell_action
-- Whoever shows this action looks again.
SELECT pg_notify('vedette_action', %(id)s::text);

-- name: tell_trust
SELECT pg_notify('vedette_trust', %(version)s::text);

-- name: plan_anew
-- In this transaction. One plan for any number of agents and commands takes a second where its own takes thirty
-- milliseconds (500 of 10,000 agents, from the eleventh time on).
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: take
-- Only the newest stream of an agent gets anything: an older one is a dead one.
WITH due AS (
    SELECT c.id, g.epoch
    FROM unnest(%(agents)s::integer[], %(epochs)s::bigint[]) AS g (agent_id, epoch)
    JOIN fleet.stream AS s ON s.agent_id = g.agent_id AND s.epoch = g.epoch
    JOIN actions.command AS c ON c.agent_id = g.agent_id
    JOIN actions.action AS a ON a.id = c.action_id
    JOIN fleet.agent AS whose ON whose.id = c.agent_id
    WHERE c.state = 'ready'
      AND whose.quarantined_at IS NULL
      AND c.due_at <= %(now)s
      AND a.state = 'inflight'
      AND a.paused_at IS NULL
      AND a.expire_after > %(now)s
    ORDER BY c.id
    LIMIT %(limit)s
    FOR UPDATE OF c SKIP LOCKED
)
UPDATE actions.command AS c
SET state = 'inflight',
    attempts = c.attempts + 1,
    epoch = due.epoch,
    sent_at = coalesce(c.sent_at, %(now)s)
FROM due
WHERE c.id = due.id
RETURNING c.id, c.action_id, c.agent_id;

-- name: take_again
-- What older streams took with them goes down the new ones; the agent knows what it has done of it.
WITH again AS (
    SELECT c.id, g.epoch
    FROM unnest(%(agents)s::integer[], %(epochs)s::bigint[]) AS g (agent_id, epoch)
    JOIN fleet.stream AS s ON s.agent_id = g.agent_id AND s.epoch = g.epoch
    JOIN actions.command AS c ON c.agent_id = g.agent_id
    JOIN fleet.agent AS whose ON whose.id = c.agent_id
    WHERE c.state = 'inflight'
      AND whose.quarantined_at IS NULL
      AND c.epoch < g.epoch
    ORDER BY c.id
    FOR UPDATE OF c SKIP LOCKED
)
UPDATE actions.command AS c
SET attempts = c.attempts + 1,
    epoch = again.epoch
FROM again
WHERE c.id = again.id
RETURNING c.id, c.action_id, c.agent_id;

-- name: settle
-- Only what this agent was asked and has not answered; what expired meanwhile is still better known than not.
UPDATE actions.command AS c
SET state = 'returned',
    outcome = g.outcome,
    reason = g.reason,
    message = g.message,
    truncated = g.truncated,
    found = g.found,
    took_ms = g.took_ms,
    epoch = coalesce(c.epoch, 0),
    returned_at = %(now)s,
    done_at = NULL
FROM unnest(
    %(ids)b::bigint[], %(agents)b::integer[], %(outcomes)b::text[], %(reasons)b::text[],
    %(messages)b::text[], %(truncated)b::boolean[], %(found)b::boolean[], %(took_ms)b::integer[]
) AS g (id, agent_id, outcome, reason, message, truncated, found, took_ms)
WHERE c.id = g.id
  AND c.agent_id = g.agent_id
  AND (c.state = 'inflight' OR (c.state = 'done' AND c.outcome = 'expired' AND c.sent_at IS NOT NULL))
RETURNING c.id, c.agent_id, c.action_id;

-- name: add_results
INSERT INTO actions.result (command_id, answer, alike, size_bytes, signature, stored_at)
SELECT g.id, g.answer::json, g.alike, octet_length(g.answer), g.signature, %(now)s
FROM unnest(%(ids)b::bigint[], %(answers)b::text[], %(alikes)b::bytea[], %(signatures)b::bytea[])
    AS g (id, answer, alike, signature)
ON CONFLICT (command_id) DO NOTHING;

-- name: count_returned
UPDATE actions.command
SET state = 'done',
    done_at = returned_at
WHERE state = 'returned'
RETURNING action_id;

-- name: touch
UPDATE actions.action
SET updated_at = %(now)s
WHERE id = ANY(%(ids)s);

-- name: expire_commands
UPDATE actions.command AS c
SET state = 'done',
    outcome = 'expired',
    message = CASE
        WHEN whose.quarantined_at IS NOT NULL THEN 'the agent was in quarantine until the action expired'
        WHEN c.due_at = 'infinity' THEN 'the action expired before it was this agent''s turn'
        WHEN c.sent_at IS NULL THEN 'the agent did not come before the action expired'
        ELSE 'the agent took the action, and no answer came before it expired'
    END,
    done_at = %(now)s
FROM actions.action AS a, fleet.agent AS whose
WHERE a.id = c.action_id
  AND whose.id = c.agent_id
  AND a.state = 'inflight'
  AND a.expire_after <= %(now)s
  AND c.state IN ('ready', 'inflight');

-- name: finish
-- It expired, or no agent may come any more and all have answered.
UPDATE actions.action AS a
SET state = 'done',
    finished_at = %(now)s,
    updated_at = %(now)s
WHERE a.state = 'inflight'
  AND (a.expire_after <= %(now)s OR NOT a.late)
  AND NOT EXISTS (
      SELECT
      FROM actions.command AS c
      WHERE c.action_id = a.id
        AND c.state <> 'done'
  )
RETURNING a.id;

-- name: release
-- As many as may be under way at once, and are held back now.
WITH room AS (
    SELECT a.id, a.rate, greatest(a.at_once - count(c.id) FILTER (WHERE c.due_at < 'infinity'), 0) AS places
    FROM actions.action AS a
    LEFT JOIN actions.command AS c ON c.action_id = a.id AND c.state IN ('ready', 'inflight')
    WHERE a.state = 'inflight'
      AND a.paused_at IS NULL
      AND a.at_once IS NOT NULL
      AND (a.canary IS NULL OR a.canary_passed_at IS NOT NULL)
    GROUP BY a.id
),
chosen AS (
    SELECT held.id, room.rate, held.number
    FROM room
    CROSS JOIN LATERAL (
        SELECT c.id, row_number() OVER (ORDER BY c.id) AS number
        FROM actions.command AS c
        WHERE c.action_id = room.id
          AND c.state = 'ready'
          AND c.due_at = 'infinity'
        ORDER BY c.id
        LIMIT room.places
    ) AS held
)
UPDATE actions.command AS c
SET due_at = %(now)s + coalesce((chosen.number - 1) / chosen.rate, 0) * interval '1 second'
FROM chosen
WHERE c.id = chosen.id;

-- name: pause_failing
-- Judged once as many have answered as could show that share, at least twenty.
WITH answered AS (
    SELECT
        a.id, count(*) AS answers,
        count(*) FILTER (WHERE c.outcome NOT IN ('success', 'cancelled')) AS failures
    FROM actions.action AS a
    JOIN actions.command AS c ON c.action_id = a.id AND c.state IN ('returned', 'done')
    WHERE a.state = 'inflight'
      AND a.paused_at IS NULL
      AND a.most_failures IS NOT NULL
    GROUP BY a.id
)
UPDATE actions.action AS a
SET paused_at = %(now)s,
    paused_why = format('%%s of %%s answers failed', n.failures, n.answers),
    updated_at = %(now)s
FROM answered AS n
WHERE a.id = n.id
  AND n.failures > a.most_failures * n.answers
  AND (n.answers >= 20 OR n.failures > a.most_failures * 20)
RETURNING a.id;

-- name: pause
UPDATE actions.action
SET paused_at = %(now)s,
    paused_why = %(why)s,
    updated_at = %(now)s
WHERE id = %(id)s
  AND state IN ('proposed', 'new', 'inflight')
  AND paused_at IS NULL;

-- name: resume
-- most_failures is judged by a person now: the same failures must not pause it again.
UPDATE actions.action
SET paused_at = NULL,
    paused_why = '',
    most_failures = CASE WHEN paused_why LIKE '%% answers failed' THEN NULL ELSE most_failures END,
    updated_at = %(now)s
WHERE id = %(id)s
  AND state IN ('proposed', 'new', 'inflight')
  AND paused_at IS NOT NULL;

-- name: pass_canary
UPDATE actions.action
SET canary_passed_at = %(now)s,
    updated_at = %(now)s
WHERE id = %(id)s
  AND state = 'inflight'
  AND canary IS NOT NULL
  AND canary_passed_at IS NULL;

-- name: release_all
-- After the canary: what no limit holds back any more. `release` sees to those of at_once.
UPDATE actions.command AS c
SET due_at = %(now)s + coalesce((held.number - 1) / a.rate, 0) * interval '1 second'
FROM actions.action AS a,
    (
        SELECT id, row_number() OVER (ORDER BY id) AS number
        FROM actions.command
        WHERE action_id = %(id)s
          AND state = 'ready'
          AND due_at = 'infinity'
    ) AS held
WHERE c.id = held.id
  AND a.id = c.action_id
  AND a.at_once IS NULL;

-- name: to_run_again
-- What never ran: refused for a reason that may be gone, cancelled, or never answered.
SELECT c.id
FROM actions.command AS c
JOIN actions.action AS a ON a.id = c.action_id
WHERE a.id = %(id)s
  AND a.state = 'inflight'
  AND a.expire_after > %(now)s
  AND c.state = 'done'
  AND c.outcome IN ('refused', 'cancelled', 'expired')
ORDER BY c.id
FOR UPDATE OF c;

-- name: run_again
-- Under a number of its own: under the old one the agent would say again what it said. What it has run it refuses.
UPDATE actions.command AS c
SET id = nextval(pg_get_serial_sequence('actions.command', 'id')),
    state = 'ready',
    outcome = NULL,
    reason = '',
    message = '',
    truncated = false,
    found = NULL,
    due_at = %(now)s,
    epoch = NULL,
    sent_at = NULL,
    returned_at = NULL,
    done_at = NULL
WHERE c.id = ANY(%(ids)s);

-- name: forget_results
DELETE FROM actions.result
WHERE command_id = ANY(%(ids)s);

-- name: cancel
UPDATE actions.action
SET state = CASE WHEN state = 'inflight' THEN 'done' ELSE 'invalid' END,
    why_invalid = CASE WHEN state = 'inflight' THEN '' ELSE 'it was cancelled by ' || %(by)s END,
    cancelled_at = %(now)s,
    cancelled_by = %(by)s,
    finished_at = %(now)s,
    updated_at = %(now)s
WHERE id = %(id)s
  AND state IN ('proposed', 'new', 'inflight')
RETURNING id;

-- name: cancel_commands
-- Returns whom somebody must tell: agents that may be running it now.
WITH open AS (
    SELECT id, agent_id, state
    FROM actions.command
    WHERE action_id = %(id)s
      AND state IN ('ready', 'inflight')
    ORDER BY id
    FOR UPDATE
),
cancelled AS (
    UPDATE actions.command AS c
    SET state = 'done',
        outcome = 'cancelled',
        message = 'the action was cancelled',
        done_at = %(now)s
    FROM open
    WHERE c.id = open.id
)
SELECT count(*)
FROM open;
