-- name: agent_of_key
SELECT id, name, revoked_at IS NOT NULL OR destroyed_at IS NOT NULL AS gone
FROM fleet.agent
WHERE key_fingerprint = %(key_fingerprint)s;

-- name: living_agent
SELECT id, revoked_at IS NOT NULL AS revoked
FROM fleet.agent
WHERE name = %(name)s
  AND destroyed_at IS NULL;

-- name: insert_agent
INSERT INTO fleet.agent (name, key_fingerprint, tags, kind, via, enrolled_at)
VALUES (%(name)s, %(key_fingerprint)s, %(tags)s, %(kind)s, %(via)s, %(now)s)
RETURNING id;

-- name: collector_called
SELECT id
FROM fleet.agent
WHERE name = %(name)s
  AND kind = 'collector'
  AND revoked_at IS NULL
  AND destroyed_at IS NULL;

-- name: is_behind
-- Whether a collector is another one, or stands behind it.
SELECT %(collector_id)s::integer = %(via)s::integer
    OR EXISTS (
        SELECT
        FROM fleet.way_of(%(collector_id)s) AS way
        WHERE way.collector_id = %(via)s
    );

-- name: bind_anew
-- A rebuilt collector has a new key and the old name: who was bound to the name stays bound.
UPDATE fleet.agent
SET via = %(collector_id)s
FROM fleet.agent AS old
WHERE old.id = agent.via
  AND old.name = %(name)s
  AND old.id <> %(collector_id)s;

-- name: insert_stream
INSERT INTO fleet.stream (agent_id)
VALUES (%(agent_id)s);

-- name: keep_certificate
UPDATE fleet.agent
SET certificate_serial = %(serial)s,
    certificate_not_after = %(not_after)s
WHERE id = %(agent_id)s;

-- name: revoke
UPDATE fleet.agent
SET revoked_at = coalesce(revoked_at, %(now)s)
WHERE id = %(agent_id)s;

-- name: retire
UPDATE fleet.agent
SET revoked_at = coalesce(revoked_at, %(now)s),
    destroyed_at = %(now)s
WHERE id = %(agent_id)s;

-- name: end_stream
-- With its epoch gone, whatever the stream still has on its way is not kept; nor what comes from
-- whoever is bound through it, should it be a collector.
UPDATE fleet.stream
SET epoch = epoch + 1,
    disconnected_at = coalesce(disconnected_at, %(now)s)
WHERE agent_id = %(agent_id)s
   OR agent_id IN (
       SELECT a.id
       FROM fleet.agent AS a
       WHERE a.via IS NOT NULL
         AND %(agent_id)s IN (SELECT collector_id FROM fleet.way_of(a.id))
   );
