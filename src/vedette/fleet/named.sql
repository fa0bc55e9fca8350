-- name: clusters
-- Each of these lists names, the one that is asked for first, then those likeliest to be meant.
SELECT c.name
FROM fleet.cluster AS c
ORDER BY c.name = %(name)s DESC, strpos(lower(c.name), lower(%(name)s)) > 0 DESC,
    lower(left(c.name, 1)) = lower(left(%(name)s, 1)) DESC, abs(length(c.name) - length(%(name)s)), c.name
LIMIT %(most)s

-- name: namespaces
-- cluster: "" for any.
SELECT n.name
FROM fleet.namespace AS n
JOIN fleet.cluster AS c ON c.id = n.cluster_id
WHERE %(cluster)s::text IN ('', c.name)
GROUP BY n.name
ORDER BY n.name = %(name)s DESC, strpos(lower(n.name), lower(%(name)s)) > 0 DESC,
    lower(left(n.name, 1)) = lower(left(%(name)s, 1)) DESC, abs(length(n.name) - length(%(name)s)), n.name
LIMIT %(most)s

-- name: clusters_of
SELECT c.name
FROM fleet.namespace AS n
JOIN fleet.cluster AS c ON c.id = n.cluster_id
WHERE n.name = %(name)s
ORDER BY c.name
LIMIT %(most)s

-- name: services
SELECT s.name
FROM fleet.service AS s
ORDER BY s.name = %(name)s DESC, strpos(lower(s.name), lower(%(name)s)) > 0 DESC,
    lower(left(s.name, 1)) = lower(left(%(name)s, 1)) DESC, abs(length(s.name) - length(%(name)s)), s.name
LIMIT %(most)s

-- name: teams
SELECT s.team
FROM fleet.service AS s
WHERE s.team IS NOT NULL
GROUP BY s.team
ORDER BY s.team = %(name)s DESC, strpos(lower(s.team), lower(%(name)s)) > 0 DESC,
    lower(left(s.team, 1)) = lower(left(%(name)s, 1)) DESC, abs(length(s.team) - length(%(name)s)), s.team
LIMIT %(most)s
