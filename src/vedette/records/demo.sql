-- name: remove_findings
DELETE FROM records.finding
WHERE scan_id IN (
    SELECT c.id
    FROM records.scan AS c
    JOIN records.subject AS s ON s.id = c.subject_id
    WHERE s.name LIKE %(images)s)

-- name: remove_subjects
DELETE FROM records.subject WHERE name LIKE %(images)s

-- name: remove_deployments
DELETE FROM records.deployment WHERE pipeline = %(pipeline)s

-- name: remove_objectives
DELETE FROM records.objective WHERE source = %(by)s

-- name: remove_days
DELETE FROM records.daily
WHERE scope = 'cluster' AND scope_id IN (
        SELECT id::text FROM fleet.cluster WHERE name = ANY (%(clusters)s::text[]))
   OR scope = 'namespace' AND scope_id IN (
        SELECT n.id::text
        FROM fleet.namespace AS n
        JOIN fleet.cluster AS c ON c.id = n.cluster_id
        WHERE c.name = ANY (%(clusters)s::text[]))

-- name: remove_catalog
DELETE FROM records.kev WHERE catalog = %(by)s

-- name: remove_feed
DELETE FROM records.feed WHERE name = 'kev:' || %(by)s

-- name: remove_snapshots
DELETE FROM records.snapshot WHERE opened_by = %(by)s

-- name: remove_namespaces
-- With them goes what runs in them, what was checked there, and their SLO values.
DELETE FROM fleet.namespace
WHERE cluster_id IN (SELECT id FROM fleet.cluster WHERE name = ANY (%(clusters)s::text[]))

-- name: remove_clusters
-- A cluster that holds targets by now is somebody's.
DELETE FROM fleet.cluster AS c
WHERE c.name = ANY (%(clusters)s::text[])
  AND NOT EXISTS (SELECT FROM fleet.target AS t WHERE t.cluster_id = c.id)
