-- name: advisories
-- Every text of this name: its own, those of the same vulnerability, those that address it.
SELECT a.id, a.name, a.feed, a.identity, a.title, a.description, a.links, a.cwes, a.score, a.vector, a.published_at,
    a.withdrawn_at,
    ARRAY(SELECT l.name FROM records.alias AS l WHERE l.advisory_id = a.id ORDER BY l.name LIMIT 50) AS aliases
FROM records.advisory AS a
WHERE a.id IN (
    SELECT id FROM records.advisory WHERE name = %(name)s AND name <> identity
    UNION
    SELECT id FROM records.advisory WHERE identity = %(name)s
    UNION
    SELECT advisory_id FROM records.alias WHERE name = %(name)s)
ORDER BY a.name = %(name)s DESC, a.title <> '' DESC, length(a.description) DESC, a.feed, a.name
LIMIT %(limit)s

-- name: exploited
SELECT catalog, cve, added_on, due_on, ransomware, title, action
FROM records.kev
WHERE cve = ANY (%(cves)s::text[])
ORDER BY added_on, catalog, cve

-- name: likely
SELECT cve, score, percentile
FROM records.epss
WHERE cve = ANY (%(cves)s::text[])
ORDER BY percentile DESC, cve

-- name: feeds
SELECT name, version, released_at, loaded_at FROM records.feed ORDER BY name

-- name: statements
SELECT document, author, status, justification, impact, action, products, at
FROM records.statement
WHERE names && %(names)s::text[]
ORDER BY at DESC, id DESC
LIMIT %(limit)s

-- name: decisions
-- Those that hold first, then what was once decided.
SELECT t.id, t.identity, t.package, coalesce(s.name, '') AS service, coalesce(c.name || '/' || n.name, '') AS namespace,
    t.image, t.decision, t.justification, t.reason, t.until, t.made_at, t.made_by, t.ended_at,
    coalesce(t.ended_by, '') AS ended_by, t.ended_at IS NULL AND (t.until IS NULL OR t.until > %(now)s) AS holds
FROM records.triage AS t
LEFT JOIN fleet.service AS s ON s.id = t.service_id
LEFT JOIN fleet.namespace AS n ON n.id = t.namespace_id
LEFT JOIN fleet.cluster AS c ON c.id = n.cluster_id
WHERE t.identity = ANY (%(identities)s::text[])
ORDER BY holds DESC, t.made_at DESC, t.id DESC
LIMIT %(limit)s

-- name: places
-- Where it stands open, a namespace a row; what runs in none is one. total: how many there are.
SELECT coalesce(c.name, '') AS cluster, coalesce(n.name, '') AS namespace, e.identity, e.severity, e.fixable, e.images,
    e.pods, e.hosts, e.since_at, e.covered_until > %(now)s AS is_covered,
    ARRAY(
        SELECT jsonb_build_array(f.slug, f.name)::text
        FROM fleet.service_namespace AS sn
        JOIN fleet.service AS f ON f.id = sn.service_id
        WHERE sn.namespace_id = e.namespace_id
        ORDER BY f.name
        LIMIT 5
    ) AS services,
    count(*) OVER ()::integer AS total
FROM records.exposure AS e
LEFT JOIN fleet.namespace AS n ON n.id = e.namespace_id
LEFT JOIN fleet.cluster AS c ON c.id = n.cluster_id
WHERE e.identity = ANY (%(identities)s::text[]) AND e.ended_at IS NULL
ORDER BY is_covered, e.severity DESC, e.pods DESC, c.name, n.name
LIMIT %(limit)s

-- name: carriers
-- The images it was found in, a package a row, those that run first. total: how many there are.
SELECT coalesce(nullif(s.digest, ''), s.id::text) AS name, s.name AS image, s.tag, k.name AS package, k.version,
    max(f.severity) AS severity, max(f.fixed_in) AS fixed_in, min(f.since_at) AS since_at,
    r.is_running, count(*) OVER ()::integer AS total
FROM records.finding AS f
JOIN records.scan AS c ON c.id = f.scan_id
JOIN records.subject AS s ON s.id = c.subject_id
JOIN records.package AS k ON k.id = f.package_id
CROSS JOIN LATERAL (
    SELECT EXISTS (SELECT FROM records.presence AS p WHERE p.subject_id = s.id AND p.gone_at IS NULL) AS is_running
) AS r
WHERE f.advisory_id = ANY (%(advisories)s::integer[]) AND f.fixed_at IS NULL AND f.suppressed = ''
GROUP BY s.id, k.id, r.is_running
ORDER BY r.is_running DESC, severity DESC, s.name, k.name, s.id
LIMIT %(limit)s

-- name: matches
-- Whatever is called so: advisories, services, images; a few of each.
(
    SELECT 'advisory' AS what, a.name AS name, a.name AS shown, max(a.title) AS detail
    FROM records.advisory AS a
    WHERE a.id IN (
        SELECT id FROM records.advisory WHERE name = ANY (%(names)s::text[]) AND name <> identity
        UNION
        SELECT id FROM records.advisory WHERE identity = ANY (%(names)s::text[])
        UNION
        SELECT advisory_id FROM records.alias WHERE name = ANY (%(names)s::text[]))
    GROUP BY 2
    ORDER BY a.name = ANY (%(names)s::text[]) DESC, 2
    LIMIT %(limit)s
)
UNION ALL
(
    SELECT 'service', slug, name, coalesce(team, '')
    FROM fleet.service
    WHERE strpos(lower(name), lower(%(name)s)) > 0
    ORDER BY lower(name) <> lower(%(name)s), name
    LIMIT %(limit)s
)
UNION ALL
(
    SELECT 'image', coalesce(nullif(digest, ''), id::text), name || coalesce(':' || nullif(tag, ''), ''), digest
    FROM records.subject
    WHERE name = %(name)s OR digest = %(name)s
    ORDER BY made_at DESC
    LIMIT %(limit)s
)
