-- name: told
-- What each component was told to be between the bounds: the gravest at each instant, as its availability counts.
WITH level AS (
    SELECT t.component_id, k.rank, k.times,
        range_agg(k.times) OVER (
            PARTITION BY t.component_id ORDER BY k.rank ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS worse
    FROM incidents.told_times(
        %(components)s::integer[], %(bounds)s::timestamptz[], %(now)s::timestamptz, %(shielded)s) AS t
    CROSS JOIN LATERAL (
        VALUES (1, t.outages), (2, t.majors), (3, t.minors), (4, t.blind), (5, t.maintenances), (6, t.life)
    ) AS k (rank, times)
)
SELECT l.component_id, l.rank, lower(p.time), upper(p.time)
FROM level AS l
CROSS JOIN LATERAL unnest(l.times - coalesce(l.worse, '{}'::tstzmultirange)) AS p (time)
ORDER BY 1, 3
