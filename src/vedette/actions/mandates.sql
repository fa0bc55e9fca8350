-- name: add
-- The same mandate again brings the signatures it has got meanwhile.
INSERT INTO actions.mandate (
    name, target, modules, document, digest, signatures, launch, valid_from, expire_after,
    proposed_by, proposed_at, next_at
)
VALUES (
    %(name)s, %(target)s, %(modules)s, %(document)s, %(digest)s, %(signatures)s, %(launch)s,
    %(valid_from)s, %(expire_after)s, %(by)s, %(now)s, %(next_at)s
)
ON CONFLICT (digest) DO UPDATE
SET signatures = ARRAY(
    SELECT DISTINCT g.signature
    FROM unnest(mandate.signatures || EXCLUDED.signatures) AS g (signature)
)
RETURNING id;

-- name: mandates
SELECT
    m.id, m.name, m.target, m.modules, m.document, m.signatures, m.valid_from, m.expire_after,
    m.proposed_by, m.proposed_at, m.next_at, m.trouble, m.stopped_by,
    (
        SELECT count(*)
        FROM actions.mandate_run AS r
        WHERE r.mandate_id = m.id
          AND r.action_id IS NOT NULL
    ) AS runs,
    (
        SELECT max(r.action_id)
        FROM actions.mandate_run AS r
        WHERE r.mandate_id = m.id
    ) AS last_action
FROM actions.mandate AS m
WHERE (%(id)s::bigint IS NULL OR m.id = %(id)s)
  AND (%(before)s::bigint IS NULL OR m.id < %(before)s)
ORDER BY m.id DESC
LIMIT %(limit)s;

-- name: try_lock
SELECT pg_try_advisory_xact_lock(%(lock)s);

-- name: due
SELECT id, document, signatures, launch, proposed_by
FROM actions.mandate
WHERE next_at <= %(now)s
ORDER BY next_at, id
LIMIT 100
FOR NO KEY UPDATE SKIP LOCKED;

-- name: add_run
INSERT INTO actions.mandate_run (mandate_id, run, action_id)
VALUES (%(id)s, %(run)s, %(action_id)s)
ON CONFLICT DO NOTHING;

-- name: has_run
SELECT EXISTS (
    SELECT
    FROM actions.mandate_run
    WHERE mandate_id = %(id)s
      AND run = %(run)s
);

-- name: set_next
UPDATE actions.mandate
SET next_at = %(next_at)s,
    trouble = %(trouble)s
WHERE id = %(id)s;

-- name: stop
UPDATE actions.mandate
SET next_at = NULL,
    stopped_at = %(now)s,
    stopped_by = %(by)s
WHERE id = %(id)s
  AND next_at IS NOT NULL;

-- name: open_actions
SELECT a.id
FROM actions.mandate_run AS r
JOIN actions.action AS a ON a.id = r.action_id
WHERE r.mandate_id = %(id)s
  AND a.state IN ('proposed', 'new', 'inflight');

-- name: waiting_runs
SELECT r.run
FROM actions.mandate_run AS r
JOIN actions.action AS a ON a.id = r.action_id
WHERE r.mandate_id = %(id)s
  AND a.state = 'proposed'
  AND a.expire_after > %(now)s;
