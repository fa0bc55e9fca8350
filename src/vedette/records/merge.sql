-- name: hold
-- Findings are merged one snapshot at a time: what two at once would add, each adds once, and in no
-- order could they wait for each other.
-- What runs in no namespace is counted again when this number differs from the one that was counted.
WITH counted_again AS (
    UPDATE records.unplaced
    SET changes = changes + 1
    WHERE what = 'scans'
)
SELECT pg_advisory_xact_lock(%(number)s), records.make_months(%(at)s, %(at)s)

-- name: keep_subjects
-- Returns the ids in the order given, and which are new. An image is its digest; its name and tag are the latest.
WITH given AS (
    SELECT *
    FROM unnest(%(kinds)b::text[], %(names)b::text[], %(digests)b::text[], %(tags)b::text[])
        WITH ORDINALITY AS g (kind, name, digest, tag, place)
), known AS (
    SELECT g.place, s.id, s.name AS old_name, s.tag AS old_tag, g.name, g.tag
    FROM given AS g
    JOIN records.subject AS s ON s.kind = g.kind AND s.digest = g.digest AND s.digest <> ''
    UNION ALL
    SELECT g.place, s.id, s.name, s.tag, g.name, g.tag
    FROM given AS g
    JOIN records.subject AS s ON s.kind = g.kind AND s.name = g.name AND s.digest = ''
    WHERE g.digest = ''
), renamed AS (
    UPDATE records.subject AS s
    SET name = k.name, tag = k.tag
    FROM known AS k
    WHERE s.id = k.id AND (k.name, k.tag) <> (k.old_name, k.old_tag)
), added AS (
    INSERT INTO records.subject (kind, name, digest, tag, made_at)
    SELECT kind, name, digest, tag, %(now)s
    FROM given
    WHERE place NOT IN (SELECT place FROM known)
    RETURNING id, kind, name, digest
)
SELECT k.place, k.id, false FROM known AS k
UNION ALL
SELECT g.place, a.id, true
FROM given AS g
JOIN added AS a ON a.kind = g.kind AND a.digest = g.digest AND a.name = g.name
ORDER BY 1

-- name: keep_scans
-- Returns, in the order given: id, the digest of what it holds, when it last looked, and of a new scan the one
-- that looked at what had the same name before.
WITH given AS (
    SELECT * FROM unnest(%(subjects)b::integer[]) WITH ORDINALITY AS g (subject_id, place)
), added AS (
    INSERT INTO records.scan (source_id, subject_id, previous_id, first_at, last_at)
    SELECT %(source)s, g.subject_id, previous.id, %(at)s, '-infinity'
    FROM given AS g
    JOIN records.subject AS s ON s.id = g.subject_id
    LEFT JOIN LATERAL (
        SELECT o.id
        FROM records.subject AS called
        JOIN records.scan AS o ON o.subject_id = called.id AND o.source_id = %(source)s
        WHERE called.name = s.name AND called.kind = s.kind AND called.id <> s.id
          AND o.last_at > '-infinity'
        ORDER BY o.last_at DESC, o.id DESC
        LIMIT 1
    ) AS previous ON true
    WHERE NOT EXISTS (
        SELECT FROM records.scan AS k WHERE k.subject_id = g.subject_id AND k.source_id = %(source)s)
    RETURNING id, subject_id, previous_id
)
SELECT coalesce(a.id, k.id), k.digest, nullif(k.last_at, '-infinity'), a.previous_id
FROM given AS g
LEFT JOIN added AS a ON a.subject_id = g.subject_id
LEFT JOIN records.scan AS k ON k.subject_id = g.subject_id AND k.source_id = %(source)s
ORDER BY g.place

-- name: keep_words
-- Returns the sources and the words of severity as (text, id, is_new); a source comes first.
WITH source AS (
    INSERT INTO records.source (name)
    SELECT %(source)s
    WHERE NOT EXISTS (SELECT FROM records.source WHERE name = %(source)s)
    RETURNING name, id
), given AS (
    SELECT * FROM unnest(%(words)b::text[], %(severities)b::smallint[]) AS g (word, severity)
), added AS (
    INSERT INTO records.severity_word (word, severity)
    SELECT word, severity
    FROM given AS g
    WHERE NOT EXISTS (SELECT FROM records.severity_word AS w WHERE w.word = g.word)
    RETURNING word, id
)
SELECT 's', name, id, true FROM source
UNION ALL
SELECT 's', name, id, false FROM records.source WHERE name = %(source)s
UNION ALL
SELECT 'w', word, id, true FROM added
UNION ALL
SELECT 'w', w.word, w.id, false FROM records.severity_word AS w JOIN given USING (word)

