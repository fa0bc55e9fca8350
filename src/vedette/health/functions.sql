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

-- Seconds of each state on each UTC day from first to last, of every component or every target (`kind`); a span
-- runs from its transition to the next, the open one until `until`. EXECUTE, so that each kind has its own plan
-- with its own index.
CREATE OR REPLACE FUNCTION health.seconds_of(kind text, first date, last date, until timestamptz)
RETURNS TABLE (id integer, day date, state health.state, seconds double precision)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
BEGIN
    RETURN QUERY EXECUTE format($sql$
    WITH bounds AS (
        SELECT $1::timestamp AT TIME ZONE 'UTC' AS opens,
               least(($2 + 1)::timestamp AT TIME ZONE 'UTC', $3) AS closes
    ), points AS (
        -- The state each entered the window with, and every change within.
        SELECT c.id, b.opens AS at, before.id AS nth, before.now
        FROM bounds b
        CROSS JOIN fleet.%1$I c
        CROSS JOIN LATERAL (
            SELECT t.id, t.now
            FROM health.transition t
            WHERE t.%2$I = c.id AND t.at < b.opens
            ORDER BY t.at DESC, t.id DESC
            LIMIT 1
        ) before
        UNION ALL
        SELECT t.%2$I, t.at, t.id, t.now
        FROM bounds b
        JOIN health.transition t ON t.%2$I IS NOT NULL AND t.at >= b.opens AND t.at < b.closes
    ), spans AS (
        SELECT p.id, p.now AS state, p.at AS opens,
               lead(p.at, 1, b.closes) OVER (PARTITION BY p.id ORDER BY p.at, p.nth) AS closes
        FROM points p CROSS JOIN bounds b
    )
    SELECT s.id, d.day::date, s.state,
           extract(epoch FROM
               least(s.closes, (d.day::date + 1)::timestamp AT TIME ZONE 'UTC')
               - greatest(s.opens, d.day::date::timestamp AT TIME ZONE 'UTC'))::double precision
    FROM spans s
    CROSS JOIN LATERAL generate_series(
        (s.opens AT TIME ZONE 'UTC')::date,
        (s.closes AT TIME ZONE 'UTC' - interval '1 microsecond')::date,
        interval '1 day') AS d (day)
    WHERE s.closes > s.opens
    $sql$, kind, kind || '_id') USING first, last, until;
END $$;

