-- name: page
SELECT v.slo_id, f.name AS service, c.name AS cluster, n.name AS namespace, s.name, s.sli, s.document, v.at, v.value,
    v.target
FROM records.slo_value AS v
JOIN records.slo AS s ON s.id = v.slo_id
JOIN fleet.service AS f ON f.id = s.service_id
JOIN fleet.namespace AS n ON n.id = s.namespace_id
JOIN fleet.cluster AS c ON c.id = n.cluster_id
WHERE (%(service)s::text IS NULL OR f.name = %(service)s)
  AND (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
  AND (%(namespace)s::text IS NULL OR n.name = %(namespace)s)
  AND (%(name)s::text IS NULL OR s.name = %(name)s)
  AND (%(sli)s::text IS NULL OR s.sli = %(sli)s)
  AND (%(document)s::text IS NULL OR s.document = %(document)s)
  AND (%(since)s::timestamptz IS NULL OR v.at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR v.at < %(until)s)
  AND (%(after_at)s::timestamptz IS NULL OR (v.at, v.slo_id) < (%(after_at)s, %(after_slo)s))
ORDER BY v.at DESC, v.slo_id DESC
LIMIT %(limit)s
