-- name: give
COPY pg_temp.given FROM STDIN (FORMAT binary)

-- name: add_findings
COPY records.finding (
    scan_id, package_id, advisory_id, severity, word_id, fixed_in, fix_state, suppressed, since_at, first_seen_at)
FROM STDIN (FORMAT binary)

-- name: merge_findings
-- The scans looked at hold what is given, from %%(at)s on: what is new opens, what differs changes, and what a
-- complete one lacks is fixed. What is new is known since its predecessor's findings in the same software are,
-- whatever its version. Returns a row a scan: opened, closed, changed. Others may be given after these.
WITH emptied AS (
    DELETE FROM pg_temp.given
), looked AS MATERIALIZED (
    SELECT *
    FROM unnest(%(looked)b::integer[], %(complete)b::boolean[], %(predecessors)b::integer[])
        AS l (scan_id, complete, predecessor_id)
), before AS MATERIALIZED (
    SELECT l.scan_id, f.advisory_id, p.name, min(f.since_at) AS since_at
    FROM looked AS l
    JOIN records.finding AS f ON f.scan_id = l.predecessor_id AND f.fixed_at IS NULL
    JOIN records.package AS p ON p.id = f.package_id
    GROUP BY 1, 2, 3
), known AS MATERIALIZED (
    SELECT g.scan_id, g.package_id, g.advisory_id, b.since_at
    FROM before AS b
    JOIN pg_temp.given AS g ON g.scan_id = b.scan_id AND g.advisory_id = b.advisory_id
    JOIN records.package AS p ON p.id = g.package_id AND p.name = b.name
), held AS MATERIALIZED (
    SELECT f.*
    FROM records.finding AS f
    WHERE f.scan_id = ANY (%(looked)b::integer[]) AND f.fixed_at IS NULL
), changed AS (
    UPDATE records.finding AS f
    SET severity = g.severity, word_id = g.word_id, fixed_in = g.fixed_in,
        fix_state = g.fix_state, suppressed = g.suppressed
    FROM pg_temp.given AS g
    JOIN held AS h USING (scan_id, package_id, advisory_id)
    WHERE (g.severity, g.word_id, g.fixed_in, g.fix_state, g.suppressed)
          <> (h.severity, h.word_id, h.fixed_in, h.fix_state, h.suppressed)
      AND f.scan_id = g.scan_id AND f.package_id = g.package_id AND f.advisory_id = g.advisory_id
      AND f.fixed_at IS NULL
    RETURNING f.scan_id
), closed AS (
    UPDATE records.finding AS f
    SET fixed_at = greatest(%(at)s::timestamptz, f.first_seen_at)
    FROM (
        SELECT h.scan_id, h.package_id, h.advisory_id
        FROM held AS h
        JOIN looked AS l ON l.scan_id = h.scan_id AND l.complete
        LEFT JOIN pg_temp.given AS g
            ON g.scan_id = h.scan_id AND g.package_id = h.package_id AND g.advisory_id = h.advisory_id
        WHERE g.scan_id IS NULL
    ) AS gone
    WHERE f.scan_id = gone.scan_id AND f.package_id = gone.package_id
      AND f.advisory_id = gone.advisory_id AND f.fixed_at IS NULL
    RETURNING f.scan_id
), added AS (
    INSERT INTO records.finding (
        scan_id, package_id, advisory_id, severity, word_id, fixed_in, fix_state, suppressed,
        since_at, first_seen_at)
    SELECT g.scan_id, g.package_id, g.advisory_id, g.severity, g.word_id, g.fixed_in, g.fix_state,
        g.suppressed, least(k.since_at, %(at)s), %(at)s
    FROM pg_temp.given AS g
    LEFT JOIN known AS k USING (scan_id, package_id, advisory_id)
    WHERE NOT EXISTS (
        SELECT FROM held AS h
        WHERE h.scan_id = g.scan_id AND h.package_id = g.package_id AND h.advisory_id = g.advisory_id)
    RETURNING scan_id
)
SELECT scan_id, sum(opened)::integer, sum(closed)::integer, sum(changed)::integer
FROM (
    SELECT scan_id, count(*) AS opened, 0 AS closed, 0 AS changed FROM added GROUP BY 1
    UNION ALL
    SELECT scan_id, 0, count(*), 0 FROM closed GROUP BY 1
    UNION ALL
    SELECT scan_id, 0, 0, count(*) FROM changed GROUP BY 1
) AS each_
GROUP BY scan_id
