-- name: rolled_until
SELECT until FROM health.rolled;

-- name: first_report
-- Where to begin: the oldest partition that holds anything.
SELECT min(at) FROM health.report;

-- name: keep_rolled_until
INSERT INTO health.rolled (until)
VALUES (%(until)s)
ON CONFLICT (one) DO UPDATE SET until = excluded.until;

-- name: make_minutes_partition
SELECT health.make_minutes_partition(%(month)s::date);

-- name: know_series
INSERT INTO health.series (target_id, measurement, entity, unit)
-- Until when a look was answered is a series, too: `rtt`, unless the target measures something called so.
SELECT DISTINCT ON (seen.target_id, m.name, m.entity) seen.target_id, m.name, m.entity, m.unit
FROM (
    SELECT DISTINCT target_id, layout_id, rtt_s <> 'NaN' AS is_answered
    FROM health.reports_between(%(hour)s, %(hour)s + interval '1 hour')
) seen
LEFT JOIN health.layout l ON l.id = seen.layout_id
CROSS JOIN LATERAL (
    SELECT u.name, u.entity, u.unit, false AS is_answer
    FROM unnest(l.names, l.entities, l.units) AS u (name, entity, unit)
    UNION ALL
    SELECT 'rtt', '', 'seconds', true
    WHERE seen.is_answered
) m
WHERE NOT EXISTS (
    SELECT
    FROM health.series s
    WHERE s.target_id = seen.target_id AND s.measurement = m.name AND s.entity = m.entity
)
ORDER BY seen.target_id, m.name, m.entity, m.is_answer
ON CONFLICT DO NOTHING;

-- name: forget_minutes
DELETE FROM health.minutes
WHERE starts_at >= %(first)s
  AND starts_at < %(last)s;

-- name: roll_hour
-- Samples are grouped by series and minute; the last one of a minute is looked up by report, of which
-- there are twenty times fewer. More samples than a column can count are as many as it can.
WITH reports AS MATERIALIZED (
    SELECT target_id, layout_id, at, extract(minute FROM at)::integer AS minute, rtt_s, "values"
    FROM health.reports_between(%(hour)s, %(hour)s + interval '1 hour')
), places AS MATERIALIZED (
    -- Which series stands where in which layout.
    SELECT s.target_id, l.id AS layout_id, p AS place, s.id AS series_id
    FROM (SELECT DISTINCT target_id, layout_id FROM reports) seen
    JOIN health.layout l ON l.id = seen.layout_id
    CROSS JOIN LATERAL generate_subscripts(l.names, 1) p
    JOIN health.series s
      ON s.target_id = seen.target_id AND s.measurement = l.names[p] AND s.entity = l.entities[p]
), newest AS (
    SELECT DISTINCT ON (target_id, layout_id, minute) target_id, layout_id, minute, at, "values"
    FROM reports
    WHERE layout_id <> 0 AND "values" <> '{}'
    ORDER BY target_id, layout_id, minute, at DESC
), spread AS (
    SELECT r.target_id, r.layout_id, r.minute, v.place::integer AS place,
           count(*) AS count, min(v.value) AS min, sum(v.value) AS sum, max(v.value) AS max
    FROM reports r
    CROSS JOIN LATERAL unnest(r."values") WITH ORDINALITY AS v (value, place)
    GROUP BY 1, 2, 3, 4
), minutes AS (
    -- Layouts of one target may follow each other within a minute: they are one series.
    SELECT p.target_id, p.series_id, x.minute,
           least(sum(x.count), 32767)::smallint AS count, min(x.min) AS min, sum(x.sum) / sum(x.count) AS avg,
           max(x.max) AS max,
           (array_agg(n."values"[x.place] ORDER BY n.at DESC))[1] AS last
    FROM spread x
    JOIN places p USING (target_id, layout_id, place)
    JOIN newest n USING (target_id, layout_id, minute)
    GROUP BY 1, 2, 3
), answers AS (
    SELECT r.target_id, s.id AS series_id, r.minute,
           least(count(*), 32767)::smallint AS count, min(r.rtt_s) AS min, avg(r.rtt_s) AS avg, max(r.rtt_s) AS max,
           (array_agg(r.rtt_s ORDER BY r.at DESC))[1] AS last
    FROM reports r
    JOIN health.series s ON s.target_id = r.target_id AND s.measurement = 'rtt' AND s.entity = ''
    WHERE r.rtt_s <> 'NaN'
      AND NOT EXISTS (SELECT FROM places p WHERE p.target_id = r.target_id AND p.series_id = s.id)
    GROUP BY 1, 2, 3
), either AS MATERIALIZED (
    SELECT * FROM minutes
    UNION ALL
    SELECT * FROM answers
)
INSERT INTO health.minutes (target_id, series_id, starts_at, counts, mins, avgs, maxs, lasts)
SELECT g.target_id, g.series_id, %(hour)s,
       array_agg(coalesce(m.count, 0::smallint) ORDER BY g.minute), array_agg(m.min ORDER BY g.minute),
       array_agg(m.avg ORDER BY g.minute), array_agg(m.max ORDER BY g.minute), array_agg(m.last ORDER BY g.minute)
FROM (
    SELECT series.target_id, series.series_id, grid.minute
    FROM (SELECT DISTINCT target_id, series_id FROM either) series
    CROSS JOIN generate_series(0, 59) AS grid (minute)
) g
LEFT JOIN either m USING (target_id, series_id, minute)
GROUP BY g.target_id, g.series_id;

