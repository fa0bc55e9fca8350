-- name: first_members
-- Of each incident how many components stand in it now, and which came first: of those, if any, that everyone may
-- know. One that the public reads and in which only private ones are left keeps the title it has.
SELECT i.id, i.title, i.impact, count(*)::int, (array_agg(a.component_id ORDER BY c.is_public DESC, a.id))[1]
FROM incidents.incident AS i
JOIN incidents.affected AS a ON a.incident_id = i.id AND a.left_at IS NULL
JOIN fleet.component AS c ON c.id = a.component_id
WHERE i.id = ANY (%(ids)s)
GROUP BY i.id
HAVING bool_or(c.is_public) OR i.id IN (SELECT h.id FROM incidents.hidden() AS h)
ORDER BY i.id
