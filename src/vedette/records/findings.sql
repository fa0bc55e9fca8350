-- name: give
COPY pg_temp.given FROM STDIN (FORMAT binary)

-- name: keep_texts
-- Keeps what is new of packages and advisories; a changed text replaces the one before. Returns the keys of the new
-- ones, one after the other.
WITH added_packages AS (
    INSERT INTO records.package (key, name, version, type, purl, path)
    SELECT g.package_key, g.package, g.version, g.type, g.purl, g.path
    FROM pg_temp.given AS g
    WHERE g.package IS NOT NULL
      AND NOT EXISTS (SELECT FROM records.package AS p WHERE p.key = g.package_key)
    -- As the document has them: lists are in the order of these numbers.
    ORDER BY g.ctid
    RETURNING key
), changed AS (
    UPDATE records.advisory AS a
    SET text_key = g.text_key, identity = g.identity, title = g.title, description = g.description,
        links = string_to_array(g.links, ' '), cwes = string_to_array(g.cwes, ' '),
        score = coalesce(g.score, a.score),
        vector = CASE WHEN g.vector = '' THEN a.vector ELSE g.vector END,
        published_at = coalesce(g.published_at, a.published_at)
    FROM pg_temp.given AS g
    WHERE g.name IS NOT NULL AND a.key = g.advisory_key AND a.text_key <> g.text_key
), added_advisories AS (
    INSERT INTO records.advisory (
        key, text_key, name, feed, identity, title, description, links, cwes, score, vector,
        published_at, made_at)
    SELECT g.advisory_key, g.text_key, g.name, g.feed, g.identity, g.title, g.description,
        string_to_array(g.links, ' '), string_to_array(g.cwes, ' '), g.score, g.vector, g.published_at,
        %(now)s
    FROM pg_temp.given AS g
    WHERE g.name IS NOT NULL
      AND NOT EXISTS (SELECT FROM records.advisory AS a WHERE a.key = g.advisory_key)
    ORDER BY g.ctid
    RETURNING id, key
), aliased AS (
    INSERT INTO records.alias (name, advisory_id)
    SELECT g.name, coalesce(n.id, a.id)
    FROM unnest(%(aliases)b::text[], %(alias_keys)b::bytea[]) AS g (name, key)
    LEFT JOIN added_advisories AS n USING (key)
    LEFT JOIN records.advisory AS a USING (key)
    ON CONFLICT DO NOTHING
)
SELECT (SELECT string_agg(key, '') FROM added_packages), (SELECT string_agg(key, '') FROM added_advisories)

-- name: merge_findings
-- The scans looked at hold what is given, from %%(at)s on: what is new opens, what differs changes, and what a
-- complete one lacks is fixed. What is new is known since its predecessor's findings in the same software are,
-- whatever its version. Returns a row a scan: opened, closed, changed.
WITH looked AS MATERIALIZED (
    SELECT *
    FROM unnest(%(looked)b::integer[], %(complete)b::boolean[], %(predecessors)b::integer[])
        AS l (scan_id, complete, predecessor_id)
), before AS MATERIALIZED (
    SELECT l.scan_id, f.advisory_id, p.name, min(f.since_at) AS since_at
    FROM looked AS l
    JOIN records.finding AS f ON f.scan_id = l.predecessor_id AND f.fixed_at IS NULL
    JOIN records.package AS p ON p.id = f.package_id
    GROUP BY 1, 2, 3
), given AS MATERIALIZED (
    SELECT g.scan_id, p.id AS package_id, p.name, a.id AS advisory_id, g.severity, g.word_id, g.fixed_in,
        g.fix_state, g.suppressed
    FROM pg_temp.given AS g
    JOIN records.package AS p ON p.key = g.package_key
    JOIN records.advisory AS a ON a.key = g.advisory_key
), held AS MATERIALIZED (
    SELECT f.*
    FROM records.finding AS f
    WHERE f.scan_id = ANY (%(looked)b::integer[]) AND f.fixed_at IS NULL
), changed AS (
    UPDATE records.finding AS f
    SET severity = g.severity, word_id = g.word_id, fixed_in = g.fixed_in,
        fix_state = g.fix_state, suppressed = g.suppressed
    FROM given AS g
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
        LEFT JOIN given AS g
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
        g.suppressed, least(b.since_at, %(at)s), %(at)s
    FROM given AS g
    LEFT JOIN before AS b
        ON b.scan_id = g.scan_id AND b.advisory_id = g.advisory_id AND b.name = g.name
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
