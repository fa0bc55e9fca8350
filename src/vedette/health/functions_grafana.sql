-- What dashboards may call: a contract; never change shape, add _v2. Re-applied whenever this file changes.

-- ── how it is now ────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION grafana.target_states()
RETURNS TABLE (target text, state text, since timestamptz, reason text, error_class text,
               component text, cluster text, connector text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT t.name, coalesce(s.state::text, 'unknown'), coalesce(s.since, t.made_at),
           coalesce(s.reason, 'not looked at yet'), coalesce(s.error_class, ''),
           coalesce(c.slug, ''), coalesce(k.name, ''), t.connector
    FROM fleet.target t
    LEFT JOIN health.target_state s ON s.target_id = t.id
    LEFT JOIN fleet.component c ON c.id = t.component_id
    LEFT JOIN fleet.cluster k ON k.id = t.cluster_id
    WHERE t.retired_at IS NULL
    ORDER BY t.name
$$;
COMMENT ON FUNCTION grafana.target_states() IS 'How every target is now, and since when.';

CREATE OR REPLACE FUNCTION grafana.component_states()
RETURNS TABLE (component text, service text, region text, category text, state text, since timestamptz, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT c.slug, s.name, coalesce(r.name, ''), coalesce(s.category, ''),
           coalesce(h.state::text, 'unknown'), coalesce(h.since, c.made_at), coalesce(h.reason, '')
    FROM fleet.component c
    JOIN fleet.service s ON s.id = c.service_id
    LEFT JOIN fleet.region r ON r.id = c.region_id
    LEFT JOIN health.component_state h ON h.component_id = c.id
    WHERE c.retired_at IS NULL
    ORDER BY c.slug
$$;
COMMENT ON FUNCTION grafana.component_states() IS 'How every component is now, and since when.';

CREATE OR REPLACE FUNCTION grafana.agents()
RETURNS TABLE (agent text, hostname text, os text, version text, connected boolean, heartbeat timestamptz,
               clock_offset_s double precision, spooled_reports bigint, dropped_reports bigint, targets bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT a.name, a.hostname, a.os, a.version,
           s.connected_at IS NOT NULL AND s.disconnected_at IS NULL, s.heartbeat_at,
           s.clock_offset_s, s.spooled_reports, s.dropped_reports,
           (SELECT count(*) FROM fleet.assignment x WHERE x.agent_id = a.id)
    FROM fleet.agent a
    LEFT JOIN fleet.stream s ON s.agent_id = a.id
    WHERE a.revoked_at IS NULL
    ORDER BY a.name
$$;
COMMENT ON FUNCTION grafana.agents() IS 'The agents, whether they are connected, and how far behind.';

-- ── states over time ─────────────────────────────────────────────────────────────────────────────

-- The spans of one target or one component (the other is NULL) that touch a time, cut to it; the last one ends
-- with the time, or now.
CREATE OR REPLACE FUNCTION health.spans(target integer, component integer, from_at timestamptz, to_at timestamptz)
RETURNS TABLE (opens timestamptz, closes timestamptz, state health.state)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH points AS (
        (SELECT from_at AS at, t.id, t.now
         FROM health.transition t
         WHERE (t.target_id = target OR t.component_id = component) AND t.at <= from_at
         ORDER BY t.at DESC, t.id DESC
         LIMIT 1)
        UNION ALL
        SELECT t.at, t.id, t.now
        FROM health.transition t
        WHERE (t.target_id = target OR t.component_id = component) AND t.at > from_at AND t.at < to_at
    ), spans AS (
        SELECT p.at AS opens, lead(p.at, 1, least(to_at, now())) OVER (ORDER BY p.at, p.id) AS closes, p.now AS state
        FROM points p
    )
    SELECT s.opens, s.closes, s.state FROM spans s WHERE s.opens < s.closes ORDER BY s.opens
$$;

CREATE OR REPLACE FUNCTION grafana.state_timeline(component text, from_at timestamptz, to_at timestamptz)
RETURNS TABLE ("time" timestamptz, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT s.opens, s.state::text
    FROM fleet.component c
    CROSS JOIN LATERAL health.spans(NULL, c.id, from_at, to_at) s
    WHERE c.slug = component
    ORDER BY s.opens
$$;
COMMENT ON FUNCTION grafana.state_timeline(text, timestamptz, timestamptz)
    IS 'The states of a component over time, for a state timeline panel; the first is the one it entered the range with.';

CREATE OR REPLACE FUNCTION grafana.target_timeline(target text, from_at timestamptz, to_at timestamptz)
RETURNS TABLE ("time" timestamptz, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT s.opens, s.state::text
    FROM fleet.target t
    CROSS JOIN LATERAL health.spans(t.id, NULL, from_at, to_at) s
    WHERE t.name = target
    ORDER BY s.opens
$$;
COMMENT ON FUNCTION grafana.target_timeline(text, timestamptz, timestamptz)
    IS 'The states of a target over time, as state_timeline of a component.';

CREATE OR REPLACE FUNCTION grafana.time_in_states(target text, from_at timestamptz, to_at timestamptz)
RETURNS TABLE (state text, seconds double precision, share double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT s.state::text, sum(x.seconds), sum(x.seconds) / nullif(sum(sum(x.seconds)) OVER (), 0)
    FROM fleet.target t
    CROSS JOIN LATERAL health.spans(t.id, NULL, from_at, to_at) s
    CROSS JOIN LATERAL (SELECT extract(epoch FROM s.closes - s.opens)::double precision AS seconds) x
    WHERE t.name = target
    GROUP BY s.state
    ORDER BY s.state
$$;
COMMENT ON FUNCTION grafana.time_in_states(text, timestamptz, timestamptz)
    IS 'How long a target was in each state within a time, and which share of it.';

CREATE OR REPLACE FUNCTION grafana.component_time_in_states(component text, from_at timestamptz, to_at timestamptz)
RETURNS TABLE (state text, seconds double precision, share double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT s.state::text, sum(x.seconds), sum(x.seconds) / nullif(sum(sum(x.seconds)) OVER (), 0)
    FROM fleet.component c
    CROSS JOIN LATERAL health.spans(NULL, c.id, from_at, to_at) s
    CROSS JOIN LATERAL (SELECT extract(epoch FROM s.closes - s.opens)::double precision AS seconds) x
    WHERE c.slug = component
    GROUP BY s.state
    ORDER BY s.state
$$;
COMMENT ON FUNCTION grafana.component_time_in_states(text, timestamptz, timestamptz)
    IS 'How long a component was in each state within a time, and which share of it.';

-- Thing by thing, because that is how transitions are indexed: what is asked does not grow with the history.
CREATE OR REPLACE FUNCTION grafana.transitions(from_at timestamptz, to_at timestamptz)
RETURNS TABLE ("time" timestamptz, kind text, name text, was text, state text, reason text, error_class text,
               component text, cluster text, connector text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT x.at, 'target', t.name, coalesce(x.was::text, ''), x.now::text, x.reason, x.error_class,
           coalesce(c.slug, ''), coalesce(k.name, ''), t.connector
    FROM fleet.target t
    LEFT JOIN fleet.component c ON c.id = t.component_id
    LEFT JOIN fleet.cluster k ON k.id = t.cluster_id
    CROSS JOIN LATERAL (
        SELECT * FROM health.transition y WHERE y.target_id = t.id AND y.at >= from_at AND y.at < to_at OFFSET 0
    ) x
    UNION ALL
    SELECT x.at, 'component', c.slug, coalesce(x.was::text, ''), x.now::text, x.reason, x.error_class, c.slug, '', ''
    FROM fleet.component c
    CROSS JOIN LATERAL (
        SELECT * FROM health.transition y WHERE y.component_id = c.id AND y.at >= from_at AND y.at < to_at OFFSET 0
    ) x
    ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION grafana.transitions(timestamptz, timestamptz)
    IS 'Every change of state of targets and components within a time, why, and from which state; for annotations and lists.';

CREATE OR REPLACE FUNCTION grafana.state_counts(
    from_at timestamptz, to_at timestamptz, step interval DEFAULT '1 minute', clusters text[] DEFAULT NULL)
RETURNS TABLE ("time" timestamptz, state text, targets bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    -- Each step counts those who are in the state at its start. A range of more than 2,000 steps gets longer ones.
    WITH range AS (
        SELECT date_bin(w.width, from_at, '2000-01-01 00:00:00+00') AS opens, least(to_at, now()) AS closes, w.width
        FROM health.whole_step(greatest(step, (to_at - from_at) / 2000)) AS w (width)
    ), changes AS (
        -- Who enters a state is one more there, who leaves it one less, from the next step on.
        SELECT date_bin(r.width, e.at - interval '1 microsecond', '2000-01-01 00:00:00+00') + r.width AS at,
               s.state, sum(e.n) AS n
        FROM range r
        CROSS JOIN fleet.target t
        LEFT JOIN fleet.cluster k ON k.id = t.cluster_id
        CROSS JOIN LATERAL health.spans(t.id, NULL, r.opens, r.closes) s
        CROSS JOIN LATERAL (VALUES (s.opens, 1), (s.closes, -1)) AS e (at, n)
        WHERE t.retired_at IS NULL AND (clusters IS NULL OR coalesce(k.name, '') = ANY (clusters))
        GROUP BY 1, 2
    )
    SELECT g.at, w.state::text, (sum(coalesce(c.n, 0)) OVER (PARTITION BY w.state ORDER BY g.at))::bigint
    FROM range r
    CROSS JOIN LATERAL generate_series(r.opens, r.closes - interval '1 microsecond', r.width) AS g (at)
    CROSS JOIN unnest(enum_range(NULL::health.state)) AS w (state)
    LEFT JOIN changes c ON c.at = g.at AND c.state = w.state
    ORDER BY 1, w.state
$$;
COMMENT ON FUNCTION grafana.state_counts(timestamptz, timestamptz, interval, text[])
    IS 'How many targets were in each state at each step; of all clusters, or of those named ("" for those without).';

-- ── measurements ─────────────────────────────────────────────────────────────────────────────────

CREATE OR REPLACE FUNCTION grafana.measurement_names(target text)
RETURNS TABLE (measurement text, unit text, axis_unit text, help text, entities bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH seen AS (
        SELECT t.connector, s.measurement, s.entity, s.unit
        FROM fleet.target t
        JOIN health.series s ON s.target_id = t.id
        WHERE t.name = target
        UNION
        -- Not rolled up yet: what the latest reports hold.
        SELECT t.connector, m.name, m.entity, m.unit
        FROM fleet.target t
        JOIN health.observation o ON o.target_id = t.id
        JOIN health.layout l ON l.id = o.layout_id
        CROSS JOIN LATERAL unnest(l.names, l.entities, l.units) AS m (name, entity, unit)
        WHERE t.name = target
    )
    SELECT s.measurement, max(s.unit), health.axis_unit(max(s.unit)), coalesce(max(h.help), ''), count(DISTINCT s.entity)
    FROM seen s
    LEFT JOIN health.measurement h ON h.connector = s.connector AND h.name = s.measurement
    GROUP BY s.measurement
    ORDER BY s.measurement
$$;
COMMENT ON FUNCTION grafana.measurement_names(text)
    IS 'What is measured of a target, its unit (ours, and as Grafana calls it), its meaning, and of how many entities.';

-- What Grafana calls a unit.
CREATE OR REPLACE FUNCTION health.axis_unit(unit text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT CASE unit
        WHEN 'seconds' THEN 's'
        WHEN 'hours' THEN 'h'
        WHEN 'days' THEN 'd'
        WHEN 'bytes' THEN 'bytes'
        WHEN 'bits' THEN 'bits'
        WHEN 'bytes_per_second' THEN 'binBps'
        WHEN 'per_second' THEN 'cps'
        WHEN 'ratio' THEN 'percentunit'
        WHEN 'count' THEN 'short'
        ELSE 'none'
    END
$$;

CREATE OR REPLACE FUNCTION grafana.latest_measurements(target text)
RETURNS TABLE (measurement text, entity text, unit text, value double precision, at timestamptz, agent text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT m.name, m.entity, m.unit, m.value, o.at, a.name
    FROM fleet.target t
    CROSS JOIN LATERAL (
        SELECT * FROM health.observation o
        WHERE o.target_id = t.id AND o.assigned AND o.layout_id <> 0
        ORDER BY o.at DESC, o.agent_id
        LIMIT 1
    ) o
    JOIN fleet.agent a ON a.id = o.agent_id
    JOIN health.layout l ON l.id = o.layout_id
    CROSS JOIN LATERAL unnest(l.names, l.entities, l.units, o."values") AS m (name, entity, unit, value)
    WHERE t.name = target
    ORDER BY m.name, m.entity
$$;
COMMENT ON FUNCTION grafana.latest_measurements(text)
    IS 'Every measurement of the newest report of a target, when it was made, and by which agent.';

CREATE OR REPLACE FUNCTION grafana.measurements(
    target text, measurement text, from_at timestamptz, to_at timestamptz, step interval DEFAULT '1 minute')
RETURNS TABLE ("time" timestamptz, metric text, value double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET work_mem = '16MB' AS $$
    SELECT m.at, measurement || CASE m.entity WHEN '' THEN '' ELSE ' ' || m.entity END, m.avg
    FROM fleet.target t
    CROSS JOIN LATERAL health.measured(t.id, measurement, from_at, to_at, step, false) m
    WHERE t.name = target
$$;
COMMENT ON FUNCTION grafana.measurements(text, text, timestamptz, timestamptz, interval)
    IS 'One measurement of a target, averaged over each step; one metric an entity. Wide ranges come from the roll-ups.';

CREATE OR REPLACE FUNCTION grafana.measurement_range(
    target text, measurement text, from_at timestamptz, to_at timestamptz, step interval DEFAULT '1 minute')
RETURNS TABLE ("time" timestamptz, entity text, "count" bigint, min double precision, avg double precision,
               max double precision, last double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET work_mem = '16MB' AS $$
    SELECT m.at, m.entity, m.count, m.min, m.avg, m.max, m.last
    FROM fleet.target t
    CROSS JOIN LATERAL health.measured(t.id, measurement, from_at, to_at, step) m
    WHERE t.name = target
    ORDER BY 1, 2
$$;
COMMENT ON FUNCTION grafana.measurement_range(text, text, timestamptz, timestamptz, interval)
    IS 'One measurement of a target over each step: how many samples, their least, mean, greatest and last.';
