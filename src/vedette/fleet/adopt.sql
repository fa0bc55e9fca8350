-- name: stand_in
SELECT id, name, revoked_at IS NOT NULL OR destroyed_at IS NOT NULL AS gone
FROM fleet.agent
WHERE key_fingerprint = %(key_fingerprint)s;

-- name: insert_stand_in
INSERT INTO fleet.agent (name, key_fingerprint, kind, enrolled_at)
VALUES (%(name)s, %(key_fingerprint)s, 'intake', %(now)s)
RETURNING id;

-- name: open_stream
INSERT INTO fleet.stream (agent_id, epoch, connected_at, heartbeat_at)
VALUES (%(agent_id)s, 1, %(now)s, %(now)s);

-- name: name_is_taken
SELECT EXISTS (SELECT FROM fleet.agent WHERE name = %(name)s AND destroyed_at IS NULL);

-- name: beat
UPDATE fleet.stream
SET heartbeat_at = %(now)s
WHERE agent_id = %(agent_id)s
  AND heartbeat_at < %(now)s - interval '10 seconds';

-- name: count_adopted
SELECT count(*) FROM fleet.target WHERE origin = %(origin)s AND retired_at IS NULL;

-- name: adopted
SELECT name, id
FROM fleet.target
WHERE origin = %(origin)s
  AND retired_at IS NULL
  AND name = ANY(%(names)s::text[]);
