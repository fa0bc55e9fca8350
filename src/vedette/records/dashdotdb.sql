-- name: vulnerabilities
-- What Quay's operator found in the images that run in a namespace: a row an image, package and vulnerability.
WITH here AS MATERIALIZED (
    SELECT p.subject_id, count(DISTINCT p.pod)::integer AS pods
    FROM fleet.cluster AS c
    JOIN fleet.namespace AS n ON n.cluster_id = c.id
    JOIN records.presence AS p ON p.namespace_id = n.id
    WHERE c.name = %(cluster)s
      AND n.name = %(namespace)s
      AND p.gone_at IS NULL
      AND p.pod <> ''
      AND p.source_id = (SELECT id FROM records.source WHERE name = %(source)s)
      AND c.id IN (SELECT cluster_id FROM records.shown_clusters('imagemanifestvuln'))
    GROUP BY p.subject_id
)
SELECT s.name AS repository, a.feed AS name, left(s.digest, 14) AS manifest, h.pods AS affected_pods,
    coalesce(nullif(a.title, ''), a.name) AS vulnerability, w.word AS severity, k.name AS package,
    k.version AS current_version, nullif(f.fixed_in, '') AS fixed_in_version,
    nullif(array_to_string(a.links, ' '), '') AS link
FROM here AS h
JOIN records.subject AS s ON s.id = h.subject_id
JOIN records.scan AS sc
    ON sc.subject_id = s.id AND sc.source_id = (SELECT id FROM records.source WHERE name = %(source)s)
JOIN records.finding AS f ON f.scan_id = sc.id AND f.fixed_at IS NULL AND f.suppressed = ''
JOIN records.package AS k ON k.id = f.package_id
JOIN records.advisory AS a ON a.id = f.advisory_id
JOIN records.severity_word AS w ON w.id = f.word_id
ORDER BY s.name, s.digest, k.name, k.version, a.name, a.feed

-- name: vulnerability_counts
-- A row a namespace, its numbers by severity: pairs of a vulnerability and a pod, as the old metric counts; each
-- vulnerability once, as it was counted last, whatever it is called, in however many images; and the images that have
-- any. Namespaces where something changed since are looked at anew.
WITH held AS (
    SELECT t.namespace_id, t.pairs, t.images
    FROM records.tally AS t
    WHERE t.images > 0 AND t.namespace_id NOT IN (SELECT r.namespace_id FROM records.recount AS r)
    UNION ALL
    SELECT h.namespace_id, h.pairs, h.images
    FROM records.held_in(ARRAY(SELECT r.namespace_id FROM records.recount AS r), %(source)s) AS h
)
SELECT c.name, n.name, CASE WHEN shown.cluster_id IS NOT NULL THEN h.pairs END, t.vulnerabilities, h.images
FROM fleet.namespace AS n
JOIN fleet.cluster AS c ON c.id = n.cluster_id
LEFT JOIN records.shown_clusters('imagemanifestvuln') AS shown ON shown.cluster_id = c.id
LEFT JOIN held AS h ON h.namespace_id = n.id
LEFT JOIN records.tally AS t ON t.namespace_id = n.id
WHERE h.namespace_id IS NOT NULL OR t.vulnerabilities <> '{0,0,0,0,0,0,0}'
ORDER BY 1, 2

-- name: snapshot_ages
SELECT l.kind, c.name, extract(epoch FROM %(now)s - l.opened_at)::float
FROM records.latest AS l
JOIN fleet.cluster AS c ON c.id = l.cluster_id
ORDER BY 1, 2

-- name: validations
SELECT c.name AS cluster, n.name AS namespace, k.name AS validation, o.name AS context, o.kind AS context_type,
    CASE WHEN v.passed THEN 0 ELSE 1 END AS status, v.contradicted
FROM fleet.cluster AS c
JOIN fleet.namespace AS n ON n.cluster_id = c.id
JOIN records.object AS o ON o.namespace_id = n.id
JOIN records.validation AS v ON v.object_id = o.id AND v.until_at IS NULL
JOIN records.check_kind AS k ON k.id = v.check_id
WHERE c.name = %(cluster)s
  AND n.name = %(namespace)s
  AND v.source_id IN (SELECT id FROM records.source WHERE name = ANY (%(sources)s::text[]))
  AND c.id IN (SELECT cluster_id FROM records.shown_clusters('deploymentvalidation'))
ORDER BY 3, 5, 4

-- name: validation_counts
SELECT c.name, coalesce(n.name, ''), k.name, CASE WHEN v.passed THEN '0' ELSE '1' END, count(*)
FROM records.validation AS v
JOIN records.object AS o ON o.id = v.object_id
JOIN fleet.cluster AS c ON c.id = o.cluster_id
LEFT JOIN fleet.namespace AS n ON n.id = o.namespace_id
JOIN records.check_kind AS k ON k.id = v.check_id
WHERE v.until_at IS NULL
  AND v.source_id IN (SELECT id FROM records.source WHERE name = ANY (%(sources)s::text[]))
  AND c.id IN (SELECT cluster_id FROM records.shown_clusters('deploymentvalidation'))
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4

-- name: slo_values
-- The newest value of each SLO that the newest complete snapshot of its cluster, or a later one, tells.
SELECT c.name AS cluster, n.name AS namespace, sv.name AS service, s.sli AS sli_type, s.document AS slo_doc, s.name,
    v.value, v.target
FROM records.slo AS s
JOIN fleet.namespace AS n ON n.id = s.namespace_id
JOIN fleet.cluster AS c ON c.id = n.cluster_id
JOIN fleet.service AS sv ON sv.id = s.service_id
JOIN records.latest AS l ON l.kind = 'serviceslometrics' AND l.cluster_id = c.id
CROSS JOIN LATERAL (
    SELECT value, target
    FROM records.slo_value AS v
    WHERE v.slo_id = s.id AND v.at >= coalesce(l.complete_at, '-infinity')
    ORDER BY v.at DESC
    LIMIT 1
) AS v
WHERE c.id IN (SELECT cluster_id FROM records.shown_clusters('serviceslometrics'))
  AND (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
  AND (%(namespace)s::text IS NULL OR n.name = %(namespace)s)
  AND (%(sli)s::text IS NULL OR s.sli = %(sli)s)
  AND (%(document)s::text IS NULL OR s.document = %(document)s)
  AND (%(name)s::text IS NULL OR s.name = %(name)s)
ORDER BY 1, 2, 3, 4, 5, 6

-- name: latest_deployment
SELECT app AS app_name, environment AS env_name, finished_at, pipeline, reason AS trigger_reason
FROM records.deployment
WHERE app = %(app)s AND environment = %(environment)s
ORDER BY finished_at DESC, id DESC
LIMIT 1

-- name: keep_compat
INSERT INTO records.compat (latest_per_scope)
VALUES (%(latest_per_scope)s)
ON CONFLICT (is_only) DO UPDATE
SET latest_per_scope = excluded.latest_per_scope
WHERE records.compat.latest_per_scope <> excluded.latest_per_scope

-- name: answers
SELECT 1
