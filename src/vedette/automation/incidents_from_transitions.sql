-- name: anything
-- Whether anything may be due but what is judged again: a peek that takes no lock. A draft may have to let go of
-- whom others tell of, and what has lost its last component must end.
SELECT EXISTS (SELECT FROM health.transition WHERE handled_at IS NULL AND component_id IS NOT NULL)
    OR EXISTS (SELECT FROM incidents.flapping WHERE to_at IS NULL)
    OR EXISTS (
        SELECT FROM incidents.incident AS i
        WHERE i.is_open AND i.system AND i.origin = 'automation'
          AND (i.published_at IS NULL OR NOT EXISTS (
              SELECT FROM incidents.affected AS a WHERE a.incident_id = i.id AND a.left_at IS NULL)))

-- name: flapping
SELECT component_id FROM incidents.flapping WHERE to_at IS NULL

-- name: changes
-- When each went from one state that we know to another, within `span` before its moment. Not seeing it, and its
-- starting and draining, are no changes.
SELECT w.component_id, t.at
FROM unnest(%(components)s::integer[], %(until)s::timestamptz[]) AS w (component_id, until)
CROSS JOIN LATERAL (
    SELECT at, now, coalesce(lag(now) OVER (ORDER BY at, id), was) AS before
    FROM health.transition
    WHERE component_id = w.component_id AND now IN ('up', 'degraded', 'down')
      AND at > w.until - 3 * %(span)s::interval AND at <= w.until
) AS t
WHERE t.at > w.until - %(span)s::interval AND t.before IN ('up', 'degraded', 'down') AND t.before <> t.now

-- name: to_judge_again
-- In trouble, and nobody tells of it or has since said that it is over; or well or retired, and still told by us.
SELECT st.component_id, st.state::text AS state, st.since AS at
FROM health.component_state AS st
JOIN fleet.component AS c ON c.id = st.component_id
WHERE st.state IN ('down', 'degraded') AND c.retired_at IS NULL
  AND NOT EXISTS (
      SELECT FROM incidents.affected AS a
      JOIN incidents.incident AS i ON i.id = a.incident_id
      WHERE a.component_id = c.id AND i.kind = 'incident'
        AND (a.left_at IS NULL AND i.is_open OR coalesce(a.left_at, i.ends_at) >= st.since))
  AND NOT EXISTS (SELECT FROM health.transition AS t WHERE t.component_id = c.id AND t.handled_at IS NULL)
UNION ALL
SELECT a.component_id, 'up', coalesce(c.retired_at, st.since)
FROM incidents.incident AS i
JOIN incidents.affected AS a ON a.incident_id = i.id
JOIN fleet.component AS c ON c.id = a.component_id
LEFT JOIN health.component_state AS st ON st.component_id = c.id
WHERE i.is_open AND i.system AND i.origin = 'automation' AND i.status <> 'observing' AND a.left_at IS NULL
  AND (c.retired_at IS NOT NULL OR st.state = 'up')
  AND NOT EXISTS (SELECT FROM incidents.flapping AS f WHERE f.component_id = c.id AND f.to_at IS NULL)
  AND NOT EXISTS (SELECT FROM health.transition AS t WHERE t.component_id = c.id AND t.handled_at IS NULL)
ORDER BY at, component_id
LIMIT %(at_most)s
