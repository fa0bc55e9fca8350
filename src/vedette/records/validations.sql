-- name: hold
SELECT pg_advisory_xact_lock(%(number)s)

-- name: keep_names
-- Returns (what, place, id, is_new) of the source, the checks and the objects, in the order given.
WITH source AS (
    INSERT INTO records.source (name)
    SELECT %(source)s
    WHERE NOT EXISTS (SELECT FROM records.source WHERE name = %(source)s)
    RETURNING id
), named AS (
    SELECT *
    FROM unnest(%(checks)b::text[], %(descriptions)b::text[], %(remediations)b::text[])
        WITH ORDINALITY AS c (name, description, remediation, place)
), described AS (
    UPDATE records.check_kind AS k
    SET description = coalesce(nullif(c.description, ''), k.description),
        remediation = coalesce(nullif(c.remediation, ''), k.remediation)
    FROM named AS c
    WHERE k.name = c.name
      AND (c.description NOT IN ('', k.description) OR c.remediation NOT IN ('', k.remediation))
), checked AS (
    INSERT INTO records.check_kind (name, description, remediation)
    SELECT name, description, remediation
    FROM named AS c
    WHERE NOT EXISTS (SELECT FROM records.check_kind AS k WHERE k.name = c.name)
    RETURNING id, name
), given AS (
    SELECT *
    FROM unnest(
        %(clusters)b::integer[], %(namespaces)b::integer[], %(kinds)b::text[], %(names)b::text[]
    ) WITH ORDINALITY AS g (cluster_id, namespace_id, kind, name, place)
), known AS (
    SELECT g.place, o.id
    FROM given AS g
    JOIN records.object AS o
        ON o.cluster_id = g.cluster_id AND o.namespace_id = g.namespace_id AND o.kind = g.kind AND o.name = g.name
    UNION ALL
    SELECT g.place, o.id
    FROM given AS g
    JOIN records.object AS o
        ON o.cluster_id = g.cluster_id AND o.namespace_id IS NULL AND o.kind = g.kind AND o.name = g.name
    WHERE g.namespace_id IS NULL
), added AS (
    INSERT INTO records.object (cluster_id, namespace_id, kind, name)
    SELECT cluster_id, namespace_id, kind, name
    FROM given
    WHERE place NOT IN (SELECT place FROM known)
    RETURNING id, cluster_id, coalesce(namespace_id, 0) AS namespace_id, kind, name
)
SELECT 's', 0, id, true FROM source
UNION ALL
SELECT 's', 0, id, false FROM records.source WHERE name = %(source)s
UNION ALL
SELECT 'c', c.place, coalesce(n.id, k.id), n.id IS NOT NULL
FROM named AS c
LEFT JOIN checked AS n USING (name)
LEFT JOIN records.check_kind AS k USING (name)
UNION ALL
SELECT 'o', place, id, false FROM known
UNION ALL
SELECT 'o', g.place, a.id, true
FROM given AS g
JOIN added AS a
    ON a.cluster_id = g.cluster_id AND a.namespace_id = coalesce(g.namespace_id, 0) AND a.kind = g.kind
       AND a.name = g.name
ORDER BY 1, 2

