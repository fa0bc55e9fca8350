-- name: components
-- Every component of the status page and what we hold of it; no `since` means nobody has looked yet.
SELECT
    c.id,
    c.slug,
    s.name AS service,
    coalesce(c.attributes ->> 'category', s.category, '') AS category,
    coalesce(r.name, '') AS region,
    coalesce(c.type, '') AS type,
    coalesce(st.state, 'unknown')::text AS state,
    st.since
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
LEFT JOIN health.component_state AS st ON st.component_id = c.id
WHERE c.retired_at IS NULL AND c.is_public
ORDER BY r.name NULLS LAST, coalesce(c.attributes ->> 'category', s.category, '') = '', category, s.name, type, c.id

-- name: days
-- One row a component: its quiet days as a string of bits from the first day, the others with their
-- seconds. Less than a minute of our own blindness (a restart) is not worth a mark.
-- Folding 9,000 days into 100 rows here costs PostgreSQL 7 ms; in Python it would cost 30.
WITH closed AS (
    -- Days nobody closed yet (today; more when the nightly loop is late) come from the transitions,
    -- so that the bar is right whether that loop ran or not.
    SELECT coalesce(max(day), %(first)s::date - 1) AS last
    FROM health.component_day
    WHERE day >= %(first)s AND day < %(today)s
),
day AS (
    SELECT
        d.component_id AS id,
        d.day,
        d.seconds_up AS up,
        d.seconds_unknown AS unknown,
        d.seconds_initialising AS initialising,
        d.seconds_draining AS draining,
        d.seconds_degraded AS degraded,
        d.seconds_down AS down
    FROM health.component_day AS d
    WHERE d.day >= %(first)s AND d.day < %(today)s
    UNION ALL
    SELECT
        s.component_id,
        s.day,
        coalesce(sum(s.seconds) FILTER (WHERE s.state = 'up'), 0),
        coalesce(sum(s.seconds) FILTER (WHERE s.state = 'unknown'), 0),
        coalesce(sum(s.seconds) FILTER (WHERE s.state = 'initialising'), 0),
        coalesce(sum(s.seconds) FILTER (WHERE s.state = 'draining'), 0),
        coalesce(sum(s.seconds) FILTER (WHERE s.state = 'degraded'), 0),
        coalesce(sum(s.seconds) FILTER (WHERE s.state = 'down'), 0)
    FROM closed
    CROSS JOIN LATERAL health.component_seconds(closed.last + 1, %(today)s, %(now)s) AS s
    GROUP BY s.component_id, s.day
)
SELECT
    id,
    sum(up)::float8 AS up_s,
    sum(up + initialising + draining + degraded + down)::float8 AS seen_s,
    coalesce(
        bit_or(set_bit(0::bit(90), day - %(first)s::date, 1))
            FILTER (WHERE up > 0 AND unknown < 60 AND initialising + draining + degraded + down = 0),
        0::bit(90)
    )::text AS quiet,
    coalesce(
        json_agg(
            json_build_array(
                day - %(first)s::date, up,
                json_build_array(down, degraded, draining, initialising, unknown))
            ORDER BY day
        ) FILTER (WHERE unknown >= 60 OR initialising + draining + degraded + down > 0),
        '[]'
    )::text AS troubled
FROM day
GROUP BY id

-- name: tally
-- How many targets there are of each state (of those asked for), cluster and connector (of all).
WITH listed AS (
    SELECT
        coalesce(st.state, 'unknown') AS state,
        coalesce(cl.name, '') AS cluster,
        t.connector,
        %(cluster)s IN ('', cl.name)
            AND %(connector)s IN ('', t.connector)
            AND strpos(
                lower(concat_ws(' ', t.name, s.name, r.name, st.reason)), lower(%(words)s)
            ) > 0 AS is_asked
    FROM fleet.target AS t
    LEFT JOIN fleet.cluster AS cl ON cl.id = t.cluster_id
    LEFT JOIN fleet.component AS c ON c.id = t.component_id
    LEFT JOIN fleet.service AS s ON s.id = c.service_id
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    LEFT JOIN health.target_state AS st ON st.target_id = t.id
    WHERE t.retired_at IS NULL
)
SELECT 'state' AS kind, state::text AS word, count(*) FILTER (WHERE is_asked) AS number
FROM listed
GROUP BY state
UNION ALL
SELECT 'cluster', cluster, count(*)
FROM listed
GROUP BY cluster
UNION ALL
SELECT 'connector', connector, count(*)
FROM listed
GROUP BY connector
ORDER BY kind, word

-- name: targets
-- The targets asked for, the gravest first; "" asks for all.
SELECT
    t.name,
    t.slug,
    t.connector,
    coalesce(cl.name, '') AS cluster,
    coalesce(s.name || coalesce(' in ' || r.name, ''), '') AS component,
    coalesce(st.state, 'unknown')::text AS state,
    st.since,
    coalesce(st.reason, '') AS reason