CREATE OR REPLACE FUNCTION health.component_seconds(first date, last date, until timestamptz)
RETURNS TABLE (component_id integer, day date, state health.state, seconds double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT * FROM health.seconds_of('component', first, last, until)
$$;

CREATE OR REPLACE FUNCTION health.target_seconds(first date, last date, until timestamptz)
RETURNS TABLE (target_id integer, day date, state health.state, seconds double precision)
LANGUAGE sql STABLE SET search_path = pg_catalog AS $$
    SELECT * FROM health.seconds_of('target', first, last, until)
$$;

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
-- (late reports made the partition anew) is taken out and packed again with the rest. Where reports came
-- meanwhile nothing is packed, and 0 returned: the next turn packs all.
CREATE OR REPLACE FUNCTION health.pack_day(day date) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    opens timestamptz := day::timestamp AT TIME ZONE 'UTC';
    closes timestamptz := (day + 1)::timestamp AT TIME ZONE 'UTC';
    place text := 'packed_' || to_char(day, 'YYYYMMDD');
    raw text := 'report_' || to_char(day, 'YYYYMMDD');
    packed bigint;
    reports bigint;
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
    -- Nothing is dropped that was not packed: whoever writes into the day is waited for, and others must wait.
    EXECUTE format('LOCK TABLE health.%I IN SHARE MODE', raw);
    EXECUTE format('SELECT count(*) FROM health.%I', raw) INTO reports;
    IF reports <> (SELECT coalesce(sum(p.reports), 0) FROM health.packed p WHERE p.hour >= opens AND p.hour < closes) THEN
        EXECUTE format('TRUNCATE health.%I', place);
        RETURN 0;
    END IF;
    EXECUTE format('DROP TABLE health.%I', raw);
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

-- ── measurements over any time ───────────────────────────────────────────────────────────────────

-- The steps that history can answer to the last sample: whole days, hours or minutes, or any seconds below a
-- minute. What lies between is rounded down.
CREATE OR REPLACE FUNCTION health.whole_step(step interval) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog AS $$
    SELECT make_interval(secs => CASE
        WHEN s >= 86400 THEN s - s % 86400
        WHEN s >= 3600 THEN s - s % 3600
        WHEN s >= 60 THEN s - s % 60
        ELSE greatest(s, 1)
    END::double precision)
    FROM extract(epoch FROM step) AS s
$$;

-- One measurement of a target, each part of the time from another grain: days up to `days`, hours from there up to
-- `hours`, minutes up to `minutes`, and reports, gathered by at most a minute. Unless `wide`, only count and avg are read:
-- an array that is not asked for is not decompressed. No SET: the function is inlined, and 43,200 rows are not copied.
CREATE OR REPLACE FUNCTION health.pieces(
    target integer, measured text, step interval, wide boolean,
    opens timestamptz, days timestamptz, hours timestamptz, minutes timestamptz, closes timestamptz)
RETURNS TABLE (at timestamptz, entity text, "count" bigint, min double precision, avg double precision,
               max double precision, last double precision)
LANGUAGE sql STABLE ROWS 50000 AS $$
    SELECT d.day::timestamp AT TIME ZONE 'UTC', s.entity, d."count"::bigint, d.min, d.avg, d.max, d.last
    FROM health.series s
    JOIN health.days d ON d.target_id = s.target_id AND d.series_id = s.id
    WHERE s.target_id = target AND s.measurement = measured
      AND d.day >= (opens AT TIME ZONE 'UTC')::date AND d.day < (days AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT h.day::timestamp AT TIME ZONE 'UTC' + (v.place - 1) * interval '1 hour',
           s.entity, v.count::bigint, v.min, v.avg, v.max, v.last
    FROM health.series s
    JOIN health.hours h ON h.target_id = s.target_id AND h.series_id = s.id
    CROSS JOIN LATERAL unnest(
        h.counts, CASE WHEN wide THEN h.mins END, h.avgs, CASE WHEN wide THEN h.maxs END, CASE WHEN wide THEN h.lasts END)
        WITH ORDINALITY AS v (count, min, avg, max, last, place)
    WHERE s.target_id = target AND s.measurement = measured AND days < hours
      AND h.day >= (days AT TIME ZONE 'UTC')::date AND h.day <= (hours AT TIME ZONE 'UTC')::date
      AND h.day::timestamp AT TIME ZONE 'UTC' + (v.place - 1) * interval '1 hour' >= days
      AND h.day::timestamp AT TIME ZONE 'UTC' + (v.place - 1) * interval '1 hour' < hours
      AND v.count > 0
    UNION ALL
    SELECT m.starts_at + (v.place - 1) * interval '1 minute', s.entity, v.count::bigint, v.min, v.avg, v.max, v.last
    FROM health.series s
    JOIN health.minutes m ON m.target_id = s.target_id AND m.series_id = s.id
    CROSS JOIN LATERAL unnest(
        m.counts, CASE WHEN wide THEN m.mins END, m.avgs, CASE WHEN wide THEN m.maxs END, CASE WHEN wide THEN m.lasts END)
        WITH ORDINALITY AS v (count, min, avg, max, last, place)
    WHERE s.target_id = target AND s.measurement = measured AND hours < minutes
      AND m.starts_at > hours - interval '1 day' AND m.starts_at < minutes
      AND (m.starts_at >= hours OR m.starts_at + (v.place - 1) * interval '1 minute' >= hours)
      AND (m.starts_at <= minutes - interval '1 day' OR m.starts_at + (v.place - 1) * interval '1 minute' < minutes)
      AND v.count > 0
    UNION ALL
    SELECT date_bin(least(step, interval '1 minute'), r.at, '2000-01-01 00:00:00+00'), l.entities[p.place],
           count(*), min(r."values"[p.place]), avg(r."values"[p.place]), max(r."values"[p.place]),
           (array_agg(r."values"[p.place] ORDER BY r.at DESC))[1]
    FROM health.reports_of(target, minutes, closes) r
    JOIN health.layout l ON l.id = r.layout_id
    CROSS JOIN LATERAL generate_subscripts(l.names, 1) AS p (place)
    -- A look that failed may bear its layout and no values: they weigh nothing.
    WHERE l.names[p.place] = measured AND minutes < closes AND r."values"[p.place] IS NOT NULL
    GROUP BY 1, 2
    UNION ALL
    -- Until looks were answered, as rolled up by `roll_hour`: not in an hour in which the target itself measures
    -- something called so, of no entity.
    SELECT date_bin(least(step, interval '1 minute'), a.at, '2000-01-01 00:00:00+00'), '',
           count(*), min(a.rtt_s), avg(a.rtt_s), max(a.rtt_s), (array_agg(a.rtt_s ORDER BY a.at DESC))[1]
    FROM (
        SELECT r.at, r.rtt_s,
               bool_or(coalesce(('rtt', '') IN (SELECT u.name, u.entity FROM unnest(l.names, l.entities) AS u (name, entity)), false))
                   OVER (PARTITION BY date_bin('1 hour', r.at, '2000-01-01 00:00:00+00')) AS is_its_own
        FROM health.reports_of(target, minutes, closes) r
        LEFT JOIN health.layout l ON l.id = r.layout_id
        WHERE measured = 'rtt' AND minutes < closes
    ) a
    WHERE a.rtt_s <> 'NaN' AND NOT a.is_its_own
    GROUP BY 1
$$;

-- One measurement of a target at that step, in whole steps: the one that holds from_at is the first. Each part of
-- the time comes from the coarsest history that answers the step exactly and, where that is past its time, from the
-- next coarser one. Shorter than a minute a step is answered as far back as there are reports.
DROP FUNCTION IF EXISTS health.pieces(integer, text, timestamptz, timestamptz, interval);
DROP FUNCTION IF EXISTS health.measured(integer, text, timestamptz, timestamptz, interval);
CREATE OR REPLACE FUNCTION health.measured(
    target integer, measured text, from_at timestamptz, to_at timestamptz, step interval, wide boolean DEFAULT true)
RETURNS TABLE (at timestamptz, entity text, "count" bigint, min double precision, avg double precision,
               max double precision, last double precision)
LANGUAGE plpgsql STABLE STRICT ROWS 50000 SET search_path = pg_catalog SET work_mem = '16MB' AS $$
DECLARE
    whole interval := health.whole_step(step);
    origin CONSTANT timestamptz := '2000-01-01 00:00:00+00';
    opens timestamptz := date_bin(whole, from_at, origin);
    closes timestamptz := date_bin(whole, to_at - interval '1 microsecond', origin) + whole;
    until timestamptz := coalesce((SELECT r.until FROM health.rolled r), '-infinity');
    rolled timestamptz := greatest(least(until, closes), opens);
    closed timestamptz := greatest(least(date_trunc('day', until, 'UTC'), closes), opens);
    days timestamptz;
    hours timestamptz;
    minutes timestamptz := rolled;
BEGIN
    -- Where the finer history begins: before, it is past its time (or there never was any).
    SELECT min(h.day)::timestamp AT TIME ZONE 'UTC', min(m.starts_at) INTO days, hours
    FROM health.series s
    LEFT JOIN LATERAL (
        SELECT x.day
        FROM health.hours x
        WHERE x.target_id = s.target_id AND x.series_id = s.id
        ORDER BY x.day
        LIMIT 1
    ) h ON true
    LEFT JOIN LATERAL (
        SELECT x.starts_at
        FROM health.minutes x
        WHERE x.target_id = s.target_id AND x.series_id = s.id
        ORDER BY x.starts_at
        LIMIT 1
    ) m ON true
    WHERE s.target_id = target AND s.measurement = measured;
    hours := greatest(CASE WHEN whole >= interval '1 hour' THEN closed ELSE least(hours, closed) END, opens);
    days := greatest(CASE WHEN whole >= interval '1 day' THEN closed ELSE least(days, hours) END, opens);
    IF whole < interval '1 minute' THEN
        minutes := least(rolled, (SELECT min(d.day)::timestamp AT TIME ZONE 'UTC' FROM health.days_of_reports() d));
    END IF;
    minutes := greatest(minutes, hours);
    IF whole <= interval '1 minute' THEN
        RETURN QUERY
        SELECT * FROM health.pieces(target, measured, whole, wide, opens, days, hours, minutes, closes) p
        ORDER BY p.at, p.entity;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT date_bin(whole, p.at, origin), p.entity, sum(p.count)::bigint,
           min(p.min), sum(p.avg * p.count) / sum(p.count), max(p.max), (array_agg(p.last ORDER BY p.at DESC))[1]
    FROM health.pieces(target, measured, whole, wide, opens, days, hours, minutes, closes) p
    GROUP BY 1, 2
    ORDER BY 1, 2;
END $$;
