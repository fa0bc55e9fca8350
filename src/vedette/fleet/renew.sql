-- name: keep_renewed
UPDATE fleet.agent
SET certificate_serial = %(serial)s,
    certificate_not_after = %(not_after)s
WHERE id = %(agent_id)s;

-- name: revoked_among
-- Whoever is bound through a collector that was revoked is not served either.
SELECT a.id
FROM fleet.agent AS a
WHERE a.id = ANY(%(agents)s)
  AND (
      a.revoked_at IS NOT NULL
      OR a.destroyed_at IS NOT NULL
      OR (a.via IS NOT NULL AND fleet.way_is_cut(a.id))
  );

-- name: count_agents
SELECT count(*)
FROM fleet.agent
WHERE revoked_at IS NULL
  AND destroyed_at IS NULL;
