-- name: insert
INSERT INTO incidents.series (
    title, description, schedule, zone, lasts, from_at, until_at, planned_to, components, made_at, made_by)
VALUES (
    %(title)s, %(description)s, %(schedule)s, %(zone)s, %(lasts)s, %(from_at)s, %(until_at)s,
    %(from_at)s::timestamptz - interval '1 second',
    %(components)s, %(now)s, %(by)s)
RETURNING id

-- name: series
SELECT
    id, title, description, schedule, zone, lasts, from_at, until_at, planned_to, components,
    ARRAY(
        SELECT c.slug FROM fleet.component AS c
        WHERE c.id = ANY (components) AND c.retired_at IS NULL
        ORDER BY c.id) AS slugs,
    version, made_at, made_by, cancelled_at
FROM incidents.series
WHERE (%(number)s::integer IS NULL OR id = %(number)s)
  AND (%(number)s::integer IS NOT NULL OR cancelled_at IS NULL)
ORDER BY id

-- name: change
UPDATE incidents.series
SET title = %(title)s,
    description = %(description)s,
    schedule = %(schedule)s,
    zone = %(zone)s,
    lasts = %(lasts)s,
    until_at = %(until_at)s,
    components = %(components)s,
    version = version + 1
WHERE id = %(number)s

-- name: cancel
UPDATE incidents.series SET cancelled_at = %(now)s, version = version + 1 WHERE id = %(number)s

-- name: lagging
-- Series whose occurrences are not planned far enough ahead.
SELECT id
FROM incidents.series
WHERE cancelled_at IS NULL AND planned_to < %(horizon)s AND (until_at IS NULL OR planned_to < until_at)
ORDER BY id
LIMIT 1

-- name: advance
UPDATE incidents.series SET planned_to = %(to)s WHERE id = %(number)s

-- name: to_come
-- Occurrences of this series that have not begun, and whether each is still as the series made it.
SELECT
    i.id,
    i.occurrence_at,
    i.status = 'planned' AND i.starts_at = i.occurrence_at AND i.ends_at = i.starts_at + s.lasts
        AND i.title = s.title AND i.description = s.description
        AND (SELECT array_agg(a.component_id ORDER BY a.component_id)
             FROM incidents.affected AS a WHERE a.incident_id = i.id AND a.left_at IS NULL)
            <@ s.components AS is_untouched
FROM incidents.incident AS i
JOIN incidents.series AS s ON s.id = i.series_id
WHERE i.series_id = %(number)s AND i.occurrence_at > %(now)s
ORDER BY i.occurrence_at

-- name: planned
SELECT id FROM incidents.incident WHERE series_id = %(number)s AND status = 'planned' ORDER BY starts_at

-- name: let_go_of_places
-- Places are given anew one by one, and none may be held twice meanwhile.
UPDATE incidents.incident SET occurrence_at = NULL WHERE id = ANY (%(ids)s)

-- name: place
UPDATE incidents.incident SET occurrence_at = %(at)s WHERE id = %(number)s

-- name: living
SELECT id FROM fleet.component WHERE id = ANY (%(components)s) AND retired_at IS NULL ORDER BY id
