-- name: candidates
-- Deployments of the services of incidents that have no cause yet, neither proposed nor confirmed, and what of them
-- nobody rejected.
SELECT i.id AS incident_id, i.starts_at, d.id AS deployment_id, s.name AS service, d.environment, d.finished_at
FROM incidents.incident AS i
JOIN LATERAL (
    SELECT DISTINCT c.service_id
    FROM incidents.affected AS a
    JOIN fleet.component AS c ON c.id = a.component_id
    WHERE a.incident_id = i.id
) AS hit ON true
JOIN fleet.service AS s ON s.id = hit.service_id
JOIN records.deployment AS d
    ON d.service_id = s.id AND d.finished_at BETWEEN i.starts_at - %(within)s::interval AND i.starts_at
WHERE i.kind = 'incident' AND i.merged_into IS NULL AND i.starts_at >= %(since)s
  AND NOT EXISTS (
      SELECT FROM records.cause AS c WHERE c.incident_id = i.id AND c.state <> 'rejected')
  AND NOT EXISTS (
      SELECT FROM records.cause AS c WHERE c.incident_id = i.id AND c.deployment_id = d.id)
