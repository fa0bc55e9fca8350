-- name: active_keys
-- Whose tokens may be believed: active, and within the time that the trust bundle gives them.
SELECT public_key
FROM actions.investigator
WHERE public_key IS NOT NULL
  AND status = 'active'
  AND coalesce(valid_from <= %(now)s, true)
  AND coalesce(valid_until > %(now)s, true);

-- name: investigator_of
SELECT id, name, permissions
FROM actions.investigator
WHERE fingerprint = %(fingerprint)s
  AND status = 'active'
  AND coalesce(valid_from <= %(now)s, true)
  AND coalesce(valid_until > %(now)s, true);

-- name: investigator_of_key
SELECT i.id, i.name, i.permissions
FROM actions.api_key AS k
JOIN actions.investigator AS i ON i.id = k.investigator_id
WHERE k.digest = %(digest)s
  AND i.status = 'active'
  AND coalesce(i.valid_from <= %(now)s, true)
  AND coalesce(i.valid_until > %(now)s, true);

-- name: keep_nonce
-- No row: this token was used before. Those that ended count no more, whoever shows them.
WITH ended AS (
    SELECT investigator_id, digest
    FROM actions.token_nonce
    WHERE ends_at < %(now)s
    LIMIT 100
    FOR UPDATE SKIP LOCKED
),
forgotten AS (
    DELETE FROM actions.token_nonce AS t
    USING ended
    WHERE t.investigator_id = ended.investigator_id
      AND t.digest = ended.digest
)
INSERT INTO actions.token_nonce (investigator_id, digest, ends_at)
VALUES (%(id)s, %(digest)s, %(ends_at)s)
ON CONFLICT DO NOTHING;

-- name: loader_of_prefix
SELECT id, name, digest
FROM actions.loader
WHERE prefix = %(prefix)s
  AND enabled;

-- name: investigators
-- Those that the search means; NULL: whatever. As in MIG `after` is of when they came, `before` of their last change.
SELECT
    i.id, i.name, i.fingerprint, i.public_key, i.status, i.permissions, i.created_at, i.changed_at,
    i.in_bundle
FROM actions.investigator AS i
WHERE (%(investigatorid)s::bigint IS NULL OR i.id = %(investigatorid)s)
  AND (%(investigatorname)s::text IS NULL OR i.name ILIKE %(investigatorname)s ESCAPE '')
  AND (%(status)s::text IS NULL OR i.status ILIKE %(status)s ESCAPE '')
  AND (%(after)s::timestamptz IS NULL OR i.created_at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR i.changed_at <= %(before)s)
  AND (
      (
          %(actionid)s::bigint IS NULL AND %(actionname)s::text IS NULL
          AND %(threatfamily)s::text IS NULL
      )
      OR EXISTS (
          SELECT
          FROM actions.signature AS s
          JOIN actions.action AS a ON a.id = s.action_id
          WHERE s.investigator_id = i.id
            AND (%(actionid)s::bigint IS NULL OR a.id = %(actionid)s)
            AND (%(actionname)s::text IS NULL OR a.name ILIKE %(actionname)s ESCAPE '')
            AND (
                %(threatfamily)s::text IS NULL
                OR a.threat ->> 'family' ILIKE %(threatfamily)s ESCAPE ''
            )
      )
  )
ORDER BY i.id
LIMIT %(limit)s
OFFSET %(offset)s;

-- name: signers_of
SELECT
    s.action_id, i.id, i.name, i.fingerprint, i.public_key, i.status, i.permissions, i.created_at,
    i.changed_at, i.in_bundle
FROM actions.signature AS s
JOIN actions.investigator AS i ON i.id = s.investigator_id
WHERE s.action_id = ANY(%(actions)s)
ORDER BY s.action_id, s.number, i.id;

-- name: public_key
SELECT public_key
FROM actions.investigator
WHERE fingerprint = %(fingerprint)s
  AND public_key IS NOT NULL;

-- name: add_investigator
INSERT INTO actions.investigator (name, fingerprint, public_key, permissions, created_at, changed_at)
VALUES (%(name)s, %(fingerprint)s, %(public_key)s, %(permissions)s, %(now)s, %(now)s)
ON CONFLICT (fingerprint) DO NOTHING
RETURNING id;

-- name: lock_investigators
-- One change after the other: each looks at who else may still make the next one.
SELECT pg_advisory_xact_lock(%(lock)s);

-- name: change_investigator
UPDATE actions.investigator
SET status = coalesce(%(status)s, status),
    permissions = coalesce(%(permissions)s, permissions),
    changed_at = %(now)s
WHERE id = %(id)s;

-- name: other_admins
SELECT count(*)
FROM actions.investigator
WHERE id <> %(id)s
  AND status = 'active'
  AND permissions & %(admin)s = %(admin)s;

-- name: keep_api_key
INSERT INTO actions.api_key (investigator_id, digest, created_at, created_by)
VALUES (%(id)s, %(digest)s, %(now)s, %(by)s)
ON CONFLICT (investigator_id) DO UPDATE
SET digest = EXCLUDED.digest,
    created_at = EXCLUDED.created_at,
    created_by = EXCLUDED.created_by;

-- name: forget_api_key
DELETE FROM actions.api_key
WHERE investigator_id = %(id)s;