-- name: keep_packages
-- Returns the ids in the order given, and which of them are new.
WITH given AS (
    SELECT *
    FROM unnest(
        %(keys)b::bytea[], %(names)b::text[], %(versions)b::text[], %(types)b::text[],
        %(purls)b::text[], %(paths)b::text[]
    ) WITH ORDINALITY AS g (key, name, version, type, purl, path, place)
), added AS (
    INSERT INTO records.package (key, name, version, type, purl, path)
    SELECT key, name, version, type, purl, path
    FROM given AS g
    WHERE NOT EXISTS (SELECT FROM records.package AS p WHERE p.key = g.key)
    RETURNING id, key
)
SELECT coalesce(a.id, p.id), a.id IS NOT NULL
FROM given AS g
LEFT JOIN added AS a USING (key)
LEFT JOIN records.package AS p USING (key)
ORDER BY g.place

-- name: keep_advisories
-- Returns the ids in the order given, and which of them are new. A changed text replaces the one before.
WITH given AS (
    SELECT *
    FROM unnest(
        %(keys)b::bytea[], %(text_keys)b::bytea[], %(names)b::text[], %(feeds)b::text[],
        %(identities)b::text[], %(titles)b::text[], %(descriptions)b::text[], %(links)b::text[],
        %(cwes)b::text[], %(scores)b::real[], %(vectors)b::text[], %(published)b::timestamptz[]
    ) WITH ORDINALITY AS g (
        key, text_key, name, feed, identity, title, description, links, cwes, score, vector,
        published_at, place)
), changed AS (
    UPDATE records.advisory AS a
    SET text_key = g.text_key, identity = g.identity, title = g.title, description = g.description,
        links = string_to_array(g.links, ' '), cwes = string_to_array(g.cwes, ' '),
        score = coalesce(g.score, a.score),
        vector = CASE WHEN g.vector = '' THEN a.vector ELSE g.vector END,
        published_at = coalesce(g.published_at, a.published_at)
    FROM given AS g
    WHERE a.key = g.key AND a.text_key <> g.text_key
), added AS (
    INSERT INTO records.advisory (
        key, text_key, name, feed, identity, title, description, links, cwes, score, vector,
        published_at, made_at)
    SELECT key, text_key, name, feed, identity, title, description, string_to_array(links, ' '),
        string_to_array(cwes, ' '), score, vector, published_at, %(now)s
    FROM given AS g
    WHERE NOT EXISTS (SELECT FROM records.advisory AS a WHERE a.key = g.key)
    RETURNING id, key
)
SELECT coalesce(n.id, a.id), n.id IS NOT NULL
FROM given AS g
LEFT JOIN added AS n USING (key)
LEFT JOIN records.advisory AS a USING (key)
ORDER BY g.place

-- name: keep_aliases
INSERT INTO records.alias (name, advisory_id)
SELECT name, advisory_id
FROM unnest(%(names)b::text[], %(advisories)b::integer[]) AS g (name, advisory_id)
ON CONFLICT DO NOTHING

-- name: predecessors
-- Since when these scans' findings are known, by the software they are in, whatever its version.
SELECT f.scan_id, f.advisory_id, p.name, min(f.since_at)
FROM records.finding AS f
JOIN records.package AS p ON p.id = f.package_id
WHERE f.scan_id = ANY (%(scans)s::integer[])
  AND f.fixed_at IS NULL
GROUP BY 1, 2, 3

