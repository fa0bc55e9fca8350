-- name: of_components
-- Agents that look at targets of these components, and what led to each.
SELECT
    a.id, array_agg(DISTINCT format('%%s, of %%s', t.name, k.slug)) AS through
FROM fleet.component AS k
JOIN fleet.target AS t ON t.component_id = k.id AND t.retired_at IS NULL
JOIN fleet.assignment AS x ON x.target_id = t.id
JOIN fleet.agent AS a ON a.id = x.agent_id
WHERE k.id = ANY(%(components)s::integer[])
  AND a.kind = 'agent'
  AND a.revoked_at IS NULL
  AND a.destroyed_at IS NULL
GROUP BY a.id;

-- name: of_clusters
-- Agents that look at anything of these clusters.
SELECT
    a.id, array_agg(DISTINCT format('%%s, in %%s', t.name, c.name)) AS through
FROM fleet.cluster AS c
JOIN fleet.target AS t ON t.cluster_id = c.id AND t.retired_at IS NULL
JOIN fleet.assignment AS x ON x.target_id = t.id
JOIN fleet.agent AS a ON a.id = x.agent_id
WHERE c.id = ANY(%(clusters)s::integer[])
  AND a.kind = 'agent'
  AND a.revoked_at IS NULL
  AND a.destroyed_at IS NULL
GROUP BY a.id;

-- name: of_hosts
-- Agents on hosts of these names.
SELECT a.id, array_agg(DISTINCT format('host %%s', a.hostname)) AS through
FROM fleet.agent AS a
WHERE (a.hostname = ANY(%(hosts)s::text[]) OR a.name = ANY(%(hosts)s::text[]))
  AND a.kind = 'agent'
  AND a.revoked_at IS NULL
  AND a.destroyed_at IS NULL
GROUP BY a.id;

-- name: component
SELECT id
FROM fleet.component
WHERE slug = %(name)s
  AND retired_at IS NULL;

-- name: service
SELECT
    s.id,
    ARRAY(
        SELECT k.id
        FROM fleet.component AS k
        WHERE k.service_id = s.id
          AND k.retired_at IS NULL
    ) AS components,
    ARRAY(
        SELECT DISTINCT n.cluster_id
        FROM fleet.service_namespace AS x
        JOIN fleet.namespace AS n ON n.id = x.namespace_id
        WHERE x.service_id = s.id
    ) AS clusters
FROM fleet.service AS s
WHERE s.name = %(name)s
   OR s.slug = %(name)s
ORDER BY s.name = %(name)s DESC
LIMIT 1;

-- name: incident
SELECT
    i.id,
    ARRAY(
        SELECT DISTINCT f.component_id
        FROM incidents.affected AS f
        WHERE f.incident_id = i.id
          AND f.left_at IS NULL
    ) AS components
FROM incidents.incident AS i
WHERE i.id = %(id)s;

-- name: advisories
-- All advisories about what a name counts as.
SELECT array_agg(DISTINCT a.id) AS ids, array_agg(DISTINCT a.identity) AS identities
FROM records.advisory AS a
WHERE a.identity IN (
    SELECT b.identity
    FROM records.advisory AS b
    WHERE b.identity = %(name)s OR b.name = %(name)s AND b.name <> b.identity
    UNION
    SELECT b.identity
    FROM records.alias AS l
    JOIN records.advisory AS b ON b.id = l.advisory_id
    WHERE l.name = %(name)s
);

-- name: standing
-- Where it stands open: the clusters, and hosts by name.
SELECT
    ARRAY(
        SELECT DISTINCT n.cluster_id
        FROM records.exposure AS e
        JOIN fleet.namespace AS n ON n.id = e.namespace_id
        WHERE e.identity = ANY(%(identities)s::text[])
          AND e.ended_at IS NULL
    ) AS clusters,
    ARRAY(
        SELECT DISTINCT j.name
        FROM records.finding AS f
        JOIN records.scan AS c ON c.id = f.scan_id
        JOIN records.subject AS j ON j.id = c.subject_id
        WHERE f.advisory_id = ANY(%(advisories)s::integer[])
          AND f.fixed_at IS NULL
          AND j.kind = 'host'
        LIMIT 10000
    ) AS hosts;

-- name: agents
SELECT id, name, 'sha256:' || encode(key_fingerprint, 'hex') AS key, os, queueloc, version
FROM fleet.agent
WHERE id = ANY(%(agents)s::integer[])
ORDER BY name;
