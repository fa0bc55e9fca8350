-- name: hold
-- Whoever asks waits here for its own other asks, so that counting them is true.
SELECT pg_advisory_xact_lock(%(lock)s);

-- name: add
INSERT INTO actions.ask (
    agent_id, target_id, name, parameters, columns, asked_by, asked_at, expires_at
)
VALUES (
    %(agent_id)s, %(target_id)s, %(name)s, %(parameters)s, %(columns)s,
    %(by)s, %(now)s, %(expires_at)s
)
RETURNING id;

-- name: tell_holder
SELECT pg_notify('vedette_command', %(payload)s);

-- name: tell_asker
SELECT pg_notify('vedette_answer', %(id)s::text);

-- name: take
-- Only the newest stream of the agent gets anything: an older one is a dead one.
WITH due AS (
    SELECT c.id, s.run_id
    FROM actions.ask AS c
    JOIN fleet.stream AS s ON s.agent_id = c.agent_id
    WHERE c.agent_id = %(agent_id)s
      AND s.epoch = %(epoch)s
      AND c.state = 'ready'
      AND c.expires_at > %(now)s
    ORDER BY c.id
    LIMIT %(limit)s
    FOR UPDATE OF c SKIP LOCKED
)
UPDATE actions.ask AS c
SET state = 'inflight',
    attempts = c.attempts + 1,
    epoch = %(epoch)s,
    run_id = due.run_id,
    sent_at = %(now)s
FROM due
WHERE c.id = due.id
RETURNING c.id, c.name, c.target_id, c.parameters, c.columns, c.expires_at;

-- name: give_up_the_broken
-- Parts came, and the agent has restarted since: what it would say now does not fit them.
UPDATE actions.ask AS c
SET state = 'returned',
    outcome = 'lost',
    message = 'the agent restarted in the middle of its answer',
    returned_at = %(now)s
FROM fleet.stream AS s
WHERE s.agent_id = c.agent_id
  AND c.agent_id = %(agent_id)s
  AND c.state = 'inflight'
  AND c.epoch < s.epoch
  AND c.parts > 0
  AND c.run_id IS DISTINCT FROM s.run_id
RETURNING c.id;

-- name: send_again
-- What an older stream took with it goes down the new one; the agent says again what it has said.
WITH again AS (
    UPDATE actions.ask AS c
    SET state = 'ready',
        epoch = NULL,
        run_id = NULL,
        sent_at = NULL,
        parts = 0,
        row_count = 0,
        size_bytes = 0
    FROM fleet.stream AS s
    WHERE s.agent_id = c.agent_id
      AND c.agent_id = %(agent_id)s
      AND c.state = 'inflight'
      AND c.epoch < s.epoch
    RETURNING c.id
)
DELETE FROM actions.ask_part AS p
USING again
WHERE p.ask_id = again.id;

-- name: count_part
UPDATE actions.ask
SET parts = %(number)s,
    row_count = row_count + %(row_count)s,
    size_bytes = size_bytes + %(size_bytes)s
WHERE id = %(id)s
  AND state = 'inflight'
  AND epoch = %(epoch)s
  AND parts = %(number)s - 1;

-- name: add_part
INSERT INTO actions.ask_part (ask_id, number, rows)
VALUES (%(id)s, %(number)s, %(rows)s);

-- name: settle
UPDATE actions.ask
SET state = 'returned',
    outcome = %(outcome)s,
    error_class = %(error_class)s,
    message = %(message)s,
    truncated = %(truncated)s,
    took_ms = %(took_ms)s,
    returned_at = %(now)s
WHERE id = %(id)s
  AND state = 'inflight'
  AND epoch = %(epoch)s;

-- name: finish
UPDATE actions.ask
SET state = 'done',
    done_at = %(now)s
WHERE id = %(id)s
  AND state = 'returned';

-- name: cancel
UPDATE actions.ask AS c
SET state = 'done',
    outcome = 'cancelled',
    message = 'whoever asked has left',
    done_at = %(now)s
WHERE c.id = %(id)s
  AND c.state IN ('ready', 'inflight')
RETURNING c.agent_id;

-- name: expire
-- Those nobody may wait for any longer: one, or all (id is null).
UPDATE actions.ask AS c
SET state = 'done',
    outcome = 'expired',
    message = CASE
        WHEN c.state = 'ready' AND c.attempts = 0
        THEN format('agent %%L did not take the command in time', a.name)
        WHEN c.state = 'ready'
        THEN format('the stream of agent %%L broke, and it did not come back in time', a.name)
        WHEN c.parts > 0
        THEN format('the answer of agent %%L broke off', a.name)
        ELSE format('agent %%L took the command, but no answer came in time', a.name)
    END,
    done_at = %(now)s
FROM fleet.agent AS a
WHERE a.id = c.agent_id
  AND c.state IN ('ready', 'inflight')
  AND c.expires_at < %(before)s
  AND (%(id)s::bigint IS NULL OR c.id = %(id)s);

-- name: finish_the_unheard
UPDATE actions.ask
SET state = 'done',
    done_at = %(now)s
WHERE state = 'returned'
  AND expires_at < %(before)s;

-- name: forget_parts
DELETE FROM actions.ask_part AS p
USING actions.ask AS c
WHERE c.id = p.ask_id
  AND c.state = 'done'
  AND (%(id)s::bigint IS NULL OR c.id = %(id)s);

-- name: forget_commands
DELETE FROM actions.ask
WHERE asked_at < %(before)s
  AND state = 'done';
