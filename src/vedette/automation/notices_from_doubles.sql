-- name: tell
-- Once for an endpoint; again when another agent joins them.
INSERT INTO fleet.double_agent (queueloc, agents, at)
SELECT g.queueloc, array_agg(g.agent ORDER BY g.agent), %(now)s
FROM unnest(%(queuelocs)s::text[], %(agents)s::text[]) AS g (queueloc, agent)
GROUP BY g.queueloc
ORDER BY g.queueloc
ON CONFLICT (queueloc) WHERE ended_at IS NULL DO UPDATE
SET agents = EXCLUDED.agents,
    at = EXCLUDED.at
WHERE NOT double_agent.agents @> EXCLUDED.agents
RETURNING queueloc, agents

-- name: end
UPDATE fleet.double_agent
SET ended_at = %(now)s
WHERE ended_at IS NULL
  AND NOT queueloc = ANY(%(queuelocs)s)
