-- name: component
SELECT
    c.id,
    c.slug,
    s.name AS service,
    coalesce(r.name, '') AS region,
    c.made_at,
    c.retired_at
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.slug = %(slug)s

-- name: state
-- The change that its state at that time began with.
SELECT now::text AS state, was::text AS was, at AS since, recorded_at, reason
FROM health.transition
WHERE component_id = %(component_id)s AND at <= %(at)s
ORDER BY at DESC, id DESC
LIMIT 1

-- name: targets
-- Its targets of today, each with the change that its state at that time began with.
SELECT
    t.name,
    t.every_ms,
    t.bad_after,
    t.good_after,
    health.silent_after(t.every_ms, t.timeout_ms) AS silent_after,
    t.made_at,
    coalesce(w.now::text, '') AS state,
    w.at AS since,
    coalesce(w.reason, '') AS reason
FROM fleet.target AS t
LEFT JOIN LATERAL (
    SELECT x.now, x.at, x.reason
    FROM health.transition AS x
    WHERE x.target_id = t.id AND x.at <= %(at)s
    ORDER BY x.at DESC, x.id DESC
    LIMIT 1
) AS w ON true
WHERE t.component_id = %(component_id)s AND t.made_at <= %(at)s AND (t.retired_at IS NULL OR t.retired_at > %(at)s)
ORDER BY w.now DESC NULLS LAST, t.name
LIMIT %(at_most)s

-- name: observers
-- What each agent holds of these targets now.
SELECT
    t.name AS target,
    a.name AS agent,
    o.state::text AS state,
    o.since,
    o.dissent,
    o.worse,
    CASE WHEN o.worse THEN t.bad_after ELSE t.good_after END AS needed,
    o.silent_since,
    o.seen_at,
    o.reported
FROM fleet.target AS t
JOIN health.observation AS o ON o.target_id = t.id AND o.assigned
JOIN fleet.agent AS a ON a.id = o.agent_id
WHERE t.component_id = %(component_id)s AND t.retired_at IS NULL
ORDER BY t.name, a.name
LIMIT %(at_most)s

-- name: told
-- The incidents and maintenances it stood in at that time.
SELECT
    i.id,
    i.kind,
    i.impact,
    i.origin,
    i.system,
    greatest(i.starts_at, a.joined_at) AS since,
    least(i.ends_at, a.left_at) AS until,
    i.published_at,
    i.publish_at
FROM incidents.affected AS a
JOIN incidents.incident AS i ON i.id = a.incident_id
WHERE a.component_id = %(component_id)s AND i.kind <> 'info'
  AND (i.kind = 'incident' OR i.status IN ('in progress', 'completed'))
  AND greatest(i.starts_at, a.joined_at) <= %(at)s
  AND (least(i.ends_at, a.left_at) IS NULL OR least(i.ends_at, a.left_at) > %(at)s
       OR (i.is_open AND a.left_at IS NULL))
ORDER BY i.kind DESC, i.id

-- name: said_over
-- What last ended although it was in this state already: somebody said that it is over.
SELECT i.id, coalesce(a.left_at, i.ends_at) AS at
FROM incidents.affected AS a
JOIN incidents.incident AS i ON i.id = a.incident_id
WHERE a.component_id = %(component_id)s AND i.kind = 'incident'
  AND coalesce(a.left_at, i.ends_at) BETWEEN %(since)s AND %(at)s
ORDER BY at DESC, i.id DESC
LIMIT 1

-- name: judgement
-- What the automation last made of it.
SELECT at, judged_at, state, deed, incident_id, publish_at
FROM incidents.judgement
WHERE component_id = %(component_id)s AND judged_at <= %(at)s
ORDER BY judged_at DESC, id DESC
LIMIT 1

-- name: flapping
SELECT from_at
FROM incidents.flapping
WHERE component_id = %(component_id)s AND from_at <= %(at)s AND (to_at IS NULL OR to_at > %(at)s)

-- name: policies_kept
SELECT max(kept_at) FROM incidents.policy
