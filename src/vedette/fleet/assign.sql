-- name: reassign
-- Selectors of the three forms are joined apart: each alone is a hash join, together they would be a
-- comparison of every target with every agent.
WITH wish AS (
    SELECT t.id AS target_id, selector
    FROM fleet.target AS t
    CROSS JOIN LATERAL unnest(t.agents) AS selector
    WHERE t.retired_at IS NULL
),
able AS (
    SELECT id AS agent_id, name, tags, kind
    FROM fleet.agent
    WHERE revoked_at IS NULL
      AND destroyed_at IS NULL
      AND kind IN ('agent', 'intake')
      AND (%(agent_id)s::integer IS NULL OR id = %(agent_id)s)
),
desired AS MATERIALIZED (
    SELECT wish.target_id, able.agent_id
    FROM wish
    JOIN able ON able.name = wish.selector
    UNION
    SELECT wish.target_id, able.agent_id
    FROM able
    CROSS JOIN LATERAL jsonb_each_text(able.tags) AS tag
    JOIN wish ON wish.selector = 'tag:' || tag.key || '=' || tag.value
    UNION
    SELECT wish.target_id, able.agent_id
    FROM wish
    CROSS JOIN able
    WHERE wish.selector = '*'
      AND able.kind = 'agent'
),
ended AS (
    DELETE FROM fleet.assignment AS x
    WHERE (%(agent_id)s::integer IS NULL OR x.agent_id = %(agent_id)s)
      AND NOT EXISTS (
          SELECT 1
          FROM desired AS d
          WHERE d.target_id = x.target_id
            AND d.agent_id = x.agent_id
      )
    RETURNING x.agent_id
),
begun AS (
    INSERT INTO fleet.assignment (target_id, agent_id)
    SELECT target_id, agent_id
    FROM desired
    ON CONFLICT (target_id, agent_id) DO NOTHING
    RETURNING agent_id
)
SELECT agent_id FROM ended
UNION
SELECT agent_id FROM begun;

-- name: agents_of_targets
SELECT DISTINCT agent_id
FROM fleet.assignment
WHERE target_id = ANY(%(targets)s);

-- name: renew_configuration
UPDATE fleet.agent
SET config_revision = config_revision + 1
WHERE id = ANY(%(agents)s);

-- name: notify_agents
SELECT pg_notify('vedette_fleet', 'agent:' || agent_id)
FROM unnest(%(agents)s::integer[]) AS agent_id;

-- name: notify_targets
SELECT pg_notify('vedette_fleet', 'targets');
