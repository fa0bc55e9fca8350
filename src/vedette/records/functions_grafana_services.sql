-- What dashboards may ask of validations, SLOs and delivery: a contract; never change shape, add _v2.

-- ── validations ──────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION grafana.validations(cluster text, namespace text)
RETURNS TABLE (
    kind text, object text, validation text, passed boolean, contradicted boolean, since timestamptz, word text,
    message text, description text, remediation text, source text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT o.kind, o.name, k.name, v.passed, v.contradicted, v.since_at, v.word, v.message, k.description,
        k.remediation, s.name
    FROM fleet.cluster AS c
    JOIN fleet.namespace AS n ON n.cluster_id = c.id
    JOIN records.object AS o ON o.namespace_id = n.id
    JOIN records.validation AS v ON v.object_id = o.id AND v.until_at IS NULL
    JOIN records.check_kind AS k ON k.id = v.check_id
    JOIN records.source AS s ON s.id = v.source_id
    WHERE c.name = validations.cluster AND n.name = validations.namespace
    ORDER BY v.passed, k.name, o.kind, o.name, s.name
$$;
COMMENT ON FUNCTION grafana.validations(text, text)
    IS 'How each object of a namespace stands to each check, since when, and how to mend it.';

CREATE OR REPLACE FUNCTION grafana.validation_counts(clusters text[] DEFAULT NULL, namespaces text[] DEFAULT NULL)
RETURNS TABLE (cluster text, namespace text, validation text, passing bigint, failing bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT c.name, coalesce(n.name, ''), k.name, count(*) FILTER (WHERE v.passed), count(*) FILTER (WHERE NOT v.passed)
    FROM fleet.cluster AS c
    JOIN records.object AS o ON o.cluster_id = c.id
    LEFT JOIN fleet.namespace AS n ON n.id = o.namespace_id
    JOIN records.validation AS v ON v.object_id = o.id AND v.until_at IS NULL
    JOIN records.check_kind AS k ON k.id = v.check_id
    WHERE (clusters IS NULL OR c.name = ANY (clusters))
      AND (namespaces IS NULL OR coalesce(n.name, '') = ANY (namespaces))
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION grafana.validation_counts(text[], text[])
    IS 'How many objects pass and fail each check, by cluster and namespace ("" for what belongs to none).';

CREATE OR REPLACE FUNCTION grafana.validation_history(
    cluster text, namespace text, from_at timestamptz, to_at timestamptz, step interval DEFAULT '1 hour')
RETURNS TABLE ("time" timestamptz, passing bigint, failing bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    -- Each step counts what stands at its start. A range of more than 2,000 steps gets longer ones.
    WITH range AS (
        SELECT date_bin(w.width, from_at, '2000-01-01 00:00:00+00') AS opens, least(to_at, now()) AS closes, w.width
        FROM (SELECT greatest(step, (to_at - from_at) / 2000, interval '1 second')) AS w (width)
    ), member AS MATERIALIZED (
        SELECT o.id
        FROM fleet.cluster AS c
        JOIN fleet.namespace AS n ON n.cluster_id = c.id
        JOIN records.object AS o ON o.namespace_id = n.id
        WHERE c.name = validation_history.cluster AND n.name = validation_history.namespace
    ), stretch AS (
        SELECT v.passed, v.since_at, v.until_at
        FROM member AS m
        JOIN records.validation AS v ON v.object_id = m.id AND v.until_at IS NULL
        UNION ALL
        SELECT v.passed, v.since_at, v.until_at
        FROM records.validation AS v
        JOIN member AS m ON m.id = v.object_id
        WHERE v.until_at > from_at
    ), changes AS (
        -- What begins is one more from the next step on, what ends one less.
        SELECT date_bin(r.width, greatest(e.at, r.opens) - interval '1 microsecond', '2000-01-01 00:00:00+00')
                + r.width AS at,
            coalesce(sum(e.n) FILTER (WHERE s.passed), 0) AS passing,
            coalesce(sum(e.n) FILTER (WHERE NOT s.passed), 0) AS failing
        FROM range AS r
        CROSS JOIN stretch AS s
        CROSS JOIN LATERAL (VALUES (s.since_at, 1), (s.until_at, -1)) AS e (at, n)
        WHERE e.at < r.closes
        GROUP BY 1
    )
    SELECT g.at, (sum(coalesce(c.passing, 0)) OVER w)::bigint, (sum(coalesce(c.failing, 0)) OVER w)::bigint
    FROM range AS r
    CROSS JOIN LATERAL generate_series(r.opens, r.closes - interval '1 microsecond', r.width) AS g (at)
    LEFT JOIN changes AS c ON c.at = g.at
    WINDOW w AS (ORDER BY g.at)
    ORDER BY 1
$$;
COMMENT ON FUNCTION grafana.validation_history(text, text, timestamptz, timestamptz, interval)
    IS 'How many checks of the objects of a namespace passed and failed at each step.';

-- ── SLOs ─────────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION grafana.slo_values(
    from_at timestamptz, to_at timestamptz, services text[] DEFAULT NULL, slos text[] DEFAULT NULL)
RETURNS TABLE (
    "time" timestamptz, service text, slo text, sli text, document text, cluster text, namespace text,
    value double precision, target double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT v.at, f.name, s.name, s.sli, s.document, c.name, n.name, v.value, v.target
    FROM fleet.service AS f
    JOIN records.slo AS s ON s.service_id = f.id
    JOIN fleet.namespace AS n ON n.id = s.namespace_id
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
    JOIN records.slo_value AS v ON v.slo_id = s.id AND v.at >= from_at AND v.at < to_at
    WHERE (services IS NULL OR f.name = ANY (services))
      AND (slos IS NULL OR s.name = ANY (slos))
    ORDER BY v.at, f.name, s.name, s.id
$$;
COMMENT ON FUNCTION grafana.slo_values(timestamptz, timestamptz, text[], text[])
    IS 'The values of SLOs within a time beside their targets, in per cent; kept for years.';

-- A value stands until the next, for two days at most (records/slo_rules.py); the rest is no data, which is neither
-- good nor bad. Lost is each stretch of time weighed with what its value lacks to 100 %.
CREATE OR REPLACE FUNCTION grafana.error_budgets(
    from_at timestamptz, to_at timestamptz, services text[] DEFAULT NULL)
RETURNS TABLE (
    service text, objective text, slo text, sli text, document text, cluster text, namespace text,
    target double precision, attained double precision, allowed_s double precision, known_s double precision,
    lost_s double precision, remaining double precision, burn_rate double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    WITH claimed AS (
        SELECT s.id, s.service_id, s.namespace_id, s.name, s.sli, s.document, coalesce(o.name, s.name) AS objective,
            o.target
        FROM records.slo AS s
        JOIN fleet.service AS f ON f.id = s.service_id AND (services IS NULL OR f.name = ANY (services))
        LEFT JOIN records.objective AS o
            ON o.service_id = s.service_id AND o.component_id IS NULL AND o.retired_at IS NULL
            AND (s.name = o.name OR s.document = o.document AND s.name = o.sli)
    ), counted AS (
        SELECT c.*, w.last_target, w.known_s, w.lost_s
        FROM claimed AS c
        CROSS JOIN LATERAL (
            SELECT (array_agg(x.target ORDER BY x.at DESC))[1] AS last_target, sum(x.seconds) AS known_s,
                sum(x.seconds * least(greatest(1 - x.value / 100, 0), 1)) AS lost_s
            FROM (
                SELECT v.at, v.value, v.target, extract(epoch FROM
                        least(
                            coalesce(lead(v.at) OVER (ORDER BY v.at), to_at), v.at + interval '2 days', to_at, now())
                        - greatest(v.at, from_at))::double precision AS seconds
                FROM records.slo_value AS v
                WHERE v.slo_id = c.id AND v.at > from_at - interval '2 days' AND v.at < to_at
            ) AS x
            WHERE x.seconds > 0
        ) AS w
        WHERE w.known_s > 0
    ), allowed AS (
        SELECT c.*, t.target AS due, 1 - t.target / 100 AS share,
            (1 - t.target / 100) * extract(epoch FROM to_at - from_at)::double precision AS allowed_s
        FROM counted AS c
        CROSS JOIN LATERAL (SELECT coalesce(c.target, c.last_target)) AS t (target)
    )
    SELECT f.name, a.objective, a.name, a.sli, a.document, k.name, n.name, a.due, 100 * (1 - a.lost_s / a.known_s),
        a.allowed_s, a.known_s, a.lost_s, 1 - a.lost_s / nullif(a.allowed_s, 0),
        a.lost_s / a.known_s / nullif(a.share, 0)
    FROM allowed AS a
    JOIN fleet.service AS f ON f.id = a.service_id
    JOIN fleet.namespace AS n ON n.id = a.namespace_id
    JOIN fleet.cluster AS k ON k.id = n.cluster_id
    ORDER BY 1, 2, 6, 7, a.id
$$;
COMMENT ON FUNCTION grafana.error_budgets(timestamptz, timestamptz, text[])
    IS 'What each SLO may lose in a time and has lost; remaining: the share left, below 0 when missed; burn rate 1 uses it up exactly.';

CREATE OR REPLACE FUNCTION grafana.error_budgets_by_month(
    from_at timestamptz, to_at timestamptz, zone text DEFAULT 'UTC', services text[] DEFAULT NULL)
RETURNS TABLE (
    month timestamptz, service text, objective text, slo text, sli text, document text, cluster text, namespace text,
    target double precision, attained double precision, allowed_s double precision, known_s double precision,
    lost_s double precision, remaining double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT m.opens AT TIME ZONE zone, b.service, b.objective, b.slo, b.sli, b.document, b.cluster, b.namespace, b.target,
        b.attained, b.allowed_s, b.known_s, b.lost_s, b.remaining
    FROM generate_series(
        date_trunc('month', from_at AT TIME ZONE zone), to_at AT TIME ZONE zone - interval '1 microsecond',
        interval '1 month') AS m (opens)
    CROSS JOIN LATERAL grafana.error_budgets(
        m.opens AT TIME ZONE zone, (m.opens + interval '1 month') AT TIME ZONE zone, services) AS b
    ORDER BY 1, 2, 3, 7, 8
$$;
COMMENT ON FUNCTION grafana.error_budgets_by_month(timestamptz, timestamptz, text, text[])
    IS 'The error budget of each SLO in each calendar month that a time touches.';

-- ── delivery ─────────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION grafana.deployments(
    from_at timestamptz, to_at timestamptz, services text[] DEFAULT NULL, environments text[] DEFAULT NULL)
RETURNS TABLE (
    "time" timestamptz, service text, app text, environment text, pipeline text, reason text, commits bigint,
    leads_s double precision[], failed boolean, recovery_s double precision, unrecovered boolean, rework boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    -- Of its commits count for lead time those that no earlier deployment had brought to the same place, and no
    -- reverts; a commit younger than its deployment cannot be in it. rework: it mends what one before it broke.
    SELECT d.finished_at, coalesce(f.name, d.app), d.app, d.environment, d.pipeline, d.reason, m.commits,
        coalesce(m.leads_s, '{}'), u.failures > 0,
        CASE WHEN u.failures > 0 AND u.lasting = 0 THEN greatest(u.recovery_s, 0) END, coalesce(u.lasting, 0) > 0,
        EXISTS (
            SELECT
            FROM records.deployment AS b
            JOIN records.cause AS k ON k.deployment_id = b.id AND k.state = 'confirmed'
            JOIN incidents.incident AS i ON i.id = k.incident_id
            WHERE b.app = d.app AND b.environment = d.environment AND b.id <> d.id AND b.finished_at < d.finished_at
              AND d.finished_at > i.starts_at AND d.finished_at <= coalesce(i.ends_at, now()))
    FROM records.deployment AS d
    LEFT JOIN fleet.service AS f ON f.id = d.service_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS commits,
            array_agg(c.lead_s::double precision ORDER BY c.lead_s) FILTER (
                WHERE NOT c.reverts AND c.lead_s >= 0 AND NOT EXISTS (
                    SELECT
                    FROM records.commit AS e
                    JOIN records.deployment AS p ON p.id = e.deployment_id
                    WHERE e.revision = c.revision AND e.repository = c.repository AND p.app = d.app
                      AND p.environment = d.environment AND (p.finished_at, p.id) < (d.finished_at, d.id))) AS leads_s
        FROM records.commit AS c
        WHERE c.deployment_id = d.id
    ) AS m
    CROSS JOIN LATERAL (
        SELECT count(*) AS failures, count(*) FILTER (WHERE i.ends_at IS NULL) AS lasting,
            extract(epoch FROM max(i.ends_at) - min(i.starts_at))::double precision AS recovery_s
        FROM records.cause AS k
        JOIN incidents.incident AS i ON i.id = k.incident_id
        WHERE k.deployment_id = d.id AND k.state = 'confirmed'
    ) AS u
    WHERE d.finished_at >= from_at AND d.finished_at < to_at
      AND (services IS NULL OR coalesce(f.name, d.app) = ANY (services))
      AND (environments IS NULL OR d.environment = ANY (environments))
    ORDER BY d.finished_at, d.id
$$;
COMMENT ON FUNCTION grafana.deployments(timestamptz, timestamptz, text[], text[])
    IS 'The deployments of a time: how long their commits took, whether they failed and how long until that was mended.';

CREATE OR REPLACE FUNCTION grafana.delivery(
    from_at timestamptz, to_at timestamptz, services text[] DEFAULT NULL, environments text[] DEFAULT NULL)
RETURNS TABLE (
    service text, environment text, deployments bigint, per_day double precision, lead_median_s double precision,
    lead_p90_s double precision, fail_rate double precision, recovery_median_s double precision,
    recovery_p90_s double precision, unrecovered bigint, rework_rate double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    WITH each AS MATERIALIZED (
        SELECT * FROM grafana.deployments(from_at, to_at, services, environments)
    ), lead AS (
        SELECT e.service, e.environment, percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY l.seconds) AS s
        FROM each AS e
        CROSS JOIN LATERAL unnest(e.leads_s) AS l (seconds)
        GROUP BY 1, 2
    ), whole AS (
        SELECT e.service, e.environment, count(*) AS n,
            count(*) FILTER (WHERE e.failed)::double precision AS failed,
            count(*) FILTER (WHERE e.unrecovered) AS unrecovered,
            count(*) FILTER (WHERE e.rework)::double precision AS rework,
            percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY e.recovery_s) AS recovery
        FROM each AS e
        GROUP BY 1, 2
    )
    SELECT w.service, w.environment, w.n, w.n / (extract(epoch FROM to_at - from_at)::double precision / 86400), l.s[1],
        l.s[2], w.failed / w.n, w.recovery[1], w.recovery[2], w.unrecovered, w.rework / w.n
    FROM whole AS w
    LEFT JOIN lead AS l ON l.service = w.service AND l.environment = w.environment
    ORDER BY 1, 2
$$;
COMMENT ON FUNCTION grafana.delivery(timestamptz, timestamptz, text[], text[])
    IS 'DORA''s five measures by service and environment; what cannot be measured is empty, never 0.';
