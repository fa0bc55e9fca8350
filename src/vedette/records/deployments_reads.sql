-- name: page
SELECT d.id, d.app, d.environment, d.pipeline, d.reason, d.finished_at, coalesce(f.name, '') AS service,
    coalesce(c.commits, '[]') AS commits, coalesce(u.incidents, '{}') AS incidents,
    coalesce(u.states, '{}') AS states
FROM records.deployment AS d
LEFT JOIN fleet.service AS f ON f.id = d.service_id
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_array(revision, repository, at, lead_s, reverts) ORDER BY at, revision, repository)::text AS commits
    FROM records.commit
    WHERE deployment_id = d.id
) AS c ON true
LEFT JOIN LATERAL (
    SELECT array_agg(incident_id ORDER BY incident_id) AS incidents,
        array_agg(state ORDER BY incident_id) AS states
    FROM records.cause
    WHERE deployment_id = d.id
) AS u ON true
WHERE (%(service)s::text IS NULL OR f.name = %(service)s OR d.app = %(service)s)
  AND (%(app)s::text IS NULL OR d.app = %(app)s)
  AND (%(environment)s::text IS NULL OR d.environment = %(environment)s)
  AND (%(pipeline)s::text IS NULL OR d.pipeline = %(pipeline)s)
  AND (%(since)s::timestamptz IS NULL OR d.finished_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR d.finished_at < %(until)s)
  AND (
      %(revision)s::text IS NULL
      OR EXISTS (SELECT FROM records.commit WHERE deployment_id = d.id AND revision = %(revision)s))
  AND (%(after_at)s::timestamptz IS NULL OR (d.finished_at, d.id) < (%(after_at)s, %(after_id)s))
ORDER BY d.finished_at DESC, d.id DESC
LIMIT %(limit)s

-- name: is_app
SELECT EXISTS (SELECT FROM records.deployment WHERE app = %(name)s)
