-- Questions to a Dash.DB, of any revision since its tokens; nothing is written there.

-- name: counts
SELECT (SELECT count(*) FROM cluster) AS clusters, (SELECT count(*) FROM namespace) AS namespaces,
    (SELECT count(*) FROM image) AS images, (SELECT count(*) FROM feature) AS packages,
    (SELECT count(*) FROM vulnerability) AS vulnerabilities, (SELECT count(*) FROM pod) AS pods,
    (SELECT count(*) FROM deploymentvalidation) AS validations, (SELECT count(*) FROM serviceslo) AS slo_values

-- name: delivered
SELECT (SELECT count(*) FROM doradeployment) AS deployments, (SELECT count(*) FROM doracommit) AS commits

-- name: has_delivered
SELECT to_regclass('doradeployment') IS NOT NULL AND to_regclass('doracommit') IS NOT NULL AS has_delivered

-- name: tokens
-- Closed ones, the oldest first: what an open one holds was never shown.
SELECT id, uuid, timestamp AS at, data_type::text AS type
FROM token
WHERE NOT is_open
  AND timestamp IS NOT NULL
ORDER BY timestamp, id

-- name: open_tokens
SELECT count(*)
FROM token
WHERE is_open

-- name: images
SELECT id, name, manifest
FROM image
WHERE name IS NOT NULL AND manifest IS NOT NULL
ORDER BY id

-- name: found
-- What was found in some images. A vulnerability that stands there twice was found anew with another severity: the
-- last one counts.
SELECT DISTINCT ON (l.image_id, f.name, f.version, v.name, v.namespacename)
    l.image_id, f.name AS package, coalesce(f.version, '') AS version, v.name AS vulnerability,
    coalesce(v.namespacename, '') AS feed, coalesce(v.description, '') AS description,
    coalesce(v.fixedby, '') AS fixed_in, coalesce(v.link, '') AS link, coalesce(s.name, 'Unknown') AS severity
FROM imagefeature AS l
JOIN feature AS f ON f.id = l.feature_id
JOIN vulnerability AS v ON v.feature_id = f.id
LEFT JOIN severity AS s ON s.id = v.severity_id
WHERE l.image_id = ANY (%(images)s)
  AND f.name <> ''
  AND v.name <> ''
ORDER BY l.image_id, f.name, f.version, v.name, v.namespacename, v.id DESC

-- name: pods
SELECT DISTINCT c.name AS cluster, n.name AS namespace, p.name AS pod, l.image_id
FROM pod AS p
JOIN podimage AS l ON l.pod_id = p.id
JOIN namespace AS n ON n.id = p.namespace_id
JOIN cluster AS c ON c.id = n.cluster_id
WHERE p.token_id = %(token)s
ORDER BY 1, 2, 3, 4

-- name: validations
SELECT c.name AS cluster, n.name AS namespace, k.name AS kind, d.name AS object, v.name AS check, v.status
FROM deploymentvalidation AS d
JOIN namespace AS n ON n.id = d.namespace_id
JOIN cluster AS c ON c.id = n.cluster_id
JOIN objectkind AS k ON k.id = d.objectkind_id
JOIN validation AS v ON v.id = d.validation_id
WHERE d.token_id = %(token)s
ORDER BY d.id

-- name: slo_values
SELECT c.name AS cluster, n.name AS namespace, s.name AS service, t.name AS sli, d.name AS document, o.name, o.value,
    o.target
FROM serviceslo AS o
JOIN namespace AS n ON n.id = o.namespace_id
JOIN cluster AS c ON c.id = n.cluster_id
JOIN service AS s ON s.id = o.service_id
JOIN slitype AS t ON t.id = o.slitype_id
JOIN slodoc AS d ON d.id = o.slodoc_id
WHERE o.token_id = %(token)s
ORDER BY o.id

-- name: deployments
SELECT d.app_name AS app, d.env_name AS environment, d.pipeline, d.trigger_reason AS reason,
    d.finish_timestamp AS finished_at, c.revision, c.repo AS repository, c.timestamp AS at,
    extract(epoch FROM c.lttc)::bigint AS lead_s, d.id
FROM doradeployment AS d
LEFT JOIN doracommit AS c ON c.deployment_id = d.id
WHERE d.app_name IS NOT NULL AND d.finish_timestamp IS NOT NULL
ORDER BY d.finish_timestamp, d.id, c.id
