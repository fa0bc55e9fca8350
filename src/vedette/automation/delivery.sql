-- name: changes
-- The deployments of a time; of their commits those that no earlier one had brought to the same place.
SELECT coalesce(f.name, d.app) AS service, d.app, d.environment, d.finished_at,
    coalesce(c.commits, '[]') AS commits, coalesce(u.failures, '[]') AS failures,
    EXISTS (
        SELECT
        FROM records.deployment AS b
        JOIN records.cause AS k ON k.deployment_id = b.id AND k.state = 'confirmed'
        JOIN incidents.incident AS i ON i.id = k.incident_id
        WHERE b.app = d.app AND b.environment = d.environment AND b.id <> d.id
          AND b.finished_at < d.finished_at
          AND d.finished_at > i.starts_at AND d.finished_at <= coalesce(i.ends_at, %(now)s)
    ) AS remedy
FROM records.deployment AS d
LEFT JOIN fleet.service AS f ON f.id = d.service_id
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(m.revision, m.repository, m.at, m.lead_s, m.reverts))::text AS commits
    FROM records.commit AS m
    WHERE m.deployment_id = d.id
      AND NOT EXISTS (
          SELECT
          FROM records.commit AS e
          JOIN records.deployment AS p ON p.id = e.deployment_id
          WHERE e.revision = m.revision AND e.repository = m.repository AND p.app = d.app
            AND p.environment = d.environment AND (p.finished_at, p.id) < (d.finished_at, d.id))
) AS c ON true
LEFT JOIN LATERAL (
    SELECT json_agg(json_build_array(i.starts_at, i.ends_at))::text AS failures
    FROM records.cause AS k
    JOIN incidents.incident AS i ON i.id = k.incident_id
    WHERE k.deployment_id = d.id AND k.state = 'confirmed'
) AS u ON true
WHERE d.finished_at >= %(since)s AND d.finished_at < %(until)s
  AND (%(service)s::text IS NULL OR f.name = %(service)s OR d.app = %(service)s)
  AND (%(team)s::text IS NULL OR f.team = %(team)s)
  AND (%(environment)s::text IS NULL OR d.environment = %(environment)s)
ORDER BY d.finished_at, d.id
LIMIT %(most)s