-- name: compact_day
-- The hours of a day become one row; an hour without a row becomes sixty NULLs.
WITH hours AS (
    DELETE FROM health.minutes
    WHERE starts_at >= %(day)s
      AND starts_at < %(day)s + interval '1 day'
    RETURNING *
)
INSERT INTO health.minutes (target_id, series_id, starts_at, counts, mins, avgs, maxs, lasts)
SELECT s.target_id, s.series_id, %(day)s,
       health.joined(coalesce(h.counts, array_fill(0::smallint, ARRAY[60])) ORDER BY grid.at),
       health.joined(coalesce(h.mins, array_fill(NULL::double precision, ARRAY[60])) ORDER BY grid.at),
       health.joined(coalesce(h.avgs, array_fill(NULL::double precision, ARRAY[60])) ORDER BY grid.at),
       health.joined(coalesce(h.maxs, array_fill(NULL::double precision, ARRAY[60])) ORDER BY grid.at),
       health.joined(coalesce(h.lasts, array_fill(NULL::double precision, ARRAY[60])) ORDER BY grid.at)
FROM (SELECT DISTINCT target_id, series_id FROM hours) s
CROSS JOIN generate_series(%(day)s, %(day)s + interval '23 hours', interval '1 hour') AS grid (at)
LEFT JOIN hours h ON h.target_id = s.target_id AND h.series_id = s.series_id AND h.starts_at = grid.at
GROUP BY s.target_id, s.series_id;

-- name: roll_hours_of_day
INSERT INTO health.hours (target_id, series_id, day, counts, mins, avgs, maxs, lasts)
SELECT target_id, series_id, %(date)s,
       array_agg(count ORDER BY hour), array_agg(min ORDER BY hour), array_agg(avg ORDER BY hour),
       array_agg(max ORDER BY hour), array_agg(last ORDER BY hour)
FROM (
    SELECT m.target_id, m.series_id, (v.place - 1) / 60 AS hour,
           sum(v.count)::integer AS count, min(v.min) AS min,
           sum(v.avg * v.count) / nullif(sum(v.count), 0) AS avg, max(v.max) AS max,
           (array_agg(v.last ORDER BY v.place DESC) FILTER (WHERE v.count > 0))[1] AS last
    FROM health.minutes m
    CROSS JOIN LATERAL unnest(m.counts, m.mins, m.avgs, m.maxs, m.lasts)
        WITH ORDINALITY AS v (count, min, avg, max, last, place)
    WHERE m.starts_at = %(day)s
    GROUP BY 1, 2, 3
) hours
GROUP BY target_id, series_id
ON CONFLICT (target_id, series_id, day) DO UPDATE
SET counts = excluded.counts, mins = excluded.mins, avgs = excluded.avgs,
    maxs = excluded.maxs, lasts = excluded.lasts;

-- name: roll_day
INSERT INTO health.days (target_id, series_id, day, "count", min, avg, max, last)
SELECT h.target_id, h.series_id, h.day, sum(v.count), min(v.min),
       sum(v.avg * v.count) / sum(v.count), max(v.max),
       (array_agg(v.last ORDER BY v.place DESC) FILTER (WHERE v.count > 0))[1]
FROM health.hours h
CROSS JOIN LATERAL unnest(h.counts, h.mins, h.avgs, h.maxs, h.lasts)
    WITH ORDINALITY AS v (count, min, avg, max, last, place)
WHERE h.day = %(date)s
GROUP BY h.target_id, h.series_id, h.day
HAVING sum(v.count) > 0
ON CONFLICT (target_id, series_id, day) DO UPDATE
SET "count" = excluded."count", min = excluded.min, avg = excluded.avg,
    max = excluded.max, last = excluded.last;

-- name: roll_states
INSERT INTO health.target_day
    (target_id, day, seconds_up, seconds_unknown, seconds_initialising, seconds_draining, seconds_degraded, seconds_down)
SELECT target_id, day,
       coalesce(sum(seconds) FILTER (WHERE state = 'up'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'unknown'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'initialising'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'draining'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'degraded'), 0),
       coalesce(sum(seconds) FILTER (WHERE state = 'down'), 0)
FROM health.target_seconds(%(date)s, %(date)s, %(now)s)
GROUP BY target_id, day
ON CONFLICT (target_id, day) DO UPDATE
SET seconds_up = excluded.seconds_up,
    seconds_unknown = excluded.seconds_unknown,
    seconds_initialising = excluded.seconds_initialising,
    seconds_draining = excluded.seconds_draining,
    seconds_degraded = excluded.seconds_degraded,
    seconds_down = excluded.seconds_down;

-- name: take_late_days
-- Days that took reports after they had been rolled up, or while they were.
DELETE FROM health.late_hour
WHERE hour < (SELECT until FROM health.rolled)
RETURNING (hour AT TIME ZONE 'UTC')::date;

-- name: days_to_pack
-- Partitions of raw reports older than %(before)s, the oldest first.
SELECT day FROM health.days_of_reports() WHERE day < %(before)s ORDER BY day;

-- name: pack_day
SELECT health.pack_day(%(day)s::date);

-- name: forget_past_retention
SELECT health.drop_history(%(reports)s::date, %(minutes)s::date, %(hours)s::date);

-- name: forget_days
WITH target_days AS (
    DELETE FROM health.target_day
    WHERE day < %(before)s
)
DELETE FROM health.days
WHERE day < %(before)s;
