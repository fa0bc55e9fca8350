-- What dashboards may ask of vulnerabilities: a contract; never change shape, add _v2. What several scanners find under
-- several names counts once, and what was decided to be borne, or does not apply, is told apart.

-- How people read a severity. Without settings of its own it becomes a part of whoever asks: of a million rows that is
-- seconds.
CREATE OR REPLACE FUNCTION records.severity_title(severity smallint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (ARRAY['Unknown', 'Negligible', 'Low', 'Medium', 'High', 'Critical', 'Defcon1'])[severity + 1]
$$;

CREATE OR REPLACE FUNCTION grafana.get_vulnerabilities_v2(cluster text, namespace text)
RETURNS TABLE (
    image text, digest text, tag text, pods bigint, package text, version text, vulnerability text, identity text,
    title text, severity text, rank smallint, score real, fixed_in text, since timestamptz, first_seen timestamptz,
    age_s double precision, exploited boolean, exploited_due date, epss real, percentile real, decision text,
    decided_until timestamptz, sources text, link text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    WITH place AS MATERIALIZED (
        SELECT n.id
        FROM fleet.cluster AS c
        JOIN fleet.namespace AS n ON n.cluster_id = c.id
        WHERE c.name = get_vulnerabilities_v2.cluster AND n.name = get_vulnerabilities_v2.namespace
    ), runs AS MATERIALIZED (
        SELECT p.subject_id, count(DISTINCT coalesce(nullif(p.pod, ''), nullif(p.workload, ''))) AS pods
        FROM records.presence AS p
        WHERE p.namespace_id = (SELECT id FROM place) AND p.gone_at IS NULL
        GROUP BY p.subject_id
    ), found AS MATERIALIZED (
        SELECT r.subject_id, r.pods, k.name AS package, k.version, a.identity, max(f.severity) AS severity,
            max(a.score) AS score, string_agg(DISTINCT nullif(f.fixed_in, ''), ', ') AS fixed_in,
            min(f.since_at) AS since_at, min(f.first_seen_at) AS first_seen_at,
            string_agg(DISTINCT w.name, ', ') AS sources,
            (array_agg(a.id ORDER BY f.severity DESC, a.name = a.identity DESC, a.id))[1] AS advisory_id
        FROM runs AS r
        JOIN records.scan AS s ON s.subject_id = r.subject_id
        JOIN records.source AS w ON w.id = s.source_id
        JOIN records.finding AS f ON f.scan_id = s.id AND f.fixed_at IS NULL AND f.suppressed = ''
        JOIN records.package AS k ON k.id = f.package_id
        JOIN records.advisory AS a ON a.id = f.advisory_id
        GROUP BY 1, 2, 3, 4, 5
    ), loaded AS MATERIALIZED (
        SELECT EXISTS (SELECT FROM records.kev) AS kev
    )
    SELECT j.name, j.digest, j.tag, f.pods, f.package, f.version, a.name, f.identity,
        coalesce(nullif(a.title, ''), a.name), records.severity_title(f.severity), f.severity, f.score,
        coalesce(f.fixed_in, ''), f.since_at, f.first_seen_at, date_part('epoch', now() - f.since_at),
        -- "not listed" differs from "not loaded"
        CASE WHEN (SELECT kev FROM loaded) THEN e.is_exploited END, e.due_on, e.score, e.percentile,
        coalesce((t.held).decision, ''), (t.held).until, f.sources, coalesce(a.links[1], '')
    FROM found AS f
    JOIN records.subject AS j ON j.id = f.subject_id
    -- by index, however few there are in all
    CROSS JOIN LATERAL (
        SELECT v.name, v.title, v.links FROM records.advisory AS v WHERE v.id = f.advisory_id OFFSET 0
    ) AS a
    CROSS JOIN LATERAL (
        SELECT bool_or(k.cve IS NOT NULL) AS is_exploited, min(k.due_on) AS due_on, max(p.score) AS score,
            max(p.percentile) AS percentile
        FROM records.cves_of(f.identity) AS c (cve)
        LEFT JOIN records.kev AS k USING (cve)
        LEFT JOIN records.epss AS p USING (cve)
    ) AS e
    CROSS JOIN LATERAL (
        SELECT CASE WHEN f.identity IN (SELECT d.identity FROM records.triage AS d WHERE d.ended_at IS NULL) THEN (
            SELECT d FROM records.triage_of(f.identity, f.package, (SELECT id FROM place), j.name, now()) AS d) END
        OFFSET 0
    ) AS t (held)
    ORDER BY e.is_exploited DESC, f.severity DESC, e.percentile DESC NULLS LAST, j.name, f.package, f.identity
$$;
COMMENT ON FUNCTION grafana.get_vulnerabilities_v2(text, text)
    IS 'What is vulnerable in a namespace, whoever found it: since when, how likely to be exploited, fixed where, decided how.';

-- The namespaces of these clusters and names; NULL is any.
CREATE OR REPLACE FUNCTION records.namespaces_of(clusters text[], namespaces text[]) RETURNS integer[]
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT coalesce(array_agg(n.id), '{}')
    FROM fleet.namespace AS n
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
    WHERE (clusters IS NULL OR c.name = ANY (clusters))
      AND (namespaces IS NULL OR n.name = ANY (namespaces))
$$;

-- What stands open in those namespaces, by index where any is named, and does not count as accepted. Without settings
-- of its own it is planned as a part of whoever asks.
CREATE OR REPLACE FUNCTION records.standing(clusters text[], namespaces text[]) RETURNS SETOF records.exposure
LANGUAGE sql STABLE ROWS 500 AS $$
    SELECT e.*
    FROM records.exposure AS e
    WHERE clusters IS NULL AND namespaces IS NULL AND e.ended_at IS NULL AND e.covered_until <= now()
    UNION ALL
    SELECT e.*
    FROM unnest(records.namespaces_of(clusters, namespaces)) AS n (id)
    JOIN records.exposure AS e ON e.namespace_id = n.id
    WHERE (clusters IS NOT NULL OR namespaces IS NOT NULL) AND e.ended_at IS NULL AND e.covered_until <= now()
$$;

CREATE OR REPLACE FUNCTION grafana.exposures(clusters text[] DEFAULT NULL, namespaces text[] DEFAULT NULL)
RETURNS TABLE (
    cluster text, namespace text, vulnerability text, severity text, rank smallint, fixable boolean, images integer,
    pods integer, since timestamptz, first_seen timestamptz, age_s double precision, exploited boolean, percentile real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT coalesce(c.name, ''), coalesce(n.name, ''), e.identity, records.severity_title(e.severity), e.severity,
        e.fixable, e.images, e.pods, e.since_at, e.first_seen_at, date_part('epoch', now() - e.since_at),
        CASE WHEN (SELECT EXISTS (SELECT FROM records.kev)) THEN q.rank IS NOT NULL AND q.rank <= 2 END,
        coalesce(p.percentile, nullif(q.percentile, 0))
    FROM records.standing(clusters, namespaces) AS e
    LEFT JOIN fleet.namespace AS n ON n.id = e.namespace_id
    LEFT JOIN fleet.cluster AS c ON c.id = n.cluster_id
    LEFT JOIN records.priority AS q ON q.identity = e.identity
    LEFT JOIN records.epss AS p ON p.cve = e.identity
$$;
COMMENT ON FUNCTION grafana.exposures(text[], text[])
    IS 'What stands open in which namespace, once a vulnerability; of all, or of the clusters and namespaces named.';

CREATE OR REPLACE FUNCTION grafana.exposures_v2(
    clusters text[] DEFAULT NULL, namespaces text[] DEFAULT NULL, most integer DEFAULT 1000)
RETURNS TABLE (
    cluster text, namespace text, vulnerability text, severity text, rank smallint, fixable boolean, images integer,
    pods integer, since timestamptz, first_seen timestamptz, age_s double precision, exploited boolean, percentile real)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    -- Of everything, the first are found by index, vulnerability by vulnerability until there are enough; of what is
    -- named, among all that stands there.
    WITH first AS MATERIALIZED (
        (
            SELECT e.*, p.*
            FROM (
                SELECT q.rank, q.severity, q.percentile, q.fixable, q.identity
                FROM records.priority AS q
                WHERE clusters IS NULL AND exposures_v2.namespaces IS NULL AND q.covered_until <= now()
                ORDER BY q.rank, q.severity DESC, q.percentile DESC, q.fixable DESC, q.identity
                LIMIT least(most, 10000)
            ) AS p
            CROSS JOIN LATERAL (
                SELECT o AS held, coalesce(c.name, '') AS cluster, coalesce(n.name, '') AS namespace
                FROM records.exposure AS o
                LEFT JOIN fleet.namespace AS n ON n.id = o.namespace_id
                LEFT JOIN fleet.cluster AS c ON c.id = n.cluster_id
                WHERE o.identity = p.identity AND o.ended_at IS NULL AND o.covered_until <= now()
                ORDER BY 2, 3
                LIMIT least(most, 10000)
            ) AS e
            -- Of the last vulnerability the first places: who asks twice sees the same, and fewer are the first of more.
            ORDER BY p.rank, p.severity DESC, p.percentile DESC, p.fixable DESC, p.identity, e.cluster, e.namespace
            LIMIT least(most, 10000)
        )
        UNION ALL
        (
            SELECT e, w.cluster, w.namespace, q.rank, q.severity, q.percentile, q.fixable, q.identity
            FROM (
                SELECT n.id, c.name AS cluster, n.name AS namespace, row_number() OVER (ORDER BY c.name, n.name) AS turn
                FROM unnest(records.namespaces_of(clusters, exposures_v2.namespaces)) AS g (id)
                JOIN fleet.namespace AS n USING (id)
                JOIN fleet.cluster AS c ON c.id = n.cluster_id
                WHERE clusters IS NOT NULL OR exposures_v2.namespaces IS NOT NULL
            ) AS w
            JOIN records.exposure AS e ON e.namespace_id = w.id AND e.ended_at IS NULL AND e.covered_until <= now()
            JOIN records.priority AS q ON q.identity = e.identity
            ORDER BY q.rank, q.severity DESC, q.percentile DESC, q.fixable DESC, q.identity, w.turn
            LIMIT least(most, 10000)
        )
    )
    SELECT f.cluster, f.namespace, (f.held).identity, records.severity_title((f.held).severity),
        (f.held).severity, (f.held).fixable, (f.held).images, (f.held).pods, (f.held).since_at,
        (f.held).first_seen_at, date_part('epoch', now() - (f.held).since_at),
        CASE WHEN (SELECT EXISTS (SELECT FROM records.kev)) THEN
            f.rank <= 2 END,
        coalesce(
            (SELECT s.percentile FROM records.epss AS s WHERE s.cve = (f.held).identity), nullif(f.percentile, 0))
    FROM first AS f
    ORDER BY f.rank, f.severity DESC, f.percentile DESC, f.fixable DESC, f.identity, f.cluster, f.namespace
$$;
COMMENT ON FUNCTION grafana.exposures_v2(text[], text[], integer)
    IS 'The first so many of what stands open in which namespace, in the order of mending; at most 10,000.';

CREATE OR REPLACE FUNCTION grafana.get_severity_count_v2(
    clusters text[] DEFAULT NULL, namespaces text[] DEFAULT NULL)
RETURNS TABLE (
    "time" timestamptz, severity text, rank smallint, vulnerabilities bigint, fixable bigint, exploited bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    WITH standing AS (
        -- Everywhere, each is counted already. A priority has namespaces, too: those that are asked for say whose.
        SELECT p.severity, p.fixable, p.rank <= 2 AS exploited
        FROM records.priority AS p
        WHERE clusters IS NULL AND get_severity_count_v2.namespaces IS NULL AND p.covered_until <= now()
        UNION ALL
        SELECT max(e.severity), bool_or(e.fixable), bool_or(q.rank <= 2)
        FROM records.standing(coalesce(clusters, CASE WHEN namespaces IS NULL THEN '{}'::text[] END), namespaces) AS e
        LEFT JOIN records.priority AS q ON q.identity = e.identity
        GROUP BY e.identity
    )
    SELECT now(), records.severity_title(v.rank::smallint), v.rank::smallint, count(s.severity),
        count(*) FILTER (WHERE s.fixable), count(*) FILTER (WHERE s.exploited)
    FROM generate_series(0, 6) AS v (rank)
    LEFT JOIN standing AS s ON s.severity = v.rank
    GROUP BY v.rank
    ORDER BY v.rank DESC
$$;
COMMENT ON FUNCTION grafana.get_severity_count_v2(text[], text[])
    IS 'How many vulnerabilities stand open of each severity, each once; what was accepted does not count while it is.';

CREATE OR REPLACE FUNCTION grafana.vulnerability_ages(clusters text[] DEFAULT NULL, namespaces text[] DEFAULT NULL)
RETURNS TABLE (
    severity text, rank smallint, week bigint, month bigint, quarter bigint, year bigint, older bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT records.severity_title(e.severity), e.severity, count(*) FILTER (WHERE e.age < interval '7 days'),
        count(*) FILTER (WHERE e.age >= interval '7 days' AND e.age < interval '30 days'),
        count(*) FILTER (WHERE e.age >= interval '30 days' AND e.age < interval '90 days'),
        count(*) FILTER (WHERE e.age >= interval '90 days' AND e.age < interval '365 days'),
        count(*) FILTER (WHERE e.age >= interval '365 days')
    FROM (
        SELECT s.severity, now() - s.since_at AS age FROM records.standing(clusters, namespaces) AS s
    ) AS e
    GROUP BY e.severity
    ORDER BY e.severity DESC
$$;
COMMENT ON FUNCTION grafana.vulnerability_ages(text[], text[])
    IS 'How long what stands open in namespaces is known: less than 7, 30, 90, 365 days, or longer.';

CREATE OR REPLACE FUNCTION grafana.fix_first(most integer DEFAULT 100)
RETURNS TABLE (
    vulnerability text, severity text, rank smallint, fixable boolean, exploited boolean, percentile real,
    running boolean, namespaces bigint, images bigint, pods bigint, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT p.identity, records.severity_title(p.severity), p.severity, p.fixable,
        CASE WHEN (SELECT EXISTS (SELECT FROM records.kev)) THEN p.rank <= 2 END,
        coalesce((SELECT s.percentile FROM records.epss AS s WHERE s.cve = p.identity), nullif(p.percentile, 0)),
        p.is_running, e.namespaces, e.images, e.pods,
        e.since_at
    FROM (
        SELECT *
        FROM records.priority
        WHERE covered_until <= now()
        ORDER BY rank, severity DESC, percentile DESC, fixable DESC, identity
        LIMIT least(most, 1000)
    ) AS p
    CROSS JOIN LATERAL (
        SELECT count(o.namespace_id) AS namespaces, sum(o.images) AS images, sum(o.pods) AS pods,
            min(o.since_at) AS since_at
        FROM records.exposure AS o
        WHERE o.identity = p.identity AND o.ended_at IS NULL
    ) AS e
    ORDER BY p.rank, p.severity DESC, p.percentile DESC, p.fixable DESC, p.identity
$$;
COMMENT ON FUNCTION grafana.fix_first(integer)
    IS 'What to mend first, as `vedette top` orders it: exploited and running, exploited, likely to be, critical with a fix, the rest.';

-- The key of a scope in records.daily.
CREATE OR REPLACE FUNCTION records.scope_key(scope text, name text, of_cluster text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT CASE scope
        WHEN 'cluster' THEN (SELECT c.id::text FROM fleet.cluster AS c WHERE c.name = scope_key.name)
        WHEN 'service' THEN (SELECT s.id::text FROM fleet.service AS s WHERE s.name = scope_key.name)
        WHEN 'team' THEN scope_key.name
        ELSE (
            SELECT n.id::text
            FROM fleet.namespace AS n
            JOIN fleet.cluster AS c ON c.id = n.cluster_id
            WHERE n.name = scope_key.name AND c.name = of_cluster)
    END
$$;

CREATE OR REPLACE FUNCTION grafana.vulnerability_days(
    scope text, name text, from_at timestamptz, to_at timestamptz, cluster text DEFAULT '')
RETURNS TABLE (
    "time" timestamptz, severity text, rank smallint, vulnerabilities integer, fixable integer, exploited integer,
    opened integer, closed integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    -- A day without a row is as the one before; each month begins with all that stands.
    WITH bound AS (
        SELECT (from_at AT TIME ZONE 'UTC')::date AS first, (least(to_at, now()) AT TIME ZONE 'UTC')::date AS last
    ), said AS MATERIALIZED (
        SELECT d.*
        FROM bound AS b
        JOIN records.daily AS d ON d.day BETWEEN date_trunc('month', b.first)::date AND b.last
        WHERE d.scope = vulnerability_days.scope
          AND d.scope_id = records.scope_key(scope, name, cluster)
    )
    SELECT g.day AT TIME ZONE 'UTC', records.severity_title(s.severity), s.severity, s.vulnerabilities, s.fixable,
        s.exploited, CASE WHEN s.day = g.day THEN s.opened ELSE 0 END, CASE WHEN s.day = g.day THEN s.closed ELSE 0 END
    FROM bound AS b
    CROSS JOIN LATERAL generate_series(b.first::timestamp, b.last::timestamp, interval '1 day') AS g (day)
    CROSS JOIN generate_series(0, 6) AS v (severity)
    CROSS JOIN LATERAL (
        SELECT *
        FROM said
        WHERE said.severity = v.severity AND said.day <= g.day AND said.day >= date_trunc('month', g.day)
        ORDER BY said.day DESC
        LIMIT 1
    ) AS s
    ORDER BY 1, 3 DESC
$$;
COMMENT ON FUNCTION grafana.vulnerability_days(text, text, timestamptz, timestamptz, text)
    IS 'How many vulnerabilities stood open at the end of each day in a namespace (of a cluster), cluster, service or team.';

CREATE OR REPLACE FUNCTION grafana.vulnerabilities_ended(
    from_at timestamptz, to_at timestamptz, clusters text[] DEFAULT NULL, namespaces text[] DEFAULT NULL)
RETURNS TABLE (
    "time" timestamptz, cluster text, namespace text, vulnerability text, severity text, rank smallint, fixable boolean,
    since timestamptz, lasted_s double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT e.ended_at, coalesce(c.name, ''), coalesce(n.name, ''), e.identity, records.severity_title(e.severity),
        e.severity, e.fixable, e.since_at, extract(epoch FROM e.ended_at - e.since_at)::double precision
    FROM records.exposure AS e
    LEFT JOIN fleet.namespace AS n ON n.id = e.namespace_id
    LEFT JOIN fleet.cluster AS c ON c.id = n.cluster_id
    WHERE e.ended_at >= from_at AND e.ended_at < to_at
      AND (clusters IS NULL OR c.name = ANY (clusters))
      AND (namespaces IS NULL OR n.name = ANY (namespaces))
    ORDER BY e.ended_at, e.id
$$;
COMMENT ON FUNCTION grafana.vulnerabilities_ended(timestamptz, timestamptz, text[], text[])
    IS 'What stopped to run vulnerable within a time, where, and how long it had: time to fix.';

CREATE OR REPLACE FUNCTION grafana.time_to_fix(
    from_at timestamptz, to_at timestamptz, step interval DEFAULT '7 days', clusters text[] DEFAULT NULL,
    namespaces text[] DEFAULT NULL)
RETURNS TABLE (
    "time" timestamptz, severity text, rank smallint, ended bigint, median_s double precision, p90_s double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT g.at, records.severity_title(g.severity), g.severity, count(*),
        percentile_cont(0.5) WITHIN GROUP (ORDER BY g.lasted_s), percentile_cont(0.9) WITHIN GROUP (ORDER BY g.lasted_s)
    FROM (
        SELECT date_bin(greatest(step, interval '1 minute'), e.ended_at, from_at) AS at, e.severity,
            extract(epoch FROM e.ended_at - e.since_at)::double precision AS lasted_s
        FROM records.exposure AS e
        WHERE e.ended_at >= from_at AND e.ended_at < to_at
          AND (
              clusters IS NULL AND namespaces IS NULL
              OR e.namespace_id = ANY ((SELECT records.namespaces_of(clusters, namespaces))::integer[]))
    ) AS g
    GROUP BY 1, 3
    ORDER BY 1, 3 DESC
$$;
COMMENT ON FUNCTION grafana.time_to_fix(timestamptz, timestamptz, interval, text[], text[])
    IS 'Median and 90th percentile of how long what ended in each step had stood open, by severity.';
