-- name: targets
-- Keyset by name. The newest observation stands for the target's measurements.
SELECT t.id, t.name, t.slug, t.connector, t.every_ms, t.timeout_ms, t.agents AS agent_selectors,
       c.slug AS component, k.name AS cluster,
       coalesce(s.state::text, 'unknown') AS state, coalesce(s.since, t.made_at) AS since,
       coalesce(s.reason, 'not looked at yet') AS reason, coalesce(s.error_class, '') AS error_class,
       o.at AS last_report_at, nullif(o.rtt_s, 'NaN') AS rtt_s, coalesce(o.facts, '{}') AS facts,
       coalesce(a.agents, '{}') AS agents
FROM fleet.target t
LEFT JOIN fleet.component c ON c.id = t.component_id
LEFT JOIN fleet.cluster k ON k.id = t.cluster_id
LEFT JOIN health.target_state s ON s.target_id = t.id
LEFT JOIN LATERAL (
    SELECT o.at, o.rtt_s, o.facts
    FROM health.observation o
    WHERE o.target_id = t.id AND o.reported
    ORDER BY o.at DESC
    LIMIT 1
) o ON true
LEFT JOIN LATERAL (
    SELECT array_agg(g.name ORDER BY g.name) AS agents
    FROM fleet.assignment x
    JOIN fleet.agent g ON g.id = x.agent_id
    WHERE x.target_id = t.id
) a ON true
WHERE t.retired_at IS NULL
  AND (%(name)s::text IS NULL OR t.name = %(name)s)
  AND t.name > %(after)s
ORDER BY t.name
LIMIT %(limit)s;

-- name: observers
-- What each agent that looks at a target saw last.
SELECT a.name AS agent, o.state::text AS state, o.since, o.look::text AS look, o.at,
       coalesce(e.name, '') AS error_class, o.message, nullif(o.rtt_s, 'NaN') AS rtt_s,
       o.silent_since, o.reported, o.layout_id, o."values"
FROM health.observation o
JOIN fleet.agent a ON a.id = o.agent_id
LEFT JOIN health.error_class e ON e.id = o.error_class_id
WHERE o.target_id = %(target_id)s
  AND o.assigned
ORDER BY a.name;

-- name: transitions_of_target
SELECT t.id, coalesce(t.was::text, '') AS was, t.now::text AS now, t.at, t.recorded_at, t.reason, t.error_class
FROM health.transition t
WHERE t.target_id = %(target_id)s
ORDER BY t.at DESC, t.id DESC
LIMIT %(limit)s;

-- name: latest_reports
-- Newest first; the page after it continues before its last (at, agent_id).
SELECT r.at, r.agent_id, a.name AS agent, r.state, coalesce(e.name, '') AS error_class,
       r.rtt_s, r.layout_id, r."values"
FROM health.reports_of(%(target_id)s, %(since)s, %(until)s + interval '1 microsecond') r
LEFT JOIN fleet.agent a ON a.id = r.agent_id
LEFT JOIN health.error_class e ON e.id = r.error_class_id
WHERE (r.at, r.agent_id) < (%(before_at)s, %(before_agent_id)s)
ORDER BY r.at DESC, r.agent_id DESC
LIMIT %(limit)s;

-- name: components
SELECT c.slug, s.name AS service, r.name AS region, s.category, c.attributes,
       coalesce(h.state::text, 'unknown') AS state, coalesce(h.since, c.made_at) AS since,
       coalesce(h.reason, 'not looked at yet') AS reason
FROM fleet.component c
JOIN fleet.service s ON s.id = c.service_id
LEFT JOIN fleet.region r ON r.id = c.region_id
LEFT JOIN health.component_state h ON h.component_id = c.id
WHERE c.retired_at IS NULL
  AND c.slug > %(after)s
ORDER BY c.slug
LIMIT %(limit)s;

-- name: gaps
SELECT a.name AS agent, g.reports, g.from_at, g.to_at, g.reason, g.recorded_at
FROM health.gap g
JOIN fleet.agent a ON a.id = g.agent_id
WHERE a.name = %(agent)s
ORDER BY g.seq DESC
LIMIT %(limit)s;
