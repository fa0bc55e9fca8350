-- name: page
SELECT v.id, v.cluster, v.namespace, v.kind, v.name, v.check, v.source, v.passed, v.contradicted, v.word, v.message,
    v.description, v.remediation, v.since_at, v.until_at, greatest(l.last_at, w.last_at) AS looked_at,
    ARRAY(
        SELECT f.name
        FROM fleet.service_namespace AS i
        JOIN fleet.service AS f ON f.id = i.service_id
        WHERE i.namespace_id = v.namespace_id
        ORDER BY 1
    ) AS services
FROM records.validations_of(
    %(cluster)s, %(namespace)s, %(service)s, %(team)s, %(kind)s, %(name)s, %(check)s, %(source)s) AS v
LEFT JOIN records.object_look AS l ON l.object_id = v.object_id AND l.source_id = v.source_id
LEFT JOIN records.cluster_look AS w ON w.cluster_id = v.cluster_id AND w.source_id = v.source_id AND v.until_at IS NULL
WHERE CASE %(state)s
      WHEN 'failing' THEN v.until_at IS NULL AND NOT v.passed
      WHEN 'passing' THEN v.until_at IS NULL AND v.passed
      WHEN 'standing' THEN v.until_at IS NULL
      WHEN 'ended' THEN v.until_at IS NOT NULL
      ELSE true
  END
  AND (%(after_at)s::timestamptz IS NULL OR (v.since_at, v.id) < (%(after_at)s, %(after_id)s))
ORDER BY v.since_at DESC, v.id DESC
LIMIT %(limit)s

-- name: count
SELECT count(*)
FROM (
    SELECT 1
    FROM records.validations_of(
        %(cluster)s, %(namespace)s, %(service)s, %(team)s, %(kind)s, %(name)s, %(check)s, %(source)s) AS v
    WHERE CASE %(state)s
          WHEN 'failing' THEN v.until_at IS NULL AND NOT v.passed
          WHEN 'passing' THEN v.until_at IS NULL AND v.passed
          WHEN 'standing' THEN v.until_at IS NULL
          WHEN 'ended' THEN v.until_at IS NOT NULL
          ELSE true
      END
    LIMIT %(most)s
) AS counted

-- name: checks
SELECT v.check, v.source, v.description, v.remediation,
    (count(*) FILTER (WHERE NOT v.passed))::integer AS failing,
    (count(*) FILTER (WHERE v.passed))::integer AS passing,
    min(v.since_at) FILTER (WHERE NOT v.passed) AS since_at
FROM records.validations_of(
    %(cluster)s, %(namespace)s, %(service)s, %(team)s, %(kind)s, %(name)s, %(check)s, %(source)s) AS v
WHERE v.until_at IS NULL
GROUP BY v.check_id, v.source_id, v.check, v.source, v.description, v.remediation
ORDER BY failing DESC, v.check, v.source
