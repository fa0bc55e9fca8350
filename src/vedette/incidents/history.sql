-- name: history
SELECT at, actor AS by, substr(action, length('incident.') + 1) AS change, detail
FROM access.audit
WHERE action LIKE 'incident.%%' AND string_to_array(object, ' ') @> ARRAY[%(object)s::text]
ORDER BY id DESC
LIMIT %(limit)s
