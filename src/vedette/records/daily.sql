-- name: is_month_due
-- Whether anything was counted before this month and nothing since.
SELECT EXISTS (SELECT FROM records.daily WHERE day < %(month)s)
    AND NOT EXISTS (SELECT FROM records.daily WHERE day >= %(month)s)

-- name: last_before
SELECT max(day) FROM records.daily WHERE day < %(month)s

-- name: make_months
SELECT records.make_months(%(first)s::timestamp AT TIME ZONE 'UTC', %(month)s::timestamp AT TIME ZONE 'UTC')

-- name: begin_month
-- Each month begins with all that stands, so that no question looks further back, and old ones may be dropped; so do
-- those before it in which nobody counted.
WITH before AS (
    SELECT date_trunc('month', max(day)::timestamp) AS month FROM records.daily WHERE day < %(month)s
)
INSERT INTO records.daily (
    day, scope, scope_id, severity, vulnerabilities, fixable, exploited, opened, closed)
SELECT m.month::date, l.scope, l.scope_id, l.severity, l.vulnerabilities, l.fixable, l.exploited, 0, 0
FROM before AS b
CROSS JOIN LATERAL generate_series(
    b.month + interval '1 month', %(month)s::timestamp, interval '1 month') AS m (month)
CROSS JOIN (
    SELECT DISTINCT ON (scope, scope_id, severity) scope, scope_id, severity, vulnerabilities, fixable,
        exploited
    FROM records.daily
    WHERE day >= (SELECT month::date FROM before) AND day < %(month)s
    ORDER BY scope, scope_id, severity, day DESC
) AS l
WHERE l.vulnerabilities > 0 AND NOT EXISTS (SELECT FROM records.daily WHERE day >= %(month)s)
ON CONFLICT DO NOTHING

-- name: count_days
-- What stands in each scope that one of these namespaces is in, by severity, once a vulnerability; and what opened in
-- it and closed. A row is written where it differs from the last one.
WITH touched AS (
    SELECT id AS namespace_id, cluster_id
    FROM fleet.namespace
    WHERE id = ANY (%(namespaces)s::integer[])
), served AS (
    SELECT DISTINCT sv.id, sv.team
    FROM fleet.service_namespace AS sn
    JOIN touched USING (namespace_id)
    JOIN fleet.service AS sv ON sv.id = sn.service_id
), member AS MATERIALIZED (
    SELECT 'namespace' AS scope, namespace_id::text AS scope_id, namespace_id FROM touched
    UNION
    SELECT 'cluster', cluster_id::text, id
    FROM fleet.namespace
    WHERE cluster_id IN (SELECT cluster_id FROM touched)
    UNION
    SELECT 'service', service_id::text, namespace_id
    FROM fleet.service_namespace
    WHERE service_id IN (SELECT id FROM served)
    UNION
    SELECT 'team', sv.team, sn.namespace_id
    FROM fleet.service AS sv
    JOIN fleet.service_namespace AS sn ON sn.service_id = sv.id
    WHERE sv.team IN (SELECT team FROM served)
), standing AS MATERIALIZED (
    SELECT m.scope, m.scope_id, e.identity, count(*) AS places,
        max(e.severity) FILTER (WHERE e.covered_until <= %(now)s) AS severity,
        bool_or(e.fixable) FILTER (WHERE e.covered_until <= %(now)s) AS fixable
    FROM member AS m
    JOIN records.exposure AS e ON e.namespace_id = m.namespace_id AND e.ended_at IS NULL
    GROUP BY 1, 2, 3
), listed AS (
    SELECT identity FROM records.priority WHERE rank <= 2
), counted AS (
    SELECT s.scope, s.scope_id, s.severity, count(*) AS vulnerabilities,
        count(*) FILTER (WHERE s.fixable) AS fixable, count(k.identity) AS exploited
    FROM standing AS s
    LEFT JOIN listed AS k USING (identity)
    WHERE s.severity IS NOT NULL
    GROUP BY 1, 2, 3
), moved AS (
    SELECT m.scope, m.scope_id, h.identity, max(h.severity) AS severity,
        count(*) FILTER (WHERE h.opened) AS opened, count(*) FILTER (WHERE NOT h.opened) AS closed
    FROM happened AS h
    JOIN member AS m ON m.namespace_id = h.place
    WHERE h.opened IS NOT NULL
    GROUP BY 1, 2, 3
), turned AS (
    SELECT m.scope, m.scope_id, m.severity,
        count(*) FILTER (WHERE coalesce(s.places, 0) > 0 AND coalesce(s.places, 0) - m.opened + m.closed = 0)
            AS opened,
        count(*) FILTER (WHERE coalesce(s.places, 0) = 0) AS closed
    FROM moved AS m
    LEFT JOIN standing AS s USING (scope, scope_id, identity)
    GROUP BY 1, 2, 3
), wanted AS (
    SELECT m.scope, m.scope_id, v.severity, coalesce(c.vulnerabilities, 0) AS vulnerabilities,
        coalesce(c.fixable, 0) AS fixable, coalesce(c.exploited, 0) AS exploited,
        coalesce(t.opened, 0) AS opened, coalesce(t.closed, 0) AS closed
    FROM (SELECT DISTINCT scope, scope_id FROM member) AS m
    CROSS JOIN generate_series(0, 6) AS v (severity)
    LEFT JOIN counted AS c
        ON c.scope = m.scope AND c.scope_id = m.scope_id AND c.severity = v.severity
    LEFT JOIN turned AS t
        ON t.scope = m.scope AND t.scope_id = m.scope_id AND t.severity = v.severity
)
INSERT INTO records.daily AS d (
    day, scope, scope_id, severity, vulnerabilities, fixable, exploited, opened, closed)