FROM fleet.target AS t
LEFT JOIN fleet.cluster AS cl ON cl.id = t.cluster_id
LEFT JOIN fleet.component AS c ON c.id = t.component_id
LEFT JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
LEFT JOIN health.target_state AS st ON st.target_id = t.id
WHERE t.retired_at IS NULL
  AND %(state)s IN ('', coalesce(st.state, 'unknown')::text)
  AND %(cluster)s IN ('', cl.name)
  AND %(connector)s IN ('', t.connector)
  AND strpos(lower(concat_ws(' ', t.name, s.name, r.name, st.reason)), lower(%(words)s)) > 0
ORDER BY coalesce(st.state, 'unknown') DESC, t.name
OFFSET %(skip)s
LIMIT %(limit)s

-- name: target
-- One target by its name, or by its slug when no name is so.
SELECT
    t.id,
    t.name,
    t.connector,
    coalesce(cl.name, '') AS cluster,
    coalesce(s.name || coalesce(' in ' || r.name, ''), '') AS component,
    t.every_ms,
    t.timeout_ms,
    t.bad_after,
    t.good_after,
    coalesce(st.state, 'unknown')::text AS state,
    st.since,
    coalesce(st.reason, '') AS reason,
    coalesce(st.error_class, '') AS error_class,
    t.thresholds,
    t.retired_at
FROM fleet.target AS t
LEFT JOIN fleet.cluster AS cl ON cl.id = t.cluster_id
LEFT JOIN fleet.component AS c ON c.id = t.component_id
LEFT JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
LEFT JOIN health.target_state AS st ON st.target_id = t.id
WHERE t.name = %(name)s OR t.slug = %(name)s
ORDER BY t.name = %(name)s DESC
LIMIT 1

-- name: observers
-- What each agent holds of one target, with its latest measurements; the freshest first.
SELECT
    a.name AS agent,
    o.state::text AS state,
    o.since,
    o.seen_at,
    o.reported,
    o.silent_since,
    coalesce(e.name, '') AS error_class,
    o.message,
    o.facts,
    o.rtt_s,
    coalesce(l.names, '{}') AS names,
    coalesce(l.entities, '{}') AS entities,
    coalesce(l.units, '{}') AS units,
    o."values"
FROM health.observation AS o
JOIN fleet.agent AS a ON a.id = o.agent_id
LEFT JOIN health.layout AS l ON l.id = o.layout_id
LEFT JOIN health.error_class AS e ON e.id = o.error_class_id
WHERE o.target_id = %(target_id)s AND o.assigned
ORDER BY o.silent_since IS NOT NULL, o.seen_at DESC, a.name

-- name: series
-- Every measurement of one target, thinned to one point a bucket: mean, least and greatest, over all
-- agents. Reports have no index by target on the open day: the caller sets a statement timeout.
WITH kept AS (
    SELECT
        date_bin(%(bucket)s, r.at, %(since)s) AS at,
        date_bin('1 hour', r.at, '2000-01-01 00:00:00+00') AS hour,
        r.layout_id, r.rtt_s, r."values"
    FROM health.report AS r
    WHERE r.target_id = %(target_id)s AND r.at >= %(since)s AND r.at < %(until)s
),
own AS (
    -- Hours in which the target itself measures what is called `rtt`, as `health.pieces` has it.
    SELECT DISTINCT k.hour
    FROM (SELECT DISTINCT hour, layout_id FROM kept) AS k
    JOIN health.layout AS l ON l.id = k.layout_id
    CROSS JOIN LATERAL unnest(l.names, l.entities) AS u (name, entity)
    WHERE u.name = 'rtt' AND u.entity = ''
),
point AS (
    SELECT 'rtt' AS name, '' AS entity, 'seconds' AS unit, at, rtt_s::float8 AS value
    FROM kept
    WHERE hour NOT IN (SELECT hour FROM own)
    UNION ALL
    SELECT l.names[v.nth], l.entities[v.nth], l.units[v.nth], k.at, v.value
    FROM kept AS k
    JOIN health.layout AS l ON l.id = k.layout_id
    CROSS JOIN LATERAL unnest(k."values") WITH ORDINALITY AS v (value, nth)
),
bucket AS (
    SELECT name, entity, unit, at, avg(value) AS mean, min(value) AS least, max(value) AS most
    FROM point
    WHERE value NOT IN ('NaN', 'Infinity', '-Infinity')
    GROUP BY name, entity, unit, at
)
SELECT
    name,
    entity,
    unit,
    array_agg(extract(epoch FROM at - %(since)s)::float8 ORDER BY at) AS at_s,
    array_agg(mean ORDER BY at) AS mean,
    array_agg(least ORDER BY at) AS least,
    array_agg(most ORDER BY at) AS most
FROM bucket
GROUP BY name, entity, unit
ORDER BY entity, name
LIMIT %(limit)s

-- name: help
-- What the measurements of a connector mean.
SELECT name, help FROM health.measurement WHERE connector = %(connector)s

-- name: history
-- The latest changes of state of one target, the newest first.
SELECT t.at, coalesce(t.was::text, '') AS was, t.now::text AS now, t.reason, t.error_class
FROM health.transition AS t
WHERE t.target_id = %(target_id)s
ORDER BY t.at DESC, t.id DESC
LIMIT %(limit)s