-- name: merge_findings
-- The scans looked at hold what is given, from %%(at)s on: what is new opens, what differs changes, and what a
-- complete one lacks is fixed. Returns a row a scan: opened, closed, changed.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(scans)b::integer[], %(packages)b::integer[], %(advisories)b::integer[],
        %(severities)b::smallint[], %(words)b::smallint[], %(fixes)b::text[], %(states)b::text[],
        %(suppressions)b::text[], %(since)b::timestamptz[]
    ) AS g (
        scan_id, package_id, advisory_id, severity, word_id, fixed_in, fix_state, suppressed, since_at)
), looked AS MATERIALIZED (
    SELECT *
    FROM unnest(%(looked)b::integer[], %(complete)b::boolean[]) AS l (scan_id, complete)
), held AS MATERIALIZED (
    SELECT f.*
    FROM records.finding AS f
    WHERE f.scan_id = ANY (%(looked)b::integer[]) AND f.fixed_at IS NULL
), changed AS (
    UPDATE records.finding AS f
    SET severity = g.severity, word_id = g.word_id, fixed_in = g.fixed_in,
        fix_state = g.fix_state, suppressed = g.suppressed
    FROM given AS g
    JOIN held AS h USING (scan_id, package_id, advisory_id)
    WHERE (g.severity, g.word_id, g.fixed_in, g.fix_state, g.suppressed)
          <> (h.severity, h.word_id, h.fixed_in, h.fix_state, h.suppressed)
      AND f.scan_id = g.scan_id AND f.package_id = g.package_id AND f.advisory_id = g.advisory_id
      AND f.fixed_at IS NULL
    RETURNING f.scan_id
), closed AS (
    UPDATE records.finding AS f
    SET fixed_at = greatest(%(at)s::timestamptz, f.first_seen_at)
    FROM (
        SELECT h.scan_id, h.package_id, h.advisory_id
        FROM held AS h
        JOIN looked AS l ON l.scan_id = h.scan_id AND l.complete
        LEFT JOIN given AS g
            ON g.scan_id = h.scan_id AND g.package_id = h.package_id AND g.advisory_id = h.advisory_id
        WHERE g.scan_id IS NULL
    ) AS gone
    WHERE f.scan_id = gone.scan_id AND f.package_id = gone.package_id
      AND f.advisory_id = gone.advisory_id AND f.fixed_at IS NULL
    RETURNING f.scan_id
), added AS (
    INSERT INTO records.finding (
        scan_id, package_id, advisory_id, severity, word_id, fixed_in, fix_state, suppressed,
        since_at, first_seen_at)
    SELECT g.scan_id, g.package_id, g.advisory_id, g.severity, g.word_id, g.fixed_in, g.fix_state,
        g.suppressed, least(g.since_at, %(at)s), %(at)s
    FROM given AS g
    LEFT JOIN held AS h
        ON h.scan_id = g.scan_id AND h.package_id = g.package_id AND h.advisory_id = g.advisory_id
    WHERE h.scan_id IS NULL
    RETURNING scan_id
)
SELECT scan_id, sum(opened)::integer, sum(closed)::integer, sum(changed)::integer
FROM (
    SELECT scan_id, count(*) AS opened, 0 AS closed, 0 AS changed FROM added GROUP BY 1
    UNION ALL
    SELECT scan_id, 0, count(*), 0 FROM closed GROUP BY 1
    UNION ALL
    SELECT scan_id, 0, 0, count(*) FROM changed GROUP BY 1
) AS each_
GROUP BY scan_id

-- name: keep_looks
-- Each look is a row; what the scan holds is counted anew where it changed.
WITH looked AS (
    SELECT *
    FROM unnest(
        %(scans)b::integer[], %(digests)b::bytea[], %(opened)b::integer[], %(closed)b::integer[],
        %(changed)b::integer[], %(scanners)b::text[], %(databases)b::text[]
    ) AS l (scan_id, digest, opened, closed, changed, scanner_version, database_version)
), counted AS (
    SELECT f.scan_id,
        ARRAY[
            count(*) FILTER (WHERE f.severity = 0), count(*) FILTER (WHERE f.severity = 1),
            count(*) FILTER (WHERE f.severity = 2), count(*) FILTER (WHERE f.severity = 3),
            count(*) FILTER (WHERE f.severity = 4), count(*) FILTER (WHERE f.severity = 5),
            count(*) FILTER (WHERE f.severity = 6)] AS counts,
        count(*) FILTER (WHERE f.fixed_in <> '') AS fixable
    FROM records.finding AS f
    WHERE f.scan_id IN (SELECT scan_id FROM looked WHERE opened + closed + changed > 0)
      AND f.fixed_at IS NULL AND f.suppressed = ''
    GROUP BY f.scan_id
), logged AS (
    INSERT INTO records.report (at, scan_id, opened, closed, changed)
    SELECT %(at)s, scan_id, opened, closed, changed
    FROM looked
)
UPDATE records.scan AS s
SET last_at = %(at)s,
    digest = l.digest,
    scanner_version = l.scanner_version,
    database_version = l.database_version,
    counts = CASE
        WHEN l.opened + l.closed + l.changed = 0 THEN s.counts
        ELSE coalesce(c.counts, '{0,0,0,0,0,0,0}') END,
    fixable = CASE WHEN l.opened + l.closed + l.changed = 0 THEN s.fixable ELSE coalesce(c.fixable, 0) END
