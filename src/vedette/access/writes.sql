-- name: write_audit
INSERT INTO access.audit (actor, source, action, object, detail, request_id)
VALUES (
    %(actor)s, %(source)s, %(action)s, %(object)s, %(detail)s, %(request_id)s
);

-- name: insert_token
-- The living have their name alone; a revoked one's, or an expired one's, is free again.
INSERT INTO access.token (name, digest, scopes, made_at, made_by, expires_at)
VALUES (
    %(name)s, %(digest)s, %(scopes)s, %(now)s, %(by)s, %(expires_at)s
)
ON CONFLICT (name) WHERE revoked_at IS NULL DO NOTHING
RETURNING id;

-- name: bury_expired
UPDATE access.token
SET revoked_at = expires_at
WHERE name = %(name)s
  AND revoked_at IS NULL
  AND expires_at <= %(now)s;

-- name: revoke_token
UPDATE access.token
SET revoked_at = %(now)s
WHERE name = %(name)s
  AND revoked_at IS NULL
RETURNING id;

-- name: notify_revoked
SELECT pg_notify('vedette_access', 'token:' || %(id)s::bigint);

-- name: insert_client
INSERT INTO access.client_certificate (serial, name, made_at, made_by, not_after)
VALUES (%(serial)s, %(name)s, %(now)s, %(by)s, %(not_after)s);

-- name: revoke_client
UPDATE access.client_certificate
SET revoked_at = %(now)s
WHERE name = %(name)s
  AND revoked_at IS NULL
  AND not_after > %(now)s
RETURNING serial;

-- name: notify_client_revoked
SELECT pg_notify('vedette_access', 'client:' || %(name)s::text);

-- name: touch_token
-- At most once a minute: a busy token must not turn every read into a write. Whoever loses the race
-- for the row has nothing to add, so it does not wait for it either.
UPDATE access.token
SET last_used_at = %(now)s
WHERE id = (
    SELECT id
    FROM access.token
    WHERE id = %(id)s
      AND (last_used_at IS NULL OR last_used_at <= %(stale)s)
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: insert_join_token
INSERT INTO access.join_token (digest, agent_name, tags, kind, via, made_at, made_by, expires_at)
VALUES (
    %(digest)s, %(agent_name)s, %(tags)s, %(kind)s, %(via)s, %(now)s, %(by)s, %(expires_at)s
);

-- name: redeem_join_token
-- One statement decides: of two that come at once, the second finds used_at set.
UPDATE access.join_token
SET used_at = %(now)s,
    used_by = %(used_by)s
WHERE digest = %(digest)s
  AND used_at IS NULL
  AND expires_at > %(now)s
RETURNING id AS token_id, agent_name, tags, kind, via;

-- name: insert_secret
INSERT INTO access.secret (name, sealed)
VALUES (%(name)s, %(sealed)s);

-- name: insert_authority
INSERT INTO access.authority (certificate_pem, secret_name, not_after)
VALUES (%(certificate_pem)s, %(secret_name)s, %(not_after)s);

-- name: reseal_secret
UPDATE access.secret
SET sealed = %(sealed)s
WHERE name = %(name)s;
