-- name: transitions
-- Handled already: nobody is to be told anew of what never was.
INSERT INTO health.transition (component_id, was, now, at, recorded_at, reason, handled_at)
SELECT component_id, NULL, 'up', %(born_at)s, %(born_at)s, '', %(now)s
FROM unnest(%(components)s::integer[]) AS component_id
UNION ALL
SELECT t.component_id, e.was::health.state, e.now::health.state, e.at, e.at, '', %(now)s
FROM unnest(
    %(of)s::integer[], %(states)s::text[], %(from_at)s::timestamptz[], %(to_at)s::timestamptz[]
) AS t (component_id, state, from_at, to_at)
CROSS JOIN LATERAL (VALUES ('up', t.state, t.from_at), (t.state, 'up', t.to_at)) AS e (was, now, at)
WHERE e.at IS NOT NULL
ORDER BY 4

-- name: states
INSERT INTO health.component_state (component_id, state, since)
SELECT DISTINCT ON (component_id) component_id, now, at
FROM health.transition
WHERE component_id = ANY (%(components)s::integer[])
ORDER BY component_id, at DESC, id DESC

-- name: days
INSERT INTO health.component_day (component_id, day, seconds_up, seconds_degraded, seconds_down)
SELECT
    component_id,
    day,
    coalesce(sum(seconds) FILTER (WHERE state = 'up'), 0),
    coalesce(sum(seconds) FILTER (WHERE state = 'degraded'), 0),
    coalesce(sum(seconds) FILTER (WHERE state = 'down'), 0)
FROM health.component_seconds(%(first)s, %(last)s, %(now)s)
WHERE component_id = ANY (%(components)s::integer[])
GROUP BY component_id, day
ON CONFLICT (component_id, day) DO NOTHING