FROM looked AS l
LEFT JOIN counted AS c USING (scan_id)
WHERE s.id = l.scan_id

-- name: keep_documents
INSERT INTO records.document (scan_id, kind, received_at, body)
SELECT scan_id, %(kind)s, %(now)s, body
FROM unnest(%(scans)b::integer[], %(bodies)b::bytea[]) AS g (scan_id, body)
ON CONFLICT (scan_id) DO UPDATE
SET kind = excluded.kind, received_at = excluded.received_at, body = excluded.body

-- name: keep_presences
-- What runs where, from %%(at)s on. Of `namespaces` the source says everything: of any subject where
-- `everything`, else of the subjects named there; and a workload's container runs one image at a time. Of a
-- cluster that a snapshot opened later has told of, this one comes too late. Namespaces where something changed
-- are counted again, and those where a subject runs whose findings did.
WITH told AS MATERIALIZED (
    SELECT n.id AS namespace_id
    FROM fleet.namespace AS n
    LEFT JOIN records.latest AS l ON l.cluster_id = n.cluster_id AND l.kind = %(kind)s
    WHERE n.id = ANY (%(namespaces)b::integer[])
      AND coalesce(l.opened_at <= %(opened)s, true)
), given AS MATERIALIZED (
    SELECT DISTINCT g.*
    FROM unnest(
        %(subjects)b::integer[], %(places)b::integer[], %(pods)b::text[], %(workloads)b::text[],
        %(containers)b::text[]
    ) AS g (subject_id, namespace_id, pod, workload, container)
    JOIN told USING (namespace_id)
), scope AS MATERIALIZED (
    SELECT DISTINCT *
    FROM unnest(%(scope_subjects)b::integer[], %(scope_namespaces)b::integer[]) AS s (subject_id, namespace_id)
), dropped AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(dropped_subjects)b::integer[], %(dropped_places)b::integer[], %(dropped_pods)b::text[],
        %(dropped_workloads)b::text[], %(dropped_containers)b::text[]
    ) AS d (subject_id, namespace_id, pod, workload, container)
), gone AS (
    UPDATE records.presence AS p
    SET gone_at = greatest(%(at)s::timestamptz, p.first_seen_at)
    WHERE p.gone_at IS NULL
      AND p.source_id = %(source)s
      AND p.namespace_id IN (SELECT namespace_id FROM told)
      AND (
          %(everything)s
          OR EXISTS (
              SELECT FROM scope AS s
              WHERE s.subject_id = p.subject_id AND s.namespace_id = p.namespace_id)
          OR EXISTS (
              SELECT FROM dropped AS d
              WHERE d.namespace_id = p.namespace_id AND d.subject_id = p.subject_id AND d.pod = p.pod
                AND d.workload = p.workload AND d.container = p.container)
          OR p.workload <> '' AND EXISTS (
              SELECT FROM given AS g
              WHERE g.namespace_id = p.namespace_id AND g.workload = p.workload
                AND g.container = p.container))
      AND NOT EXISTS (
          SELECT FROM given AS g
          WHERE g.namespace_id = p.namespace_id AND g.subject_id = p.subject_id AND g.pod = p.pod
            AND g.workload = p.workload AND g.container = p.container)
    RETURNING p.namespace_id
), added AS (
    INSERT INTO records.presence (
        source_id, subject_id, namespace_id, pod, workload, container, first_seen_at)
    SELECT %(source)s, g.subject_id, g.namespace_id, g.pod, g.workload, g.container, %(at)s
    FROM given AS g
    WHERE NOT EXISTS (
        SELECT FROM records.presence AS p
        WHERE p.namespace_id = g.namespace_id AND p.subject_id = g.subject_id
          AND p.source_id = %(source)s AND p.pod = g.pod AND p.workload = g.workload
          AND p.container = g.container AND p.gone_at IS NULL)
    RETURNING namespace_id
)
INSERT INTO records.recount (namespace_id, since)
SELECT namespace_id, %(now)s
FROM (
    SELECT namespace_id FROM gone
    UNION
    SELECT namespace_id FROM added
    UNION
    SELECT p.namespace_id
    FROM records.presence AS p
    WHERE p.subject_id = ANY (%(changed)b::integer[]) AND p.gone_at IS NULL
) AS touched
ORDER BY 1
-- Written anew, so that nobody counts before this is committed and takes the mark with it.
ON CONFLICT (namespace_id) DO UPDATE SET since = excluded.since

-- name: namespaces_of
SELECT id FROM fleet.namespace WHERE cluster_id = ANY (%(clusters)s::integer[])
