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

-- name: clients
SELECT name, serial, made_at, made_by, not_after
FROM access.client_certificate
WHERE revoked_at IS NULL
  AND not_after > %(now)s
ORDER BY name, made_at, serial;

-- name: client_is_good
SELECT EXISTS (
    SELECT
    FROM access.client_certificate
    WHERE serial = %(serial)s
      AND name = %(name)s
      AND revoked_at IS NULL
      AND not_after > %(now)s
);

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
