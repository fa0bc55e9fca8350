-- name: table
-- The public components asked for and, after them, the groups they make, each with what it was told to be in each
-- window; of components also what was published of a month, and what the compatible formula says. One statement.
-- What was told is an object: window → microseconds in the order of `Told`.
WITH line AS MATERIALIZED (
    SELECT
        c.id,
        c.slug,
        s.name AS service,
        coalesce(r.name, '') AS region,
        coalesce(c.attributes ->> 'category', s.category, '') AS category,
        coalesce(c.type, '') AS type,
        c.attributes ->> 'slo' AS slo
    FROM fleet.component AS c
    JOIN fleet.service AS s ON s.id = c.service_id
    LEFT JOIN fleet.region AS r ON r.id = c.region_id
    WHERE c.retired_at IS NULL AND c.is_public
      AND %(component)s IN ('', c.slug)
      AND %(service)s IN ('', s.name)
      AND %(region)s IN ('', r.name)
      AND %(category)s IN ('', coalesce(c.attributes ->> 'category', s.category))
),
grouped AS MATERIALIZED (
    SELECT
        l.*,
        dense_rank() OVER (
            ORDER BY
                CASE WHEN 'region' = ANY (%(by)s::text[]) THEN l.region END,
                CASE WHEN 'category' = ANY (%(by)s::text[]) THEN l.category END,
                CASE WHEN 'service' = ANY (%(by)s::text[]) THEN l.service END
        )::integer AS group_id
    FROM line AS l
),
asked AS MATERIALIZED (
    SELECT
        coalesce(array_agg(g.id ORDER BY g.id), '{}') AS ids,
        coalesce(array_agg(g.group_id ORDER BY g.id), '{}') AS groups
    FROM grouped AS g
),
told AS MATERIALIZED (
    SELECT
        t.component_id,
        t.group_id,
        json_object_agg(
            t.nth, ARRAY[t.window_us, t.outage_us, t.major_us, t.minor_us, t.maintenance_us, t.unseen_us]
        )::text AS cells
    FROM asked AS a
    CROSS JOIN LATERAL incidents.told(
        a.ids, %(bounds)s::timestamptz[], %(now)s, %(shielded)s,
        CASE WHEN cardinality(%(by)s::text[]) > 0 THEN a.groups END) AS t
    GROUP BY t.component_id, t.group_id
),
published AS MATERIALIZED (
    -- A policy is many words: once a component, not once a month.
    SELECT p.component_id, json_agg(json_build_array(p.policy, p.cells))::text AS cells
    FROM (
        SELECT
            m.component_id,
            m.policy,
            json_agg(json_build_array(m.month, m.whole_us, m.lost_us::text, m.published_at)) AS cells
        FROM incidents.monthly AS m
        WHERE m.zone = %(zone)s AND m.month >= %(first)s AND m.month < %(until)s
        GROUP BY m.component_id, m.policy
    ) AS p
    GROUP BY p.component_id
),
compatible AS MATERIALIZED (
    SELECT
        k.component_id,
        json_agg(ARRAY[k.nth, k.elapsed_us, k.lost_us])::text AS cells
    FROM asked AS a
    CROSS JOIN LATERAL incidents.compatible(a.ids, %(bounds)s::timestamptz[], %(now)s) AS k
    WHERE %(compatible)s
    GROUP BY k.component_id
)
SELECT
    g.group_id,
    g.slug,
    g.service,
    g.region,
    g.category,
    g.type,
    g.slo,
    coalesce(t.cells, '{}') AS told,
    coalesce(p.cells, '[]') AS published,
    coalesce(k.cells, '[]') AS compatible
FROM grouped AS g
LEFT JOIN told AS t ON t.component_id = g.id
LEFT JOIN published AS p ON p.component_id = g.id
LEFT JOIN compatible AS k ON k.component_id = g.id
UNION ALL
SELECT t.group_id, '', '', '', '', '', NULL, t.cells, '[]', '[]'
FROM told AS t
WHERE t.component_id IS NULL

-- name: unpublished
-- The components that lived in one of these months and have no number of it yet, with the window of the month.
SELECT c.id, w.nth::integer
FROM unnest(%(bounds)s::timestamptz[], %(months)s::date[]) WITH ORDINALITY AS w (opens, month, nth)
JOIN fleet.component AS c
    ON c.made_at < (%(bounds)s::timestamptz[])[w.nth + 1]
    AND (c.retired_at IS NULL OR c.retired_at > w.opens)
WHERE w.month IS NOT NULL
  AND NOT EXISTS (
      SELECT FROM incidents.monthly AS m
      WHERE m.component_id = c.id AND m.zone = %(zone)s AND m.month = w.month)

-- name: told
-- How long these were told to be what in each window.
SELECT component_id, nth, window_us, outage_us, major_us, minor_us, maintenance_us, unseen_us
FROM incidents.told(%(components)s, %(bounds)s::timestamptz[], %(now)s, %(shielded)s)

-- name: publish
-- What another server published a moment ago stands.
INSERT INTO incidents.monthly (component_id, zone, month, whole_us, lost_us, policy, published_at)
VALUES (%(component_id)s, %(zone)s, %(month)s, %(whole_us)s, %(lost_us)s, %(policy)s, %(now)s)
ON CONFLICT DO NOTHING
