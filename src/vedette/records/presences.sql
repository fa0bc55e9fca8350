-- name: namespaces_of
SELECT id FROM fleet.namespace WHERE cluster_id = ANY (%(clusters)s::integer[])

-- name: keep_presences
-- What runs where, from %%(at)s on. Of `namespaces` the source says everything: of any subject where
-- `everything`, else of the subjects named there; and a workload's container runs one image at a time. Of a
-- cluster that a complete snapshot opened later has told of, this one comes too late; after an incomplete one it
-- does for what that one changed. Namespaces where something changed are counted again, and those where a subject
-- runs whose findings did.
WITH told AS MATERIALIZED (
    SELECT n.id AS namespace_id, coalesce(l.opened_at > %(opened)s, false) AS is_late
    FROM fleet.namespace AS n
    LEFT JOIN records.latest AS l ON l.cluster_id = n.cluster_id AND l.kind = %(kind)s
    WHERE n.id = ANY (%(namespaces)b::integer[])
      AND coalesce(l.complete_at <= %(opened)s, true)
), later AS MATERIALIZED (
    SELECT DISTINCT p.namespace_id, CASE WHEN p.workload = '' THEN p.subject_id END AS subject_id, p.workload,
        p.container
    FROM (
        SELECT * FROM records.presence WHERE gone_at IS NULL AND first_seen_at > %(opened)s
        UNION ALL
        SELECT * FROM records.presence WHERE gone_at > %(opened)s
    ) AS p
    JOIN told AS t ON t.namespace_id = p.namespace_id AND t.is_late
    WHERE p.source_id = %(source)s
), given AS MATERIALIZED (
    SELECT DISTINCT g.*
    FROM unnest(
        %(subjects)b::integer[], %(places)b::integer[], %(pods)b::text[], %(workloads)b::text[],
        %(containers)b::text[]
    ) AS g (subject_id, namespace_id, pod, workload, container)
    JOIN told USING (namespace_id)
    WHERE NOT EXISTS (
        SELECT FROM later AS l
        WHERE l.namespace_id = g.namespace_id AND l.workload = g.workload AND l.container = g.container
          AND coalesce(l.subject_id, g.subject_id) = g.subject_id)
), scope AS MATERIALIZED (
    SELECT DISTINCT *
    FROM unnest(%(scope_subjects)b::integer[], %(scope_namespaces)b::integer[]) AS s (subject_id, namespace_id)
), dropped AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(dropped_subjects)b::integer[], %(dropped_places)b::integer[], %(dropped_pods)b::text[],
        %(dropped_workloads)b::text[], %(dropped_containers)b::text[]
    ) AS d (subject_id, namespace_id, pod, workload, container)
), gone AS (
    UPDATE records.presence AS p
    SET gone_at = greatest(%(at)s::timestamptz, p.first_seen_at)
    WHERE p.gone_at IS NULL
      AND p.source_id = %(source)s
      AND p.namespace_id IN (SELECT namespace_id FROM told)
      AND (
          %(everything)s
          OR EXISTS (
              SELECT FROM scope AS s
              WHERE s.subject_id = p.subject_id AND s.namespace_id = p.namespace_id)
          OR EXISTS (
              SELECT FROM dropped AS d
              WHERE d.namespace_id = p.namespace_id AND d.subject_id = p.subject_id AND d.pod = p.pod
                AND d.workload = p.workload AND d.container = p.container)
          OR p.workload <> '' AND EXISTS (
              SELECT FROM given AS g
              WHERE g.namespace_id = p.namespace_id AND g.workload = p.workload
                AND g.container = p.container))
      AND NOT EXISTS (
          SELECT FROM given AS g
          WHERE g.namespace_id = p.namespace_id AND g.subject_id = p.subject_id AND g.pod = p.pod
            AND g.workload = p.workload AND g.container = p.container)
      AND NOT EXISTS (
          SELECT FROM later AS l
          WHERE l.namespace_id = p.namespace_id AND l.workload = p.workload AND l.container = p.container
            AND coalesce(l.subject_id, p.subject_id) = p.subject_id)
    RETURNING p.namespace_id
), added AS (
    INSERT INTO records.presence (
        source_id, subject_id, namespace_id, pod, workload, container, first_seen_at)
    SELECT %(source)s, g.subject_id, g.namespace_id, g.pod, g.workload, g.container, %(at)s
    FROM given AS g
    WHERE NOT EXISTS (
        SELECT FROM records.presence AS p
        WHERE p.namespace_id = g.namespace_id AND p.subject_id = g.subject_id
          AND p.source_id = %(source)s AND p.pod = g.pod AND p.workload = g.workload
          AND p.container = g.container AND p.gone_at IS NULL)
    RETURNING namespace_id
)
INSERT INTO records.recount (namespace_id, since)
SELECT namespace_id, %(now)s
FROM (
    SELECT namespace_id FROM gone
    UNION
    SELECT namespace_id FROM added
    UNION
    SELECT p.namespace_id
    FROM records.presence AS p
    WHERE p.subject_id = ANY (%(changed)b::integer[]) AND p.gone_at IS NULL
) AS touched
ORDER BY 1
-- Written anew, so that nobody counts before this is committed and takes the mark with it.
ON CONFLICT (namespace_id) DO UPDATE SET since = excluded.since
