-- name: triage
-- What we decided and holds.
SELECT t.id, t.identity, t.package, t.image, t.decision, t.justification, t.reason, t.until, t.made_at, t.made_by,
    coalesce((
        SELECT array_agg(DISTINCT l.name)
        FROM records.advisory AS a
        JOIN records.alias AS l ON l.advisory_id = a.id
        WHERE a.identity = t.identity AND l.name <> t.identity), '{}') AS aliases
FROM records.triage AS t
WHERE t.ended_at IS NULL AND (t.until IS NULL OR t.until > %(now)s)
ORDER BY t.id

-- name: images
-- What a decision is about that names no image: the images that hold it, and run where it holds.
SELECT DISTINCT t.id, j.name, j.digest
FROM records.triage AS t
JOIN records.advisory AS a ON a.identity = t.identity
JOIN records.finding AS f ON f.advisory_id = a.id AND f.fixed_at IS NULL
JOIN records.scan AS sc ON sc.id = f.scan_id
JOIN records.subject AS j ON j.id = sc.subject_id AND j.kind = 'image'
WHERE t.ended_at IS NULL AND (t.until IS NULL OR t.until > %(now)s) AND t.image = ''
  AND (
      t.namespace_id IS NULL AND t.service_id IS NULL
      OR EXISTS (
          SELECT
          FROM records.presence AS p
          LEFT JOIN fleet.service_namespace AS sn ON sn.namespace_id = p.namespace_id
          WHERE p.subject_id = j.id AND p.gone_at IS NULL
            AND (p.namespace_id = t.namespace_id OR sn.service_id = t.service_id)))
ORDER BY 1, 2, 3

-- name: statements
SELECT document, source, author, names, products, status, justification, impact, action, at, components
FROM records.statement
ORDER BY id
