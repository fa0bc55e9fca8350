-- name: hold
SELECT pg_advisory_xact_lock(%(number)s)

-- name: propose
INSERT INTO records.cause (incident_id, deployment_id, proposed_at)
VALUES (%(incident)s, %(deployment)s, %(now)s)
ON CONFLICT DO NOTHING

-- name: has_deployment
SELECT EXISTS (SELECT FROM records.deployment WHERE id = %(deployment)s)

-- name: confirmed
SELECT deployment_id
FROM records.cause
WHERE incident_id = %(incident)s AND state = 'confirmed' AND deployment_id <> %(but)s

-- name: decide
INSERT INTO records.cause AS c (incident_id, deployment_id, state, proposed_at, decided_at, decided_by)
VALUES (%(incident)s, %(deployment)s, %(state)s, %(now)s, %(now)s, %(by)s)
ON CONFLICT (incident_id, deployment_id) DO UPDATE
SET state = excluded.state, decided_at = excluded.decided_at, decided_by = excluded.decided_by
WHERE c.state <> excluded.state
