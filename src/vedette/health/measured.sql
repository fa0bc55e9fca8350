-- name: measured
SELECT at, entity, "count", min, avg, max, last
FROM health.measured(%(target_id)s, %(measurement)s, %(since)s, %(until)s, %(step)s)
LIMIT %(limit)s;
