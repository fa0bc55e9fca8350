-- name: standing
-- How every living target and component is. One of which nothing was ever held is unknown since it was made.
SELECT
    0::bigint AS id,
    'target' AS subject,
    target.id AS subject_id,
    target.name AS name,
    '' AS was,
    coalesce(held.state::text, 'unknown') AS now,
    coalesce(held.since, target.made_at) AS at,
    coalesce(held.reason, '') AS reason,
    coalesce(held.error_class, '') AS error_class,
    coalesce(component.slug, '') AS component,
    coalesce(cluster.name, '') AS cluster,
    false AS retired
FROM fleet.target
LEFT JOIN health.target_state AS held ON held.target_id = target.id
LEFT JOIN fleet.component ON component.id = target.component_id
LEFT JOIN fleet.cluster ON cluster.id = target.cluster_id
WHERE target.retired_at IS NULL
UNION ALL
SELECT
    0,
    'component',
    component.id,
    component.slug,
    '',
    coalesce(held.state::text, 'unknown'),
    coalesce(held.since, component.made_at),
    coalesce(held.reason, ''),
    '',
    component.slug,
    '',
    false
FROM fleet.component
LEFT JOIN health.component_state AS held ON held.component_id = component.id
WHERE component.retired_at IS NULL
ORDER BY subject, name;

-- name: transitions
-- Changes above the highest id seen, and those that have since appeared in its holes, in the order of
-- their ids. Retired subjects are among them: a row left out would look like a hole.
WITH fresh AS (
    SELECT *
    FROM health.transition
    WHERE id > %(above)s
    UNION ALL
    SELECT transition.*
    FROM unnest(%(lows)s::bigint[], %(highs)s::bigint[]) AS hole (low, high)
    INNER JOIN health.transition ON transition.id BETWEEN hole.low AND hole.high
)
SELECT
    fresh.id,
    CASE WHEN fresh.target_id IS NULL THEN 'component' ELSE 'target' END AS subject,
    coalesce(fresh.target_id, fresh.component_id) AS subject_id,
    coalesce(target.name, own.slug) AS name,
    coalesce(fresh.was::text, '') AS was,
    fresh.now::text AS now,
    fresh.at,
    fresh.reason,
    fresh.error_class,
    coalesce(own.slug, above.slug, '') AS component,
    coalesce(cluster.name, '') AS cluster,
    coalesce(target.retired_at, own.retired_at) IS NOT NULL AS retired
FROM fresh
LEFT JOIN fleet.component AS own ON own.id = fresh.component_id
LEFT JOIN fleet.target ON target.id = fresh.target_id
LEFT JOIN fleet.component AS above ON above.id = target.component_id
LEFT JOIN fleet.cluster ON cluster.id = target.cluster_id
ORDER BY fresh.id
LIMIT %(limit)s;

-- name: before_the_last
-- The id after which the last so many changes come.
SELECT coalesce(min(id) - 1, 0)
FROM (
    SELECT id
    FROM health.transition
    ORDER BY id DESC
    LIMIT %(count)s
) AS last;

-- name: writers
-- Transactions that may still commit a change with an id they have already drawn: a statement takes
-- this lock before it draws its first id and keeps it until its transaction ends.
SELECT virtualtransaction
FROM pg_locks
WHERE locktype = 'relation'
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND relation = 'health.transition'::regclass
    AND mode = 'RowExclusiveLock'
    AND granted;

-- name: target_id
SELECT id
FROM fleet.target
WHERE name = %(name)s;

-- name: kept_reports
-- One page, oldest first; the page after it continues from its last (at, agent_id).
SELECT
    report.at,
    report.agent_id,
    agent.name AS agent,
    report.state,
    coalesce(error_class.name, '') AS error_class,
    report.rtt_s,
    report.layout_id,
    report."values"
FROM health.reports_of(%(target_id)s, %(since)s, %(until)s) AS report
LEFT JOIN fleet.agent ON agent.id = report.agent_id
LEFT JOIN health.error_class ON error_class.id = report.error_class_id
WHERE (report.at, report.agent_id) > (%(after_at)s, %(after_agent_id)s)
ORDER BY report.at, report.agent_id
LIMIT %(limit)s;

-- name: layouts
SELECT
    id,
    names,
    entities,
    units
FROM health.layout
WHERE id = ANY(%(ids)s);
