-- name: page
-- What runs now, a pod a row, with the images it runs.
SELECT c.name AS cluster, n.name AS namespace, p.pod AS name,
    array_agg(DISTINCT s.name || CASE WHEN s.digest = '' THEN '' ELSE '@' || s.digest END) AS images,
    min(p.first_seen_at) AS since
FROM records.presence AS p
JOIN fleet.namespace AS n ON n.id = p.namespace_id
JOIN fleet.cluster AS c ON c.id = n.cluster_id
JOIN records.subject AS s ON s.id = p.subject_id
WHERE p.gone_at IS NULL
  AND p.pod <> ''
  AND (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
  AND (%(namespace)s::text IS NULL OR n.name = %(namespace)s)
  AND (%(name)s::text IS NULL OR p.pod = %(name)s)
  AND (
      %(after_cluster)s::text IS NULL
      OR (c.name, n.name, p.pod) > (%(after_cluster)s, %(after_namespace)s::text, %(after_name)s::text))
GROUP BY c.name, n.name, p.pod
ORDER BY c.name, n.name, p.pod
LIMIT %(limit)s
