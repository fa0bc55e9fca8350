-- name: person_of
SELECT id, issuer, subject, name, roles, made_at, seen_at, disabled_at
FROM access.person
WHERE issuer = %(issuer)s
  AND subject = %(subject)s
FOR UPDATE;

-- name: insert_person
INSERT INTO access.person (issuer, subject, name, roles, password, made_at)
VALUES (%(issuer)s, %(subject)s, %(name)s, %(roles)s, %(password)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING id, issuer, subject, name, roles, made_at, seen_at, disabled_at;

-- name: keep_roles
UPDATE access.person
SET roles = %(roles)s
WHERE id = %(id)s;

-- name: person_was_seen
UPDATE access.person
SET seen_at = %(now)s
WHERE id = %(id)s;

-- name: insert_session
INSERT INTO access.session (
    digest, person_id, kind, rules, made_at, seen_at, ends_at, address, client, id_token
)
VALUES (
    %(digest)s, %(person_id)s, %(kind)s, %(rules)s, %(now)s, %(now)s, %(ends_at)s, %(address)s, %(client)s,
    %(hint)s
)
RETURNING id;

-- name: session_of_digest
SELECT s.id, s.person_id, p.name, p.issuer, p.roles, s.kind, s.rules, s.made_at, s.seen_at, s.ends_at,
    s.address, s.client
FROM access.session AS s
JOIN access.person AS p ON p.id = s.person_id
WHERE s.digest = %(digest)s
  AND s.ends_at > %(now)s
  AND s.seen_at > %(idle_since)s
  AND p.disabled_at IS NULL;

-- name: hint_of_session
SELECT id_token
FROM access.session
WHERE id = %(id)s;

-- name: sessions_of_person
SELECT s.id, s.person_id, p.name, p.issuer, p.roles, s.kind, s.rules, s.made_at, s.seen_at, s.ends_at,
    s.address, s.client
FROM access.session AS s
JOIN access.person AS p ON p.id = s.person_id
WHERE s.person_id = %(person_id)s
  AND s.ends_at > %(now)s
  AND s.seen_at > %(idle_since)s
ORDER BY s.seen_at DESC, s.id DESC;

-- name: touch_session
-- As with tokens: at most once a minute, and nobody waits for it.
UPDATE access.session
SET seen_at = %(now)s
WHERE id = (
    SELECT id
    FROM access.session
    WHERE id = %(id)s
      AND seen_at <= %(stale)s
    FOR NO KEY UPDATE SKIP LOCKED
);

-- name: end_session
DELETE FROM access.session
WHERE id = %(id)s
  AND person_id = %(person_id)s
RETURNING id;

-- name: end_sessions_of_person
-- `but` is the one that stays; 0 stands for none.
DELETE FROM access.session
WHERE person_id = %(person_id)s
  AND id <> %(but)s
RETURNING id;

-- name: forget_handovers_of_person
DELETE FROM access.handover
WHERE person_id = %(person_id)s;

-- name: end_sessions_of_other_rules
DELETE FROM access.session
WHERE rules NOT IN ('', %(rules)s)
RETURNING id;

-- name: forget_handovers_of_other_rules
DELETE FROM access.handover
WHERE rules NOT IN ('', %(rules)s);

-- name: sweep_sessions
DELETE FROM access.session
WHERE ends_at <= %(now)s
   OR seen_at <= %(idle_since)s;

-- name: sweep_handovers
DELETE FROM access.handover
WHERE ends_at <= %(now)s;

-- name: sweep_wrong_passwords
DELETE FROM access.wrong_password
WHERE at <= %(before)s;

-- name: insert_handover
INSERT INTO access.handover (digest, person_id, rules, challenge, ends_at)
VALUES (%(digest)s, %(person_id)s, %(rules)s, %(challenge)s, %(ends_at)s);

-- name: take_handover
-- Gone with the first who shows it, right or wrong.
DELETE FROM access.handover AS h
USING access.person AS p
WHERE h.digest = %(digest)s
  AND p.id = h.person_id
RETURNING h.person_id, p.name, p.issuer, h.rules, h.challenge, h.ends_at, p.disabled_at;

-- name: account
SELECT id, name, roles, password, made_at, seen_at, disabled_at
FROM access.person
WHERE issuer = 'local'
  AND subject = %(name)s;

-- name: accounts
SELECT id, name, roles, password, made_at, seen_at, disabled_at
FROM access.person
WHERE issuer = 'local'
ORDER BY name;

-- name: there_are_accounts
SELECT EXISTS (
    SELECT
    FROM access.person
    WHERE issuer = 'local'
      AND disabled_at IS NULL
);

-- name: disable_account
UPDATE access.person
SET disabled_at = coalesce(disabled_at, %(now)s)
WHERE id = %(id)s;

-- name: reset_account
UPDATE access.person
SET password = %(password)s,
    disabled_at = NULL
WHERE id = %(id)s;

-- name: wrong_passwords
SELECT count(*) FILTER (WHERE account = %(account)s) AS of_account,
    count(*) FILTER (WHERE address = %(address)s) AS of_address
FROM access.wrong_password
WHERE at > %(since)s;

-- name: insert_wrong_password
INSERT INTO access.wrong_password (account, address, at)
VALUES (%(account)s, %(address)s, %(now)s);

-- name: forget_wrong_passwords
DELETE FROM access.wrong_password
WHERE account = %(account)s;
