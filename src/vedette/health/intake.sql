-- name: hold_intake
-- Series and targets are made one request at a time; those of known series do not come here.
SELECT pg_advisory_xact_lock(hashtext('vedette.health.intake'));

-- name: series_counts
SELECT target_id, count(*) FROM health.intake_series WHERE target_id = ANY(%(target_id)b::integer[]) GROUP BY 1;

-- name: series_of
SELECT s.target_id, s.name, s.entity, s.id
FROM unnest(%(target_id)b::integer[], %(name)b::text[], %(entity)b::text[]) AS g (target_id, name, entity)
JOIN health.intake_series s USING (target_id, name, entity);

-- name: add_series
INSERT INTO health.intake_series (target_id, name, entity, unit, help, last_at)
SELECT target_id, name, entity, unit, help, %(now)s
FROM unnest(%(target_id)b::integer[], %(name)b::text[], %(entity)b::text[], %(unit)b::text[], %(help)b::text[])
     AS g (target_id, name, entity, unit, help)
ON CONFLICT DO NOTHING;

-- name: keep_push
INSERT INTO health.intake_push (received_at, count, samples) VALUES (%(now)s, %(count)s, %(samples)b);

-- name: waiting_pushes
SELECT count(*) FROM (SELECT FROM health.intake_push LIMIT %(most)s) p;

-- name: pushes
-- The oldest first, as many as fit into one commit.
SELECT id, received_at, count, samples
FROM health.intake_push
ORDER BY id
LIMIT %(limit)s;

-- name: forget_pushes
DELETE FROM health.intake_push WHERE id = ANY(%(id)b::bigint[]);

-- name: series_named
SELECT id, target_id, name, entity, unit, help
FROM health.intake_series
WHERE id = ANY(%(id)b::integer[]);

-- name: targets_of
-- With the time of the newest report of each; 0: there is none.
SELECT t.id, t.connector, coalesce(extract(epoch FROM o.at) * 1000000, 0)::bigint AS newest
FROM fleet.target t
LEFT JOIN health.observation o ON o.target_id = t.id AND o.agent_id = %(agent_id)s AND o.reported
WHERE t.id = ANY(%(target_id)b::integer[]);

-- name: keep_seen
UPDATE health.intake_series SET last_at = %(now)s WHERE id = ANY(%(id)b::integer[]);

-- name: forget_series
DELETE FROM health.intake_series WHERE last_at < %(before)s;

-- name: assigned
SELECT target_id FROM fleet.assignment WHERE agent_id = %(agent_id)s;
