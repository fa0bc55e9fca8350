-- name: known
SELECT c.name, c.id, n.name, n.id
FROM unnest(%(clusters)s::text[], %(namespaces)s::text[]) AS given (cluster, namespace)
JOIN fleet.cluster AS c ON c.name = given.cluster
LEFT JOIN fleet.namespace AS n ON n.cluster_id = c.id AND n.name = given.namespace

-- name: add_namespaces
INSERT INTO fleet.namespace (cluster_id, name)
SELECT c.id, given.namespace
FROM unnest(%(clusters)s::text[], %(namespaces)s::text[]) AS given (cluster, namespace)
JOIN fleet.cluster AS c ON c.name = given.cluster
ORDER BY 1, 2
ON CONFLICT DO NOTHING

-- name: known_services
SELECT name, id FROM fleet.service WHERE name = ANY (%(names)s::text[])
