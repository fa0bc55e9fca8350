-- name: tell
-- What was known to run when a catalogue named it; what is no finding, or does not apply, is not told.
WITH entered AS (
    SELECT DISTINCT ON (k.identity) k.identity, k.catalog, k.added_on
    FROM (
        SELECT cve AS identity, catalog, added_on, first_loaded_at FROM records.kev
        UNION
        SELECT a.identity, k.catalog, k.added_on, k.first_loaded_at
        FROM records.kev AS k
        JOIN records.alias AS l ON l.name = k.cve
        JOIN records.advisory AS a ON a.id = l.advisory_id AND a.identity NOT LIKE 'CVE-%%'
    ) AS k
    JOIN records.exposure AS e USING (identity)
    WHERE e.ended_at IS NULL
      AND e.first_seen_at <= k.first_loaded_at
      AND (e.namespace_id IS NOT NULL OR e.hosts > 0)
      AND e.covered_until < 'infinity'
      AND NOT EXISTS (SELECT FROM records.notice AS n WHERE n.identity = k.identity)
    ORDER BY k.identity, k.first_loaded_at, k.catalog
)
INSERT INTO records.notice (at, identity, catalog, added_on, severity, namespaces, images)
SELECT %(now)s, n.identity, n.catalog, n.added_on, max(e.severity), count(e.namespace_id), sum(e.images)
FROM entered AS n
JOIN records.exposure AS e ON e.identity = n.identity AND e.ended_at IS NULL
GROUP BY n.identity, n.catalog, n.added_on
ORDER BY n.identity
ON CONFLICT DO NOTHING
RETURNING identity, catalog, namespaces, images