SELECT %(today)s, w.*
FROM wanted AS w
LEFT JOIN LATERAL (
    SELECT l.vulnerabilities, l.fixable, l.exploited
    FROM records.daily AS l
    WHERE l.scope = w.scope AND l.scope_id = w.scope_id AND l.severity = w.severity
      AND l.day BETWEEN %(month)s AND %(today)s
    ORDER BY l.day DESC
    LIMIT 1
) AS l ON true
WHERE w.opened + w.closed > 0
   OR (w.vulnerabilities, w.fixable, w.exploited)
      <> (coalesce(l.vulnerabilities, 0), coalesce(l.fixable, 0), coalesce(l.exploited, 0))
ON CONFLICT (day, scope, scope_id, severity) DO UPDATE
SET vulnerabilities = excluded.vulnerabilities, fixable = excluded.fixable,
    exploited = excluded.exploited, opened = d.opened + excluded.opened,
    closed = d.closed + excluded.closed

-- name: scope_named
-- The key of a scope by its name; of a namespace that several clusters have, the one of the cluster.
SELECT CASE %(scope)s::text
    WHEN 'cluster' THEN (SELECT id::text FROM fleet.cluster WHERE name = %(name)s)
    WHEN 'service' THEN (SELECT id::text FROM fleet.service WHERE name = %(name)s)
    WHEN 'team' THEN (SELECT team FROM fleet.service WHERE team = %(name)s LIMIT 1)
    ELSE (
        SELECT n.id::text
        FROM fleet.namespace AS n
        JOIN fleet.cluster AS c ON c.id = n.cluster_id
        WHERE n.name = %(name)s AND c.name = %(cluster)s)
END

-- name: history
-- A day without a row is as the one before.
WITH said AS MATERIALIZED (
    SELECT day, severity, vulnerabilities, fixable, exploited, opened, closed
    FROM records.daily
    WHERE scope = %(scope)s AND scope_id = %(scope_id)s
      AND day BETWEEN date_trunc('month', %(first)s::date)::date AND %(last)s
), day AS (
    SELECT generate_series(%(first)s::date, %(last)s::date, interval '1 day')::date AS day
)
SELECT d.day, v.severity::smallint AS severity, s.vulnerabilities, s.fixable, s.exploited,
    CASE WHEN s.day = d.day THEN s.opened ELSE 0 END AS opened,
    CASE WHEN s.day = d.day THEN s.closed ELSE 0 END AS closed
FROM day AS d
CROSS JOIN generate_series(0, 6) AS v (severity)
CROSS JOIN LATERAL (
    SELECT *
    FROM said
    WHERE said.severity = v.severity AND said.day <= d.day
      AND said.day >= date_trunc('month', d.day)::date
    ORDER BY said.day DESC
    LIMIT 1
) AS s
ORDER BY d.day, v.severity DESC

-- name: drop_months
SELECT records.drop_months('daily', %(daily)s::date) + records.drop_months('report', %(reports)s::date)

-- name: forget
-- Changes of long ago; exposures that ended are kept as long as days are.
WITH ended AS (
    DELETE FROM records.exposure WHERE ended_at < %(before)s
)
DELETE FROM records.severity_change WHERE at < %(before)s

-- name: forget_presences
-- What ran long ago, but for the last of each subject: what never ran anywhere is counted apart.
DELETE FROM records.presence AS p
USING (
    SELECT subject_id, max(coalesce(gone_at, 'infinity')) AS last_at
    FROM records.presence
    GROUP BY 1
) AS kept
WHERE p.subject_id = kept.subject_id AND p.gone_at < %(before)s AND p.gone_at < kept.last_at
