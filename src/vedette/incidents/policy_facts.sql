-- name: keep_blind_ends
-- We see it again.
WITH seen AS (
    DELETE FROM incidents.blind AS b
    USING unnest(%(components)s::integer[], %(at)s::timestamptz[]) AS s (component_id, at)
    WHERE b.component_id = s.component_id AND b.to_at IS NULL
    RETURNING b.component_id, b.from_at, s.at
)
INSERT INTO incidents.blind (component_id, from_at, to_at)
SELECT component_id, from_at, at FROM seen WHERE at > from_at
ON CONFLICT DO NOTHING

-- name: keep_blind
-- We lost sight of it. Who was never watched is not out of sight.
INSERT INTO incidents.blind (component_id, from_at)
SELECT s.component_id, s.at
FROM unnest(%(components)s::integer[], %(at)s::timestamptz[]) AS s (component_id, at)
WHERE EXISTS (SELECT FROM fleet.target AS t WHERE t.component_id = s.component_id)
ON CONFLICT DO NOTHING

-- name: flapping
INSERT INTO incidents.flapping (component_id, from_at) VALUES (%(component_id)s, %(at)s) ON CONFLICT DO NOTHING

-- name: calm
UPDATE incidents.flapping SET to_at = greatest(from_at, %(at)s) WHERE component_id = %(component_id)s AND to_at IS NULL

-- name: keep_judgements
INSERT INTO incidents.judgement (component_id, at, judged_at, state, deed, incident_id, publish_at)
SELECT component_id, at, %(now)s, state, deed, incident_id, publish_at
FROM unnest(%(components)s::integer[], %(at)s::timestamptz[], %(states)s::text[], %(deeds)s::text[],
            %(incidents)s::integer[], %(publish_at)s::timestamptz[])
     AS j (component_id, at, state, deed, incident_id, publish_at)