-- name: merge
-- The objects stand as given from %%(at)s on. What stood otherwise ends there; what the source says everything about
-- and does not name is gone, unless it is of `named`, which it names at another time. Where it has looked since, nothing
-- changes; a part of what is said of objects (of one check, as a rule) still adds what was not said of them at all.
-- Returns how many stretches were opened, ended as gone, changed (a new stretch, or other words in the same), and how
-- many came too late.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(objects)b::integer[], %(checks)b::integer[], %(passed)b::boolean[],
        %(contradicted)b::boolean[], %(words)b::text[], %(messages)b::text[]
    ) AS g (object_id, check_id, passed, contradicted, word, message)
), named AS MATERIALIZED (
    SELECT * FROM unnest(%(named_objects)b::integer[], %(named_checks)b::integer[]) AS n (object_id, check_id)
), whole AS MATERIALIZED (
    SELECT id AS object_id
    FROM records.object
    WHERE cluster_id = ANY (%(scope_clusters)b::integer[])
    UNION
    SELECT * FROM unnest(%(scope_objects)b::integer[])
), due AS MATERIALIZED (
    SELECT n.object_id, bool_or(n.is_whole) AS is_whole,
        bool_or(o.cluster_id = ANY (%(scope_clusters)b::integer[])) AS is_covered,
        bool_or(coalesce(l.last_at > %(at)s, false)) AS is_late
    FROM (
        SELECT object_id, true FROM whole
        UNION ALL
        SELECT object_id, false FROM given
    ) AS n (object_id, is_whole)
    JOIN records.object AS o ON o.id = n.object_id
    LEFT JOIN records.object_look AS l ON l.object_id = n.object_id AND l.source_id = %(source)s
    LEFT JOIN records.cluster_look AS c ON c.cluster_id = o.cluster_id AND c.source_id = %(source)s
    WHERE coalesce(c.last_at <= %(at)s, true) AND (%(is_part)s OR coalesce(l.last_at <= %(at)s, true))
    GROUP BY n.object_id
), held AS MATERIALIZED (
    SELECT v.id, v.object_id, v.check_id, v.passed, v.contradicted, v.word, v.message, d.is_whole,
        d.is_late
    FROM due AS d
    JOIN records.validation AS v
        ON v.object_id = d.object_id AND v.source_id = %(source)s AND v.until_at IS NULL
), ended AS (
    UPDATE records.validation AS v
    SET until_at = greatest(%(at)s::timestamptz, v.since_at)
    FROM (
        SELECT h.id, g.object_id IS NULL AS is_gone
        FROM held AS h
        LEFT JOIN given AS g ON g.object_id = h.object_id AND g.check_id = h.check_id
        LEFT JOIN named AS n ON n.object_id = h.object_id AND n.check_id = h.check_id
        WHERE NOT h.is_late AND CASE
            WHEN g.object_id IS NOT NULL THEN g.passed <> h.passed
            -- A look at a whole object says what is left of it, whatever was said of it before.
            ELSE h.is_whole AND (n.object_id IS NULL OR h.object_id = ANY (%(scope_objects)b::integer[])) END
    ) AS e
    WHERE v.id = e.id
    RETURNING v.object_id, v.check_id, e.is_gone
), reworded AS (
    UPDATE records.validation AS v
    SET contradicted = g.contradicted, word = g.word, message = g.message
    FROM held AS h
    JOIN given AS g ON g.object_id = h.object_id AND g.check_id = h.check_id AND g.passed = h.passed
    WHERE v.id = h.id AND NOT h.is_late
      AND (g.contradicted, g.word, g.message) <> (h.contradicted, h.word, h.message)
    RETURNING 1
), opened AS (
    -- A stretch follows the one that ended: joined to it, it is written after.
    INSERT INTO records.validation (
        source_id, object_id, check_id, passed, contradicted, word, message, since_at)
    SELECT %(source)s, g.object_id, g.check_id, g.passed, g.contradicted, g.word, g.message, %(at)s
    FROM given AS g
    JOIN due AS d ON d.object_id = g.object_id
    LEFT JOIN held AS h ON h.object_id = g.object_id AND h.check_id = g.check_id
    LEFT JOIN ended AS e ON e.object_id = g.object_id AND e.check_id = g.check_id
    WHERE h.id IS NULL OR e.object_id IS NOT NULL
    RETURNING 1
), looked AS (
    INSERT INTO records.object_look (object_id, source_id, last_at)
    SELECT d.object_id, %(source)s, %(at)s
    FROM due AS d
    -- What is told of a whole cluster is one row for all of its objects.
    WHERE NOT d.is_covered
      AND (
          d.object_id IN (SELECT object_id FROM given)
          OR d.object_id = ANY (%(scope_objects)b::integer[]))
    ORDER BY 1
    ON CONFLICT (object_id, source_id) DO UPDATE
    SET last_at = greatest(excluded.last_at, records.object_look.last_at)
), counted AS (
    INSERT INTO records.cluster_look (cluster_id, source_id, last_at)
    SELECT cluster_id, %(source)s, %(at)s
    FROM unnest(%(scope_clusters)b::integer[]) AS s (cluster_id)
    ORDER BY 1
    ON CONFLICT (cluster_id, source_id) DO UPDATE
    SET last_at = excluded.last_at
    WHERE records.cluster_look.last_at < excluded.last_at
)
SELECT
    (SELECT count(*) FROM opened)::integer - (SELECT count(*) FROM ended WHERE NOT is_gone)::integer,
    (SELECT count(*) FROM ended WHERE is_gone)::integer,
    (SELECT count(*) FROM ended WHERE NOT is_gone)::integer + (SELECT count(*) FROM reworded)::integer,
    (
        SELECT count(*)
        FROM given AS g
        LEFT JOIN held AS h ON h.object_id = g.object_id AND h.check_id = g.check_id
        WHERE h.is_late OR g.object_id NOT IN (SELECT object_id FROM due)
    )::integer
