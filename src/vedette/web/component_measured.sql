-- name: drawn
-- What these measurements were, a point a step, over all living targets of the component: mean, least and greatest, and
-- the last value of each. place: which of those asked for. Hosts, targets and agents are not told apart, nor named.
WITH asked AS (
    SELECT a.place, a.name, a.entity
    FROM unnest(%(names)s::text[], %(entities)s::text[]) WITH ORDINALITY AS a (name, entity, place)
),
target AS (
    SELECT t.id, t.connector
    FROM fleet.target AS t
    WHERE t.component_id = %(component_id)s AND t.retired_at IS NULL
    ORDER BY t.id
    LIMIT %(targets)s
),
bucket AS (
    SELECT
        a.place,
        m.at,
        sum(m.avg * m.count) / sum(m.count) AS mean,
        min(m.min) AS least,
        max(m.max) AS most,
        avg(m.last) AS last
    FROM asked AS a
    CROSS JOIN target AS t
    CROSS JOIN LATERAL health.measured(t.id, a.name, %(since)s, %(until)s, %(step)s) AS m
    WHERE m.entity = a.entity AND m.min > '-Infinity' AND m.max < 'Infinity'
    GROUP BY a.place, m.at
),
series AS (
    SELECT
        place,
        array_agg(extract(epoch FROM at - %(since)s)::float8 ORDER BY at) AS at_s,
        array_agg(mean ORDER BY at) AS mean,
        array_agg(least ORDER BY at) AS least,
        array_agg(most ORDER BY at) AS most,
        (array_agg(last ORDER BY at DESC))[1] AS last
    FROM bucket
    GROUP BY place
)
SELECT
    a.place::integer,
    coalesce(said.unit, seen.unit, held.unit, CASE WHEN a.name = 'rtt' AND a.entity = '' THEN 'seconds' END, '') AS unit,
    coalesce(said.help, '') AS help,
    coalesce(s.at_s, '{}') AS at_s,
    coalesce(s.mean, '{}') AS mean,
    coalesce(s.least, '{}') AS least,
    coalesce(s.most, '{}') AS most,
    s.last
FROM asked AS a
LEFT JOIN series AS s USING (place)
LEFT JOIN LATERAL (
    SELECT m.unit, m.help
    FROM target AS t
    JOIN health.measurement AS m ON m.connector = t.connector AND m.name = a.name
    ORDER BY t.id
    LIMIT 1
) AS said ON true
LEFT JOIN LATERAL (
    -- What no connector describes has its unit from the newest report; what is not looked at any more, from its past.
    SELECT u.unit
    FROM target AS t
    JOIN health.observation AS o ON o.target_id = t.id
    JOIN health.layout AS l ON l.id = o.layout_id
    CROSS JOIN LATERAL unnest(l.names, l.entities, l.units) AS u (name, entity, unit)
    WHERE u.name = a.name AND u.entity = a.entity
    ORDER BY o.seen_at DESC
    LIMIT 1
) AS seen ON true
LEFT JOIN LATERAL (
    SELECT h.unit
    FROM target AS t
    JOIN health.series AS h ON h.target_id = t.id AND h.measurement = a.name AND h.entity = a.entity
    ORDER BY t.id
    LIMIT 1
) AS held ON true
ORDER BY a.place
