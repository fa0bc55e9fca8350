-- name: add_manifest
INSERT INTO actions.manifest (name, target, content, entries, made_at, made_by, changed_at)
VALUES (%(name)s, %(target)s, %(content)s, %(entries)s, %(now)s, %(by)s, %(now)s)
RETURNING id;

-- name: manifests
-- Without their content; the newest first.
SELECT
    m.id, m.name, m.status, m.target, m.entries, m.made_at,
    ARRAY(
        SELECT s.signature
        FROM actions.manifest_signature AS s
        WHERE s.manifest_id = m.id
        ORDER BY s.added_at, s.investigator_id
    ) AS signatures
FROM actions.manifest AS m
WHERE (%(manifestid)s::bigint IS NULL OR m.id = %(manifestid)s)
  AND (%(manifestname)s::text IS NULL OR m.name ILIKE %(manifestname)s ESCAPE '')
  AND (%(status)s::text IS NULL OR m.status ILIKE %(status)s ESCAPE '')
  AND (%(after)s::timestamptz IS NULL OR m.made_at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR m.made_at <= %(before)s)
ORDER BY m.made_at DESC, m.id DESC
LIMIT %(limit)s
OFFSET %(offset)s;

-- name: content
SELECT content
FROM actions.manifest
WHERE id = %(id)s;

-- name: lock_manifest
SELECT status
FROM actions.manifest
WHERE id = %(id)s
FOR NO KEY UPDATE;

-- name: set_status
UPDATE actions.manifest
SET status = %(status)s,
    changed_at = %(now)s
WHERE id = %(id)s;

-- name: forget_signatures
DELETE FROM actions.manifest_signature
WHERE manifest_id = %(id)s;

-- name: add_signature
INSERT INTO actions.manifest_signature (manifest_id, investigator_id, signature, added_at)
SELECT %(id)s, i.id, %(signature)s, %(now)s
FROM actions.investigator AS i
WHERE i.fingerprint = %(fingerprint)s
ON CONFLICT (manifest_id, investigator_id) DO NOTHING;

-- name: add_loader
INSERT INTO actions.loader (name, prefix, digest, enabled, expectenv, created_at, created_by)
VALUES (%(name)s, %(prefix)s, %(digest)s, %(enabled)s, %(expectenv)s, %(now)s, %(by)s)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: loaders
SELECT
    l.id, l.name, l.prefix, l.agent_name, l.queueloc, l.environment, l.tags, l.seen_at, l.enabled,
    l.expectenv
FROM actions.loader AS l
WHERE (%(loaderid)s::bigint IS NULL OR l.id = %(loaderid)s)
  AND (%(loadername)s::text IS NULL OR l.name ILIKE %(loadername)s ESCAPE '')
  AND (%(agentname)s::text IS NULL OR l.agent_name ILIKE %(agentname)s ESCAPE '')
  AND (
      %(status)s::text IS NULL
      OR CASE WHEN l.enabled THEN 'enabled' ELSE 'disabled' END ILIKE %(status)s ESCAPE ''
  )
  AND (%(after)s::timestamptz IS NULL OR l.seen_at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR l.seen_at <= %(before)s)
ORDER BY l.id
LIMIT %(limit)s
OFFSET %(offset)s;

-- name: enable_loader
UPDATE actions.loader
SET enabled = %(enabled)s
WHERE id = %(id)s;

-- name: expect_of_loader
UPDATE actions.loader
SET expectenv = %(expectenv)s
WHERE id = %(id)s;

-- name: key_of_loader
UPDATE actions.loader
SET prefix = %(prefix)s,
    digest = %(digest)s
WHERE id = %(id)s;

-- name: hear_loader
UPDATE actions.loader
SET agent_name = %(agent_name)s,
    queueloc = %(queueloc)s,
    environment = %(environment)s,
    tags = %(tags)s,
    seen_at = %(now)s
WHERE id = %(id)s;
