-- name: actions
-- What is not over; of what is, what changed since then, or all that is kept; and what was left to be done.
SELECT id, state, updated_at, coalesce(finished_at > %(keep_from)s, true) AS is_kept
FROM actions.action
WHERE state IN ('proposed', 'new', 'inflight')
   OR id = ANY(%(left)s)
   OR (
       finished_at > %(keep_from)s
       AND (%(since)s::timestamptz IS NULL OR updated_at >= %(since)s)
   );

-- name: commands
SELECT action_id, id, state, done_at
FROM actions.command
WHERE action_id = ANY(%(actions)s)
  AND (done_at IS NULL OR done_at > %(keep_from)s);

-- name: action_bodies
SELECT
    a.id, a.state, a.name, a.target, a.description, a.threat, a.operations, a.syntax_version,
    a.document, a.valid_from, a.expire_after, a.started_at, a.finished_at, a.updated_at,
    a.cancelled_at IS NOT NULL AS is_cancelled,
    ARRAY(
        SELECT s.signature
        FROM actions.signature AS s
        WHERE s.action_id = a.id
        ORDER BY s.number, s.investigator_id
    ) AS signatures,
    (
        SELECT coalesce(json_object_agg(t.outcome, t.commands), '{}')
        FROM (
            SELECT coalesce(c.outcome, 'open') AS outcome, count(*) AS commands
            FROM actions.command AS c
            WHERE c.action_id = a.id
            GROUP BY 1
        ) AS t
    ) AS outcomes,
    (
        SELECT coalesce(
            json_agg(
                json_build_object('id', i.id, 'name', i.name, 'pgpfingerprint', i.fingerprint)
                ORDER BY s.number, i.id
            ),
            '[]'
        )
        FROM actions.signature AS s
        JOIN actions.investigator AS i ON i.id = s.investigator_id
        WHERE s.action_id = a.id
    ) AS investigators
FROM actions.action AS a
WHERE a.id = ANY(%(ids)s);

-- name: command_bodies
SELECT
    c.id, c.action_id, c.outcome, r.answer -> 'results' AS results,
    coalesce(c.sent_at, c.created_at) AS started_at, coalesce(c.returned_at, c.done_at) AS finished_at,
    json_build_object(
        'id', g.id, 'name', g.name, 'queueloc', g.queueloc, 'mode', g.mode, 'version', g.version,
        'pid', g.pid, 'starttime', g.starttime, 'status', g.status,
        'environment', g.environment, 'tags', g.tags
    ) AS agent
FROM actions.command AS c
JOIN mig.agents AS g ON g.id = c.agent_id
LEFT JOIN actions.result AS r ON r.command_id = c.id
WHERE c.id = ANY(%(ids)s);

-- name: signatures_of_digest
-- The action that was signed so, and the signatures that are known of it.
SELECT
    a.id,
    ARRAY(
        SELECT s.signature
        FROM actions.signature AS s
        WHERE s.action_id = a.id
    ) AS signatures
FROM actions.action AS a
WHERE a.digest = %(digest)s;

-- name: document_of
-- By the name of its file.
SELECT
    a.document,
    ARRAY(
        SELECT s.signature
        FROM actions.signature AS s
        WHERE s.action_id = a.id
    ) AS signatures
FROM actions.action AS a
WHERE a.id = ANY(
    SELECT n::bigint
    FROM substring(%(name)s FROM '^([1-9][0-9]{0,17})\.json$') AS n
);
