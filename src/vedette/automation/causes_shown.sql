-- name: page
SELECT i.id AS incident, i.title, i.starts_at, i.ends_at, d.id AS deployment, d.app, d.environment, d.pipeline,
    d.reason, d.finished_at, c.state, c.proposed_at, c.decided_at, c.decided_by
FROM records.cause AS c
JOIN incidents.incident AS i ON i.id = c.incident_id
JOIN records.deployment AS d ON d.id = c.deployment_id
LEFT JOIN fleet.service AS s ON s.id = d.service_id
WHERE (%(state)s::text IS NULL OR c.state = %(state)s)
  AND (%(incident)s::bigint IS NULL OR i.id = %(incident)s)
  AND (%(deployment)s::bigint IS NULL OR d.id = %(deployment)s)
  AND (%(service)s::text IS NULL OR s.name = %(service)s)
  AND (%(drafts)s OR i.published_at IS NOT NULL)
  AND (
      %(after_at)s::timestamptz IS NULL
      OR (i.starts_at, i.id, d.id) < (%(after_at)s, %(after_incident)s, %(after_deployment)s))
ORDER BY i.starts_at DESC, i.id DESC, d.id DESC
LIMIT %(limit)s

-- name: is_incident
SELECT EXISTS (SELECT FROM incidents.incident WHERE id = %(number)s AND kind = 'incident')
