-- name: tell
-- What was known to run when a catalogue named it; what is no finding, or does not apply, is not told.
WITH entered AS (
    SELECT DISTINCT ON (k.cve) k.cve, k.catalog, k.added_on, e.first_seen_at
    FROM records.kev AS k
    JOIN records.exposure AS e ON e.identity = k.cve
    WHERE e.ended_at IS NULL
      AND e.first_seen_at <= k.first_loaded_at
      AND (e.namespace_id IS NOT NULL OR e.hosts > 0)
      AND e.covered_until < 'infinity'
      AND NOT EXISTS (SELECT FROM records.notice AS n WHERE n.identity = k.cve)
    ORDER BY k.cve, k.first_loaded_at, k.catalog
)
INSERT INTO records.notice (at, identity, catalog, added_on, severity, namespaces, images)
SELECT %(now)s, n.cve, n.catalog, n.added_on, max(e.severity), count(e.namespace_id), sum(e.images)
FROM entered AS n
JOIN records.exposure AS e ON e.identity = n.cve AND e.ended_at IS NULL
GROUP BY n.cve, n.catalog, n.added_on
ORDER BY n.cve
ON CONFLICT DO NOTHING
RETURNING identity, catalog, namespaces, images
