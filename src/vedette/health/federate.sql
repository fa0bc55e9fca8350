-- name: candidates
-- What is living and seen now; the newest observer speaks for a target.
SELECT t.id, t.name, t.connector, coalesce(c.slug, '') AS component, coalesce(k.name, '') AS cluster,
       a.name AS agent, coalesce(s.state, 'unknown')::text AS state, o.agent_id, o.layout_id,
       cardinality(o."values") AS samples
FROM fleet.target t
JOIN LATERAL (
    SELECT * FROM health.observation o
    WHERE o.target_id = t.id AND o.reported AND o.silent_since IS NULL
    ORDER BY o.at DESC
    LIMIT 1
) o ON true
JOIN fleet.agent a ON a.id = o.agent_id
LEFT JOIN health.target_state s ON s.target_id = t.id
LEFT JOIN fleet.component c ON c.id = t.component_id
LEFT JOIN fleet.cluster k ON k.id = t.cluster_id
WHERE t.retired_at IS NULL
ORDER BY t.name;

-- name: values_of
SELECT target_id, at, layout_id, "values"
FROM health.observation
WHERE (target_id, agent_id) IN (
    SELECT * FROM unnest(%(target_id)b::integer[], %(agent_id)b::integer[])
);
