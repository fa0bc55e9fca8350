-- name: tie
UPDATE actions.action
SET incident_id = %(incident)s,
    noted = NULL,
    noted_at = NULL
WHERE id = %(id)s
  AND incident_id IS DISTINCT FROM %(incident)s;
