-- name: page
SELECT v.id, c.name AS cluster, coalesce(n.name, '') AS namespace, o.kind, o.name, k.name AS check, s.name AS source,
    v.passed, v.contradicted, v.word, v.message, k.description, k.remediation, v.since_at, v.until_at,
    greatest(l.last_at, w.last_at) AS looked_at,
    ARRAY(
        SELECT f.name
        FROM fleet.service_namespace AS i
        JOIN fleet.service AS f ON f.id = i.service_id
        WHERE i.namespace_id = o.namespace_id
        ORDER BY 1
    ) AS services
FROM records.validation AS v
JOIN records.object AS o ON o.id = v.object_id
JOIN records.check_kind AS k ON k.id = v.check_id
JOIN records.source AS s ON s.id = v.source_id
JOIN fleet.cluster AS c ON c.id = o.cluster_id
LEFT JOIN fleet.namespace AS n ON n.id = o.namespace_id
LEFT JOIN records.object_look AS l ON l.object_id = v.object_id AND l.source_id = v.source_id
LEFT JOIN records.cluster_look AS w ON w.cluster_id = o.cluster_id AND w.source_id = v.source_id AND v.until_at IS NULL
WHERE (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
  AND (%(namespace)s::text IS NULL OR coalesce(n.name, '') = %(namespace)s)
  AND (%(kind)s::text IS NULL OR o.kind = %(kind)s)
  AND (%(name)s::text IS NULL OR o.name = %(name)s)
  AND (%(check)s::text IS NULL OR k.name = %(check)s)
  AND (%(source)s::text IS NULL OR s.name = %(source)s)
  AND (
      %(service)s::text IS NULL AND %(team)s::text IS NULL
      OR o.namespace_id IN (
          SELECT l.namespace_id
          FROM fleet.service_namespace AS l
          JOIN fleet.service AS f ON f.id = l.service_id
          WHERE (%(service)s::text IS NULL OR f.name = %(service)s)
            AND (%(team)s::text IS NULL OR f.team = %(team)s)))
  AND CASE %(state)s
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
    FROM records.validation AS v
    JOIN records.object AS o ON o.id = v.object_id
    JOIN records.check_kind AS k ON k.id = v.check_id
    JOIN records.source AS s ON s.id = v.source_id
    JOIN fleet.cluster AS c ON c.id = o.cluster_id
    LEFT JOIN fleet.namespace AS n ON n.id = o.namespace_id
    WHERE (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
      AND (%(namespace)s::text IS NULL OR coalesce(n.name, '') = %(namespace)s)
      AND (%(kind)s::text IS NULL OR o.kind = %(kind)s)
      AND (%(name)s::text IS NULL OR o.name = %(name)s)
      AND (%(check)s::text IS NULL OR k.name = %(check)s)
      AND (%(source)s::text IS NULL OR s.name = %(source)s)
      AND (
          %(service)s::text IS NULL AND %(team)s::text IS NULL
          OR o.namespace_id IN (
              SELECT l.namespace_id
              FROM fleet.service_namespace AS l
              JOIN fleet.service AS f ON f.id = l.service_id
              WHERE (%(service)s::text IS NULL OR f.name = %(service)s)
                AND (%(team)s::text IS NULL OR f.team = %(team)s)))
      AND CASE %(state)s
          WHEN 'failing' THEN v.until_at IS NULL AND NOT v.passed
          WHEN 'passing' THEN v.until_at IS NULL AND v.passed
          WHEN 'standing' THEN v.until_at IS NULL
          WHEN 'ended' THEN v.until_at IS NOT NULL
          ELSE true
      END
    LIMIT %(most)s
) AS counted

-- name: checks
SELECT k.name AS check, s.name AS source, k.description, k.remediation,
    (count(*) FILTER (WHERE NOT v.passed))::integer AS failing,
    (count(*) FILTER (WHERE v.passed))::integer AS passing,
    min(v.since_at) FILTER (WHERE NOT v.passed) AS since_at
FROM records.validation AS v
JOIN records.object AS o ON o.id = v.object_id
JOIN records.check_kind AS k ON k.id = v.check_id
JOIN records.source AS s ON s.id = v.source_id
JOIN fleet.cluster AS c ON c.id = o.cluster_id
LEFT JOIN fleet.namespace AS n ON n.id = o.namespace_id
WHERE v.until_at IS NULL
  AND (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
  AND (%(namespace)s::text IS NULL OR coalesce(n.name, '') = %(namespace)s)
  AND (%(kind)s::text IS NULL OR o.kind = %(kind)s)
  AND (%(name)s::text IS NULL OR o.name = %(name)s)
  AND (%(check)s::text IS NULL OR k.name = %(check)s)
  AND (%(source)s::text IS NULL OR s.name = %(source)s)
  AND (
      %(service)s::text IS NULL AND %(team)s::text IS NULL
      OR o.namespace_id IN (
          SELECT l.namespace_id
          FROM fleet.service_namespace AS l
          JOIN fleet.service AS f ON f.id = l.service_id
          WHERE (%(service)s::text IS NULL OR f.name = %(service)s)
            AND (%(team)s::text IS NULL OR f.team = %(team)s)))
GROUP BY k.id, s.id
ORDER BY failing DESC, k.name, s.name
