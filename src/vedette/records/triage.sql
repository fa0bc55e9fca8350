-- name: identities
-- What that name counts as.
SELECT identity FROM records.advisory WHERE identity = %(name)s OR name = %(name)s AND name <> identity
UNION
SELECT a.identity
FROM records.alias AS l
JOIN records.advisory AS a ON a.id = l.advisory_id
WHERE l.name = %(name)s

-- name: service
SELECT id FROM fleet.service WHERE name = %(name)s

-- name: namespaces
SELECT n.id
FROM fleet.namespace AS n
JOIN fleet.cluster AS c ON c.id = n.cluster_id
WHERE n.name = %(name)s AND (%(cluster)s = '' OR c.name = %(cluster)s)
LIMIT 2

-- name: add
INSERT INTO records.triage (
    identity, package, service_id, namespace_id, image, decision, justification, reason, until, made_at,
    made_by)
VALUES (
    %(identity)s, %(package)s, %(service)s, %(namespace)s, %(image)s, %(decision)s, %(justification)s,
    %(reason)s, %(until)s, %(now)s, %(by)s)
RETURNING id

-- name: end
UPDATE records.triage
SET ended_at = %(now)s, ended_by = %(by)s
WHERE id = %(number)s AND ended_at IS NULL
RETURNING identity

-- name: page
-- state: active, ended (taken back, or past its date) or all; the newest first.
SELECT t.id, t.identity, t.package, coalesce(s.name, '') AS service, coalesce(c.name, '') AS cluster,
    coalesce(n.name, '') AS namespace, t.image, t.decision, t.justification, t.reason, t.until, t.made_at,
    t.made_by, t.ended_at, t.ended_by
FROM records.triage AS t
LEFT JOIN fleet.service AS s ON s.id = t.service_id
LEFT JOIN fleet.namespace AS n ON n.id = t.namespace_id
LEFT JOIN fleet.cluster AS c ON c.id = n.cluster_id
WHERE (%(identities)s::text[] IS NULL OR t.identity = ANY (%(identities)s::text[]))
  AND (%(number)s::integer IS NULL OR t.id = %(number)s)
  AND (%(before)s::integer IS NULL OR t.id < %(before)s)
  AND CASE %(state)s::text
      WHEN 'active' THEN t.ended_at IS NULL AND (t.until IS NULL OR t.until > %(now)s)
      WHEN 'ended' THEN t.ended_at IS NOT NULL OR t.until <= %(now)s
      ELSE true
  END
ORDER BY t.id DESC
LIMIT %(limit)s
