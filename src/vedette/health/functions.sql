-- Functions of the room; re-applied whenever this file changes.

-- How long after its last report a target counts as unseen: two and a half intervals, but never sooner
-- than a look that used its whole timeout plus a second on the way could arrive.
CREATE OR REPLACE FUNCTION health.silent_after(every_ms integer, timeout_ms integer) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN greatest(every_ms * 2.5, every_ms + timeout_ms + 1000) * interval '1 millisecond';

-- Partitions are made and dropped by the application, which may not run DDL itself.
CREATE OR REPLACE FUNCTION health.make_partitions(first date, last date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    day date;
    name text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vedette.health.partitions'));
    FOR day IN SELECT generate_series(first, last, interval '1 day')::date LOOP
        name := 'report_' || to_char(day, 'YYYYMMDD');
        IF to_regclass('health.' || name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE health.%I PARTITION OF health.report FOR VALUES FROM (%L) TO (%L)',
                name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
            EXECUTE format('ALTER TABLE health.%I ALTER COLUMN "values" SET STORAGE MAIN', name);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;

CREATE OR REPLACE FUNCTION health.days_of_reports() RETURNS TABLE (name text, day date)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT c.relname::text, to_date(right(c.relname, 8), 'YYYYMMDD')
    FROM pg_inherits i
    JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'health.report'::regclass
$$;

-- A day that takes no more reports gets the index by target that would have halved its ingest.
CREATE OR REPLACE FUNCTION health.close_days(before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    over record;
    closed integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vedette.health.partitions'));
    FOR over IN SELECT d.name FROM health.days_of_reports() d WHERE d.day < before LOOP
        IF to_regclass('health.' || over.name || '_target') IS NULL THEN
            EXECUTE format('CREATE INDEX %I ON health.%I (target_id, at)', over.name || '_target', over.name);
            closed := closed + 1;
        END IF;
    END LOOP;
    RETURN closed;
END $$;

-- Seconds of each state of each component on each UTC day from first to last; a span runs from its
-- transition to the next, the open one until `until`.
CREATE OR REPLACE FUNCTION health.component_seconds(first date, last date, until timestamptz)
RETURNS TABLE (component_id integer, day date, state health.state, seconds double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH bounds AS (
        SELECT first::timestamp AT TIME ZONE 'UTC' AS opens,
               least((last + 1)::timestamp AT TIME ZONE 'UTC', until) AS closes
    ), points AS (
        -- The state each component entered the window with, and every change within.
        SELECT c.id AS component_id, b.opens AS at, before.now
        FROM bounds b
        CROSS JOIN fleet.component c
        CROSS JOIN LATERAL (
            SELECT t.now
            FROM health.transition t
            WHERE t.component_id = c.id AND t.at < b.opens
            ORDER BY t.at DESC, t.id DESC
            LIMIT 1
        ) before
        UNION ALL
        SELECT t.component_id, t.at, t.now
        FROM bounds b
        JOIN health.transition t ON t.component_id IS NOT NULL AND t.at >= b.opens AND t.at < b.closes
    ), spans AS (
        SELECT p.component_id, p.now AS state, p.at AS opens,
               lead(p.at, 1, b.closes) OVER (PARTITION BY p.component_id ORDER BY p.at) AS closes
        FROM points p CROSS JOIN bounds b
    )
    SELECT s.component_id, d.day::date, s.state,
           extract(epoch FROM
               least(s.closes, (d.day::date + 1)::timestamp AT TIME ZONE 'UTC')
               - greatest(s.opens, d.day::date::timestamp AT TIME ZONE 'UTC'))::double precision
    FROM spans s
    CROSS JOIN LATERAL generate_series(
        (s.opens AT TIME ZONE 'UTC')::date,
        (s.closes AT TIME ZONE 'UTC' - interval '1 microsecond')::date,
        interval '1 day') AS d (day)
    WHERE s.closes > s.opens
$$;

-- ── what dashboards may call: a contract; never change shape, add _v2 ────────────────────────────

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

CREATE OR REPLACE FUNCTION grafana.state_timeline(component text, from_at timestamptz, to_at timestamptz)
RETURNS TABLE ("time" timestamptz, state text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT greatest(t.at, from_at), t.now::text
    FROM health.transition t
    JOIN fleet.component c ON c.id = t.component_id
    WHERE c.slug = component
      AND t.at <= to_at
      AND t.at >= coalesce((SELECT max(b.at) FROM health.transition b
                            WHERE b.component_id = c.id AND b.at <= from_at), from_at)
    ORDER BY t.at, t.id
$$;
COMMENT ON FUNCTION grafana.state_timeline(text, timestamptz, timestamptz)
    IS 'The states of a component over time, for a state timeline panel; the first is the one it entered the range with.';

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

-- ── history: roll-ups and repacked days ──────────────────────────────────────────────────────────

CREATE OR REPLACE AGGREGATE health.joined(anycompatiblearray) (
    SFUNC = array_cat,
    STYPE = anycompatiblearray
);

-- The rows of health.report that were repacked, as they were.
CREATE OR REPLACE FUNCTION health.unpacked(packed health.packed)
RETURNS TABLE (at timestamptz, target_id integer, agent_id integer, layout_id integer,
               rtt_s real, state smallint, error_class_id smallint, "values" double precision[])
LANGUAGE sql STABLE AS $$
    -- Unnested once: an array that is subscripted in SQL is decompressed at each subscript.
    WITH cells AS (
        SELECT (v.place - 1) % packed.reports + 1 AS place,
               array_agg(v.value ORDER BY v.place) AS "values"
        FROM unnest(packed."values") WITH ORDINALITY AS v (value, place)
        GROUP BY 1
    )
    SELECT packed.hour + sum(r.delta) OVER (ORDER BY r.place) * interval '1 microsecond',
           packed.target_id, packed.agent_id, packed.layout_id, r.rtt, r.state, r.error,
           coalesce(c."values", '{}')
    FROM unnest(packed.deltas_us, packed.rtts_s, packed.states, packed.error_class_ids)
        WITH ORDINALITY AS r (delta, rtt, state, error, place)
    LEFT JOIN cells c USING (place)
$$;

-- Every report of a time, repacked or not. No SET here and in the next: with one it could not be inlined, and
-- a LIMIT of the caller would come too late.
CREATE OR REPLACE FUNCTION health.reports_between(since timestamptz, until timestamptz)
RETURNS TABLE (at timestamptz, target_id integer, agent_id integer, layout_id integer,
               rtt_s real, state smallint, error_class_id smallint, "values" double precision[])
LANGUAGE sql STABLE ROWS 100000 AS $$
    SELECT r.at, r.target_id, r.agent_id, r.layout_id, r.rtt_s, r.state, r.error_class_id, r."values"
    FROM health.report r
    WHERE r.at >= since AND r.at < until
    UNION ALL
    SELECT u.*
    FROM health.packed p
    CROSS JOIN LATERAL health.unpacked(p) u
    WHERE p.hour > since - interval '1 hour' AND p.hour < until AND u.at >= since AND u.at < until
$$;

-- The reports of one target in a time, repacked or not.
CREATE OR REPLACE FUNCTION health.reports_of(target integer, since timestamptz, until timestamptz)
RETURNS TABLE (at timestamptz, target_id integer, agent_id integer, layout_id integer,
               rtt_s real, state smallint, error_class_id smallint, "values" double precision[])
LANGUAGE sql STABLE AS $$
    SELECT r.at, r.target_id, r.agent_id, r.layout_id, r.rtt_s, r.state, r.error_class_id, r."values"
    FROM health.report r
    WHERE r.target_id = target AND r.at >= since AND r.at < until
    UNION ALL
    SELECT u.*
    FROM health.packed p
    CROSS JOIN LATERAL health.unpacked(p) u
    WHERE p.target_id = target AND p.hour > since - interval '1 hour' AND p.hour < until
      AND u.at >= since AND u.at < until
$$;

-- A day of raw reports becomes packed rows and its partition goes. What was packed of that day before
-- (late reports made the partition anew) is taken out and packed again with the rest.
CREATE OR REPLACE FUNCTION health.pack_day(day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    opens timestamptz := day::timestamp AT TIME ZONE 'UTC';
    closes timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    place text := 'packed_' || to_char(day, 'YYYYMMDD');
    packed bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vedette.health.partitions'));
    IF to_regclass('health.' || place) IS NULL THEN
        EXECUTE format('CREATE TABLE health.%I PARTITION OF health.packed FOR VALUES FROM (%L) TO (%L)',
                       place, opens, closes);
    ELSE
        INSERT INTO health.report
        SELECT u.at, u.target_id, u.agent_id, u.layout_id, u.rtt_s, u.state, u.error_class_id, u."values"
        FROM health.packed p CROSS JOIN LATERAL health.unpacked(p) u
        WHERE p.hour >= opens AND p.hour < closes;
        EXECUTE format('TRUNCATE health.%I', place);
    END IF;
    INSERT INTO health.packed
        (hour, target_id, agent_id, layout_id, reports, deltas_us, rtts_s, states, error_class_ids, "values")
    SELECT g.hour, g.target_id, g.agent_id, g.layout_id, cardinality(g.deltas), g.deltas, g.rtts, g.states, g.errors,
           -- Measurement by measurement: neighbours are alike, and that is what compresses.
           coalesce(ARRAY(
               SELECT g.flat[r * g.width + m]
               FROM generate_series(1, g.width) m
               CROSS JOIN generate_series(0, cardinality(g.deltas) - 1) r
               ORDER BY m, r
           ), '{}')
    FROM (
        SELECT r.hour, r.target_id, r.agent_id, r.layout_id,
               array_agg(r.delta ORDER BY r.at, r.nth) AS deltas, array_agg(r.rtt_s ORDER BY r.at, r.nth) AS rtts,
               array_agg(r.state ORDER BY r.at, r.nth) AS states, array_agg(r.error_class_id ORDER BY r.at, r.nth) AS errors,
               health.joined(r."values" ORDER BY r.at, r.nth) AS flat, max(cardinality(r."values")) AS width
        FROM (
            SELECT x.*, date_trunc('hour', x.at, 'UTC') AS hour, row_number() OVER w AS nth,
                   (extract(epoch FROM x.at - coalesce(lag(x.at) OVER w, date_trunc('hour', x.at, 'UTC'))) * 1000000)::bigint AS delta
            FROM health.report x
            WHERE x.at >= opens AND x.at < closes
            WINDOW w AS (PARTITION BY x.target_id, x.agent_id, x.layout_id, date_trunc('hour', x.at, 'UTC') ORDER BY x.at)
        ) r
        GROUP BY r.hour, r.target_id, r.agent_id, r.layout_id
    ) g;
    GET DIAGNOSTICS packed = ROW_COUNT;
    EXECUTE format('DROP TABLE health.%I', 'report_' || to_char(day, 'YYYYMMDD'));
    RETURN packed;
END $$;

CREATE OR REPLACE FUNCTION health.make_minutes_partition(month date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    first date := date_trunc('month', month)::date;
    place text := 'minutes_' || to_char(first, 'YYYYMM');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vedette.health.partitions'));
    IF to_regclass('health.' || place) IS NULL THEN
        EXECUTE format('CREATE TABLE health.%I PARTITION OF health.minutes FOR VALUES FROM (%L) TO (%L)',
                       place, first::timestamp AT TIME ZONE 'UTC', (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    END IF;
END $$;

-- Drops what is older: reports (raw and packed) by day, minutes by month, hours by row.
CREATE OR REPLACE FUNCTION health.drop_history(reports date, minutes date, hours date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    old text;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('vedette.health.partitions'));
    FOR old IN
        SELECT c.relname
        FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        -- CASE, because AND and OR promise no order and the names of the two kinds are read differently.
        WHERE CASE
            WHEN i.inhparent IN ('health.report'::regclass, 'health.packed'::regclass)
                THEN to_date(right(c.relname, 8), 'YYYYMMDD') < reports
            WHEN i.inhparent = 'health.minutes'::regclass
                THEN to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month' <= minutes
        END
    LOOP
        EXECUTE format('DROP TABLE health.%I', old);
        dropped := dropped + 1;
    END LOOP;
    DELETE FROM health.hours h WHERE h.day < hours;
    RETURN dropped;
END $$;

-- Seconds of each state of each target on each UTC day, as component_seconds.
CREATE OR REPLACE FUNCTION health.target_seconds(first date, last date, until timestamptz)
RETURNS TABLE (target_id integer, day date, state health.state, seconds double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    WITH bounds AS (
        SELECT first::timestamp AT TIME ZONE 'UTC' AS opens,
               least((last + 1)::timestamp AT TIME ZONE 'UTC', until) AS closes
    ), points AS (
        SELECT c.id AS target_id, b.opens AS at, before.now
        FROM bounds b
        CROSS JOIN fleet.target c
        CROSS JOIN LATERAL (
            SELECT t.now
            FROM health.transition t
            WHERE t.target_id = c.id AND t.at < b.opens
            ORDER BY t.at DESC, t.id DESC
            LIMIT 1
        ) before
        UNION ALL
        SELECT t.target_id, t.at, t.now
        FROM bounds b
        JOIN health.transition t ON t.target_id IS NOT NULL AND t.at >= b.opens AND t.at < b.closes
    ), spans AS (
        SELECT p.target_id, p.now AS state, p.at AS opens,
               lead(p.at, 1, b.closes) OVER (PARTITION BY p.target_id ORDER BY p.at) AS closes
        FROM points p CROSS JOIN bounds b
    )
    SELECT s.target_id, d.day::date, s.state,
           extract(epoch FROM
               least(s.closes, (d.day::date + 1)::timestamp AT TIME ZONE 'UTC')
               - greatest(s.opens, d.day::date::timestamp AT TIME ZONE 'UTC'))::double precision
    FROM spans s
    CROSS JOIN LATERAL generate_series(
        (s.opens AT TIME ZONE 'UTC')::date,
        (s.closes AT TIME ZONE 'UTC' - interval '1 microsecond')::date,
        interval '1 day') AS d (day)
    WHERE s.closes > s.opens
$$;

-- ── measurements over any time ───────────────────────────────────────────────────────────────────

-- One measurement of a target from its minutes, hours and, where nothing is rolled up yet, its reports:
-- each piece of the range comes from the coarsest history that still answers the step. Up to a step of
-- one minute there is one row a step and entity already.
CREATE OR REPLACE FUNCTION health.pieces(target integer, measured text, from_at timestamptz, to_at timestamptz, step interval)
RETURNS TABLE (at timestamptz, entity text, "count" bigint, min double precision, avg double precision,
               max double precision, last double precision)
LANGUAGE plpgsql STABLE ROWS 50000 SET search_path = pg_catalog AS $$
DECLARE
    rolled timestamptz := coalesce((SELECT r.until FROM health.rolled r), from_at);
    closed timestamptz := date_trunc('day', rolled, 'UTC');
    fine timestamptz := CASE WHEN step >= interval '1 hour' THEN greatest(from_at, closed) ELSE from_at END;
BEGIN
    IF step < interval '1 minute' AND from_at >= coalesce((SELECT min(d.day) FROM health.days_of_reports() d), 'infinity') THEN
        rolled := from_at;
        fine := to_at;
    END IF;
    IF step >= interval '1 hour' THEN
        RETURN QUERY
        SELECT h.day::timestamp AT TIME ZONE 'UTC' + (v.place - 1) * interval '1 hour',
               s.entity, v.count::bigint, v.min, v.avg, v.max, v.last
        FROM health.series s
        JOIN health.hours h ON h.target_id = s.target_id AND h.series_id = s.id
        CROSS JOIN LATERAL unnest(h.counts, h.mins, h.avgs, h.maxs, h.lasts)
            WITH ORDINALITY AS v (count, min, avg, max, last, place)
        WHERE s.target_id = target AND s.measurement = measured
          AND h.day >= (from_at AT TIME ZONE 'UTC')::date AND h.day < (least(to_at, closed) AT TIME ZONE 'UTC' + interval '1 day')::date
          AND h.day < (closed AT TIME ZONE 'UTC')::date
          AND v.count > 0;
    END IF;
    RETURN QUERY
    SELECT m.starts_at + (v.place - 1) * interval '1 minute',
           s.entity, v.count::bigint, v.min, v.avg, v.max, v.last
    FROM health.series s
    JOIN health.minutes m ON m.target_id = s.target_id AND m.series_id = s.id
    CROSS JOIN LATERAL unnest(m.counts, m.mins, m.avgs, m.maxs, m.lasts)
        WITH ORDINALITY AS v (count, min, avg, max, last, place)
    WHERE s.target_id = target AND s.measurement = measured
      AND m.starts_at > fine - interval '1 day' AND m.starts_at < least(to_at, rolled)
      AND m.starts_at + (v.place - 1) * interval '1 minute' >= fine
      AND m.starts_at + (v.place - 1) * interval '1 minute' < least(to_at, rolled)
      AND v.count > 0;
    RETURN QUERY
    SELECT date_bin(least(step, interval '1 minute'), r.at, '2000-01-01 00:00:00+00'), l.entities[p.place],
           count(*), min(r."values"[p.place]), avg(r."values"[p.place]), max(r."values"[p.place]),
           (array_agg(r."values"[p.place] ORDER BY r.at DESC))[1]
    FROM health.reports_of(target, greatest(from_at, rolled), to_at) r
    JOIN health.layout l ON l.id = r.layout_id
    CROSS JOIN LATERAL generate_subscripts(l.names, 1) AS p (place)
    WHERE l.names[p.place] = measured
    GROUP BY 1, 2;
END $$;

CREATE OR REPLACE FUNCTION health.measured(target integer, measured text, from_at timestamptz, to_at timestamptz, step interval)
RETURNS TABLE (at timestamptz, entity text, "count" bigint, min double precision, avg double precision,
               max double precision, last double precision)
LANGUAGE plpgsql STABLE ROWS 50000 SET search_path = pg_catalog AS $$
BEGIN
    IF step <= interval '1 minute' THEN
        RETURN QUERY SELECT * FROM health.pieces(target, measured, from_at, to_at, step) p ORDER BY p.at, p.entity;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT date_bin(step, p.at, '2000-01-01 00:00:00+00'), p.entity, sum(p.count)::bigint,
           min(p.min), sum(p.avg * p.count) / sum(p.count), max(p.max),
           (array_agg(p.last ORDER BY p.at DESC))[1]
    FROM health.pieces(target, measured, from_at, to_at, step) p
    GROUP BY 1, 2
    ORDER BY 1, 2;
END $$;

CREATE OR REPLACE FUNCTION grafana.measurements(
    target text, measurement text, from_at timestamptz, to_at timestamptz, step interval DEFAULT '1 minute')
RETURNS TABLE ("time" timestamptz, metric text, value double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT m.at, measurement || CASE m.entity WHEN '' THEN '' ELSE ' ' || m.entity END, m.avg
    FROM fleet.target t
    CROSS JOIN LATERAL health.measured(t.id, measurement, from_at, to_at, greatest(step, interval '1 second')) m
    WHERE t.name = target
$$;
COMMENT ON FUNCTION grafana.measurements(text, text, timestamptz, timestamptz, interval)
    IS 'One measurement of a target, averaged over each step; one metric an entity. Wide ranges come from the roll-ups.';

CREATE OR REPLACE FUNCTION grafana.measurement_range(
    target text, measurement text, from_at timestamptz, to_at timestamptz, step interval DEFAULT '1 minute')
RETURNS TABLE ("time" timestamptz, entity text, "count" bigint, min double precision, avg double precision,
               max double precision, last double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT m.at, m.entity, m.count, m.min, m.avg, m.max, m.last
    FROM fleet.target t
    CROSS JOIN LATERAL health.measured(t.id, measurement, from_at, to_at, greatest(step, interval '1 second')) m
    WHERE t.name = target
    ORDER BY 1, 2
$$;
COMMENT ON FUNCTION grafana.measurement_range(text, text, timestamptz, timestamptz, interval)
    IS 'One measurement of a target over each step: how many samples, their least, mean, greatest and last.';

CREATE OR REPLACE FUNCTION grafana.time_in_states(target text, from_at timestamptz, to_at timestamptz)
RETURNS TABLE (state text, seconds double precision, share double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    WITH changes AS (
        SELECT greatest(x.at, from_at) AS at, x.now
        FROM health.transition x
        JOIN fleet.target t ON t.id = x.target_id
        WHERE t.name = target AND x.at < to_at
          AND x.at >= coalesce((SELECT max(b.at) FROM health.transition b
                                WHERE b.target_id = t.id AND b.at <= from_at), from_at)
    ), spans AS (
        SELECT c.now, extract(epoch FROM lead(c.at, 1, least(to_at, now())) OVER (ORDER BY c.at) - c.at)::double precision AS seconds
        FROM changes c
    )
    SELECT s.now::text, sum(s.seconds), sum(s.seconds) / nullif(sum(sum(s.seconds)) OVER (), 0)
    FROM spans s
    WHERE s.seconds > 0
    GROUP BY s.now
    ORDER BY s.now
$$;
COMMENT ON FUNCTION grafana.time_in_states(text, timestamptz, timestamptz)
    IS 'How long a target was in each state within a time, and which share of it.';
