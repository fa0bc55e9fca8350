-- name: templates
SELECT name, kind, title, text, impact, version, made_at, made_by
FROM incidents.template
WHERE %(name)s::text IS NULL OR name = %(name)s
ORDER BY name

-- name: version
SELECT version FROM incidents.template WHERE name = %(name)s FOR UPDATE

-- name: keep
INSERT INTO incidents.template (name, kind, title, text, impact, made_at, made_by)
VALUES (%(name)s, %(kind)s, %(title)s, %(text)s, %(impact)s, %(now)s, %(by)s)
ON CONFLICT (name) DO UPDATE
SET kind = excluded.kind, title = excluded.title, text = excluded.text, impact = excluded.impact,
    version = template.version + 1
RETURNING name, kind, title, text, impact, version, made_at, made_by

-- name: drop
DELETE FROM incidents.template WHERE name = %(name)s
