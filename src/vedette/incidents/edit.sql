-- name: edit
UPDATE incidents.update
SET text = %(text)s, edited_at = %(now)s, edited_by = %(by)s
WHERE id = %(update_id)s AND incident_id = %(incident_id)s
RETURNING id
