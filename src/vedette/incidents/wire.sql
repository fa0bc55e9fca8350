-- name: documents
-- Each public incident as a JSON document, keys in order, and the components it affects or did. ids: those
-- alone, of private components, too: whoever posted one reads what became of it.
SELECT
    i.id,
    json_build_object(
        'end_date', to_char(i.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        'id', i.id,
        'impact', i.impact,
        'start_date', to_char(i.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'),
        'text', i.title,
        'updates', coalesce(u.all_of_them, '[]')
    )::text AS document,
    coalesce(a.components, '{}') AS components
FROM incidents.incident AS i
LEFT JOIN LATERAL (
    SELECT json_agg(
        json_build_object(
            'status', said.status,
            'text', said.text,
            'timestamp', to_char(said.at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI'))
        ORDER BY said.at DESC, said.id DESC) AS all_of_them
    FROM incidents.update AS said
    WHERE said.incident_id = i.id AND NOT said.internal
) AS u ON true
LEFT JOIN LATERAL (
    SELECT array_agg(DISTINCT member.component_id) AS components
    FROM incidents.affected AS member
    WHERE member.incident_id = i.id
) AS a ON true
WHERE i.published_at IS NOT NULL AND i.kind <> 'info'
  AND CASE
      WHEN %(ids)s::integer[] IS NULL THEN i.id NOT IN (SELECT h.id FROM incidents.hidden() AS h)
      ELSE i.id = ANY (%(ids)s)
  END
ORDER BY i.id
