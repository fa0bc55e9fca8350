-- name: count_faults
-- The hour begins with the first fault of it.
UPDATE fleet.agent AS a
SET faults = least(
        g.number + CASE WHEN a.faults_since > %(hour_ago)s THEN a.faults ELSE 0 END, 1000000
    ),
    faults_since = CASE WHEN a.faults_since > %(hour_ago)s THEN a.faults_since ELSE %(now)s END
FROM unnest(%(agents)s::integer[], %(numbers)s::integer[]) AS g (id, number)
WHERE a.id = g.id;

-- name: quarantine
UPDATE fleet.agent
SET quarantined_at = %(now)s,
    quarantined_why = format('%%s answers within an hour that nobody could take', faults)
WHERE id = ANY(%(agents)s)
  AND faults >= %(most)s
  AND quarantined_at IS NULL
RETURNING name, quarantined_why;

-- name: release
UPDATE fleet.agent
SET quarantined_at = NULL,
    quarantined_why = '',
    faults = 0,
    faults_since = NULL
WHERE id = %(agent_id)s
  AND quarantined_at IS NOT NULL;

-- name: quarantined
SELECT id
FROM fleet.agent
WHERE quarantined_at IS NOT NULL;

-- name: living_agent
SELECT id
FROM fleet.agent
WHERE name = %(name)s
  AND destroyed_at IS NULL;
