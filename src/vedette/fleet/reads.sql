-- name: targets_of
SELECT
    t.id, t.name, t.connector, t.every_ms, t.timeout_ms, t.settings, t.requests, t.keep, t."drop",
    t.thresholds
FROM fleet.assignment AS x
JOIN fleet.target AS t ON t.id = x.target_id
WHERE x.agent_id = %(agent_id)s
  AND t.retired_at IS NULL
ORDER BY t.id;

-- name: targets
SELECT
    id, name, connector, every_ms, timeout_ms, settings, requests, keep, "drop", thresholds
FROM fleet.target
WHERE retired_at IS NULL
ORDER BY name;

-- name: revision_of
SELECT config_revision
FROM fleet.agent
WHERE id = %(agent_id)s;

-- name: agents
-- Retired ones are history; revoked ones are shown until they are retired.
SELECT
    a.id, a.name, a.key_fingerprint, a.queueloc, a.hostname, a.os, a.version, a.pid,
    a.environment, a.tags, a.claims, a.connectors, a.certificate_not_after, a.enrolled_at,
    a.started_at, a.revoked_at, a.config_revision,
    coalesce(s.server, '') AS server,
    coalesce(s.address, '') AS address,
    s.connected_at, s.disconnected_at, s.heartbeat_at,
    coalesce(s.clock_offset_s, 0) AS clock_offset_s,
    coalesce(s.spooled_bytes, 0) AS spooled_bytes,
    coalesce(s.spooled_reports, 0) AS spooled_reports,
    coalesce(s.dropped_reports, 0) AS dropped_reports,
    (
        SELECT count(*)
        FROM fleet.assignment AS x
        JOIN fleet.target AS t ON t.id = x.target_id
        WHERE x.agent_id = a.id
          AND t.retired_at IS NULL
    ) AS targets,
    a.kind,
    coalesce(c.name, '') AS via,
    a.quarantined_at, a.quarantined_why
FROM fleet.agent AS a
LEFT JOIN fleet.stream AS s ON s.agent_id = a.id
LEFT JOIN fleet.agent AS c ON c.id = a.via
WHERE a.destroyed_at IS NULL
  AND (%(name)s::text IS NULL OR a.name = %(name)s)
  AND a.name > %(after)s
ORDER BY a.name
LIMIT %(limit)s;

-- name: duplicates_of
SELECT
    agent_id, run_id, hostname, queueloc, address, first_seen_at, last_seen_at, attempts
FROM fleet.duplicate
WHERE agent_id = ANY(%(agents)s)
  AND last_seen_at > %(since)s
ORDER BY agent_id, last_seen_at DESC;

-- name: regions
SELECT name, slug
FROM fleet.region
ORDER BY name;

-- name: clusters
SELECT c.id, c.name, c.slug, r.name AS region
FROM fleet.cluster AS c
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.name > %(after)s
ORDER BY c.name
LIMIT %(limit)s;

-- name: services
SELECT
    s.id, s.name, s.slug, s.category,
    ARRAY(
        SELECT c.slug
        FROM fleet.component AS c
        WHERE c.service_id = s.id
          AND c.retired_at IS NULL
        ORDER BY c.slug
    ) AS components
FROM fleet.service AS s
WHERE s.name > %(after)s
ORDER BY s.name
LIMIT %(limit)s;

-- name: components
SELECT
    c.id, c.slug, s.name AS service, r.name AS region, c.type, s.category, c.attributes
FROM fleet.component AS c
JOIN fleet.service AS s ON s.id = c.service_id
LEFT JOIN fleet.region AS r ON r.id = c.region_id
WHERE c.retired_at IS NULL
ORDER BY c.slug;

