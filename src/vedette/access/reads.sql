-- name: token_of_digest
SELECT id, name, scopes, last_used_at
FROM access.token
WHERE digest = %(digest)s
  AND revoked_at IS NULL
  AND (expires_at IS NULL OR expires_at > %(now)s);

-- name: tokens
SELECT id, name, scopes, made_at, made_by, expires_at, last_used_at
FROM access.token
WHERE revoked_at IS NULL
ORDER BY name, id;

-- name: living_token
SELECT id, name, scopes, made_at, made_by, expires_at, last_used_at
FROM access.token
WHERE name = %(name)s
  AND revoked_at IS NULL;

-- name: join_token_of_digest
SELECT id AS token_id, agent_name, tags, kind, via, used_at, used_by, expires_at
FROM access.join_token
WHERE digest = %(digest)s;

-- name: secrets
SELECT name, sealed
FROM access.secret;

-- name: newest_authority
SELECT certificate_pem, secret_name
FROM access.authority
ORDER BY id DESC
LIMIT 1;
