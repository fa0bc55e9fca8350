-- name: triage
-- What we decided and holds. Other names are of the same alone: not the CVEs that an erratum addresses.
SELECT t.id, t.identity, t.package, t.image, t.decision, t.justification, t.reason, t.until, t.made_at, t.made_by,
    ARRAY(
        SELECT n.name
        FROM unnest(records.names_of(t.identity)) AS n (name)
        WHERE n.name <> t.identity
        ORDER BY n.name) AS aliases
FROM records.triage AS t
WHERE t.ended_at IS NULL AND (t.until IS NULL OR t.until > %(now)s)
ORDER BY t.id

-- name: images
-- What a decision is about that names no image: the images that hold it, and run where it holds. What need not be mended
-- there is not said of an image that runs elsewhere, too, nor of one of which the contrary was decided.
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
  AND (
      t.decision NOT IN ('false_positive', 'not_affected')
      OR NOT EXISTS (
          SELECT
          FROM records.presence AS p
          WHERE p.subject_id = j.id AND p.gone_at IS NULL AND p.namespace_id <> t.namespace_id)
      AND NOT EXISTS (
          SELECT
          FROM records.presence AS p
          WHERE p.subject_id = j.id AND p.gone_at IS NULL AND t.service_id IS NOT NULL
            AND NOT EXISTS (
                SELECT
                FROM fleet.service_namespace AS sn
                WHERE sn.namespace_id = p.namespace_id AND sn.service_id = t.service_id))
      AND NOT EXISTS (
          SELECT
          FROM records.triage AS o
          WHERE o.identity = t.identity AND o.image = j.name AND o.package IN ('', t.package)
            AND o.decision NOT IN ('false_positive', 'not_affected')
            AND o.ended_at IS NULL AND (o.until IS NULL OR o.until > %(now)s)))
ORDER BY 1, 2, 3

-- name: statements
SELECT document, source, author, names, products, status, justification, impact, action, at, components
FROM records.statement
ORDER BY id
