-- name: mark
-- Names of any kind: of a vulnerability, or under which it is found elsewhere.
WITH said AS MATERIALIZED (
    SELECT DISTINCT unnest(%(names)s::text[]) AS name
)
INSERT INTO records.spoken (identity)
SELECT name FROM said
UNION
SELECT a.identity
FROM said
JOIN records.advisory AS a ON a.name = said.name AND a.name <> a.identity
UNION
SELECT a.identity
FROM said
JOIN records.alias AS l USING (name)
JOIN records.advisory AS a ON a.id = l.advisory_id

-- name: take_spoken
-- Where something decided or stated anew stands open, and where what was decided is so no longer. A namespace NULL is
-- what runs in none. Of the row of decisions `at` says up to when their ends are counted.
WITH taken AS (
    DELETE FROM records.spoken
    RETURNING identity
), over AS MATERIALIZED (
    -- Also a decision that something does apply: another one may reach it then.
    SELECT t.identity
    FROM records.unplaced AS u
    JOIN records.triage AS t ON t.until > coalesce(u.at, '-infinity') AND t.until <= %(now)s
    WHERE u.what = 'decisions' AND t.ended_at IS NULL
), noted AS (
    UPDATE records.unplaced
    SET at = %(now)s
    WHERE what = 'decisions' AND EXISTS (SELECT FROM over)
)
SELECT e.namespace_id
FROM (SELECT identity FROM taken UNION SELECT identity FROM over) AS spoken
JOIN records.exposure AS e USING (identity)
WHERE e.ended_at IS NULL
UNION
SELECT namespace_id
FROM records.exposure
WHERE ended_at IS NULL AND covered_until > '-infinity' AND covered_until < 'infinity'
  AND covered_until <= %(now)s

-- name: decided
UPDATE records.unplaced
SET changes = changes + 1
WHERE what = 'decisions'

-- name: take
-- Those that a merge has marked and not committed are left for the next time.
DELETE FROM records.recount
WHERE namespace_id IN (
    SELECT namespace_id
    FROM records.recount
    ORDER BY since, namespace_id
    LIMIT %(most)s
    FOR UPDATE SKIP LOCKED)
RETURNING namespace_id

-- name: unplaced_is_due
-- Something changed since, and counting took so little that it may be done again.
SELECT d.changes <> (SELECT sum(changes) FROM records.unplaced WHERE what <> 'counted')
    AND (d.at IS NULL OR d.at > %(now)s OR d.at + d.took_ms * interval '20 ms' <= %(now)s)
FROM records.unplaced AS d
WHERE d.what = 'counted'

-- name: unplaced_changes
SELECT sum(changes)::bigint FROM records.unplaced WHERE what <> 'counted'

-- name: unplaced_counted
UPDATE records.unplaced
SET changes = %(changes)s, at = %(now)s, took_ms = %(took_ms)s
WHERE what = 'counted'

-- name: find_in_namespaces
-- What was found before its image came to the namespace is seen there since then.
CREATE TEMPORARY TABLE found AS
SELECT r.namespace_id AS place, r.subject_id, false AS is_host, f.package_id, f.advisory_id, a.identity, f.severity,
    f.fixed_in <> '' AS fixable, f.since_at, greatest(f.first_seen_at, r.came_at) AS first_seen_at
FROM (
    SELECT namespace_id, subject_id, min(first_seen_at) AS came_at
    FROM records.presence
    WHERE namespace_id = ANY (%(namespaces)s::integer[]) AND gone_at IS NULL
    GROUP BY 1, 2
) AS r
JOIN records.scan AS s ON s.subject_id = r.subject_id
JOIN records.finding AS f ON f.scan_id = s.id AND f.fixed_at IS NULL AND f.suppressed = ''
JOIN records.advisory AS a ON a.id = f.advisory_id

-- name: find_unplaced
-- Of what never ran in a namespace, what each source looked at last under a name.
CREATE TEMPORARY TABLE found AS
SELECT 0 AS place, s.subject_id, s.kind = 'host' AS is_host, f.package_id, f.advisory_id, a.identity, f.severity,
    f.fixed_in <> '' AS fixable, f.since_at, f.first_seen_at
FROM (
    SELECT DISTINCT ON (c.source_id, j.kind, j.name) c.id, c.subject_id, j.kind
    FROM records.scan AS c
    JOIN records.subject AS j ON j.id = c.subject_id
    ORDER BY c.source_id, j.kind, j.name, c.last_at DESC, c.id DESC
) AS s
JOIN records.finding AS f ON f.scan_id = s.id AND f.fixed_at IS NULL AND f.suppressed = ''
JOIN records.advisory AS a ON a.id = f.advisory_id
WHERE NOT EXISTS (SELECT FROM records.presence AS p WHERE p.subject_id = s.subject_id)

-- name: find_runs
-- Pods that hold one of the images are counted by image; those that hold several are kept, to be counted once. A workload
-- counts as a pod where no source names the pods of its image.
CREATE TEMPORARY TABLE run AS
WITH pod AS (
    SELECT namespace_id AS place, coalesce(nullif(pod, ''), workload) AS pod,
        array_agg(DISTINCT subject_id) AS subjects
    FROM (
        SELECT namespace_id, subject_id, pod, workload,
            bool_or(pod <> '') OVER (PARTITION BY namespace_id, subject_id) AS has_pods
        FROM records.presence
        WHERE namespace_id = ANY (%(namespaces)s::integer[]) AND gone_at IS NULL
    ) AS p
    WHERE pod <> '' OR NOT has_pods
    GROUP BY 1, 2
)
SELECT place, subjects[1] AS subject_id, NULL AS pod, count(*) AS pods
FROM pod
WHERE cardinality(subjects) = 1 AND pod <> ''
GROUP BY 1, 2
UNION ALL
SELECT place, unnest(subjects), pod, 1
FROM pod
WHERE cardinality(subjects) > 1 AND pod <> ''

-- name: judge
-- Until when each vulnerability that anybody decided or stated something of is covered, all its findings together.
CREATE TEMPORARY TABLE verdict AS
WITH standing AS MATERIALIZED (
    SELECT DISTINCT identity FROM found
), spoken AS MATERIALIZED (
    SELECT i.identity, n.names
    FROM standing AS i
    CROSS JOIN LATERAL (
        SELECT CASE WHEN (SELECT EXISTS (SELECT FROM records.statement)) THEN records.names_of(i.identity) END
        OFFSET 0
    ) AS n (names)
    WHERE EXISTS (SELECT FROM records.triage AS t WHERE t.identity = i.identity AND t.ended_at IS NULL)
       OR EXISTS (SELECT FROM records.statement AS s WHERE s.names && n.names)
)
SELECT f.place, f.identity, min(CASE
        WHEN t.decision IN ('accepted', 'false_positive', 'not_affected') THEN coalesce(t.until, 'infinity')
        WHEN t.id IS NULL AND v.status IN ('not_affected', 'fixed') THEN 'infinity'
        ELSE '-infinity'
    END::timestamptz) AS covered_until
FROM found AS f
JOIN spoken USING (identity)
JOIN records.subject AS j ON j.id = f.subject_id
JOIN records.package AS k ON k.id = f.package_id
LEFT JOIN LATERAL records.triage_of(f.identity, k.name, nullif(f.place, 0), j.name, %(now)s) AS t ON true
LEFT JOIN LATERAL records.statement_of(
    spoken.names, records.subject_keys(j.name, j.digest, j.tag),
    records.package_keys(k.name, k.version, k.purl)) AS v ON true
GROUP BY 1, 2

-- name: count
CREATE TEMPORARY TABLE counted AS
WITH subject AS MATERIALIZED (
    SELECT place, identity, subject_id, is_host, max(severity) AS severity, bool_or(fixable) AS fixable,
        min(since_at) AS since_at, min(first_seen_at) AS first_seen_at
    FROM found
    GROUP BY 1, 2, 3, 4
), pod AS (
    SELECT s.place, s.identity,
        (coalesce(sum(r.pods) FILTER (WHERE r.pod IS NULL), 0) + count(DISTINCT r.pod))::integer AS pods
    FROM subject AS s
    JOIN run AS r USING (place, subject_id)
    GROUP BY 1, 2
), grouped AS (
    SELECT place, identity, max(severity) AS severity, bool_or(fixable) AS fixable,
        count(*)::integer AS images, count(*) FILTER (WHERE is_host)::integer AS hosts,
        min(since_at) AS since_at, min(first_seen_at) AS first_seen_at
    FROM subject
    GROUP BY 1, 2
)
SELECT g.*, coalesce(p.pods, 0) AS pods, coalesce(v.covered_until, '-infinity') AS covered_until
FROM grouped AS g
LEFT JOIN pod AS p USING (place, identity)
LEFT JOIN verdict AS v USING (place, identity)

-- name: hold
CREATE TEMPORARY TABLE held AS
SELECT e.*, coalesce(e.namespace_id, 0) AS place
FROM records.exposure AS e
WHERE e.ended_at IS NULL
  AND (e.namespace_id = ANY (%(namespaces)s::integer[]) OR %(unplaced)s AND e.namespace_id IS NULL)

-- name: settle
-- What is new opens, what differs changes, what is gone ends.
CREATE TEMPORARY TABLE happened AS
SELECT c.place, c.identity, c.severity, true AS opened, NULL::smallint AS was, NULL::bigint AS id
FROM counted AS c
LEFT JOIN held AS h USING (place, identity)
WHERE h.id IS NULL
UNION ALL
SELECT h.place, h.identity, h.severity, false, NULL, h.id
FROM held AS h
LEFT JOIN counted AS c USING (place, identity)
WHERE c.identity IS NULL
UNION ALL
SELECT h.place, h.identity, c.severity, NULL, h.severity, h.id
FROM held AS h
JOIN counted AS c USING (place, identity)
WHERE (h.severity, h.fixable, h.images, h.pods, h.hosts, h.covered_until)
      <> (c.severity, c.fixable, c.images, c.pods, c.hosts, c.covered_until)
   OR c.since_at < h.since_at

-- name: open_new
INSERT INTO records.exposure (
    namespace_id, identity, severity, fixable, images, pods, hosts, since_at, first_seen_at, covered_until)
SELECT nullif(c.place, 0), c.identity, c.severity, c.fixable, c.images, c.pods, c.hosts, c.since_at,
    c.first_seen_at, c.covered_until
FROM counted AS c
JOIN happened AS h USING (place, identity)
WHERE h.opened

-- name: end_gone
UPDATE records.exposure AS e
SET ended_at = greatest(%(now)s, e.first_seen_at)
FROM happened AS h
WHERE h.id = e.id AND NOT h.opened

-- name: change
UPDATE records.exposure AS e
SET severity = c.severity, fixable = c.fixable, images = c.images, pods = c.pods, hosts = c.hosts,
    since_at = least(e.since_at, c.since_at), covered_until = c.covered_until
FROM happened AS h
JOIN counted AS c USING (place, identity)
WHERE h.id = e.id AND h.opened IS NULL

-- name: note_severities
INSERT INTO records.severity_change (at, namespace_id, identity, was, became)
SELECT %(now)s, nullif(place, 0), identity, was, severity
FROM happened
WHERE opened IS NULL AND was <> severity

-- name: keep_tallies
-- What stands in these namespaces is kept by severity, for whoever asks for all of them at once.
INSERT INTO records.tally AS t (namespace_id, pairs, images, vulnerabilities)
SELECT n.id, h.pairs, coalesce(h.images, 0), coalesce(s.numbers, '{0,0,0,0,0,0,0}')
FROM fleet.namespace AS n
LEFT JOIN records.held_in(%(namespaces)s::integer[], %(source)s) AS h ON h.namespace_id = n.id
LEFT JOIN (
    SELECT e.namespace_id,
        ARRAY[
            count(*) FILTER (WHERE e.severity = 0), count(*) FILTER (WHERE e.severity = 1),
            count(*) FILTER (WHERE e.severity = 2), count(*) FILTER (WHERE e.severity = 3),
            count(*) FILTER (WHERE e.severity = 4), count(*) FILTER (WHERE e.severity = 5),
            count(*) FILTER (WHERE e.severity = 6)]::integer[] AS numbers
    FROM records.exposure AS e
    WHERE e.namespace_id = ANY (%(namespaces)s::integer[]) AND e.ended_at IS NULL
      AND e.covered_until <= %(now)s
    GROUP BY 1
) AS s ON s.namespace_id = n.id
WHERE n.id = ANY (%(namespaces)s::integer[])
ON CONFLICT (namespace_id) DO UPDATE
SET pairs = excluded.pairs, images = excluded.images, vulnerabilities = excluded.vulnerabilities
WHERE (t.pairs, t.images, t.vulnerabilities)
      IS DISTINCT FROM (excluded.pairs, excluded.images, excluded.vulnerabilities)

-- name: rank
-- Each vulnerability that happened to is put where it belongs among all; as of where it is not covered, if it is not
-- everywhere. An erratum about several CVEs is as exploited, and as likely to be, as the worst of them.
WITH touched AS MATERIALIZED (
    SELECT DISTINCT identity FROM happened
), open AS (
    SELECT e.*, e.covered_until <= %(now)s AS counts
    FROM touched
    JOIN records.exposure AS e USING (identity)
    WHERE e.ended_at IS NULL
), standing AS (
    SELECT identity, max(severity) AS severity, bool_or(fixable) AS fixable,
        bool_or(namespace_id IS NOT NULL OR hosts > 0) AS is_running,
        count(namespace_id)::integer AS namespaces, sum(pods)::integer AS pods,
        sum(hosts)::integer AS hosts, min(since_at) AS since_at, min(covered_until) AS covered_until
    FROM (
        SELECT *, bool_or(counts) OVER (PARTITION BY identity) AS any_counts
        FROM open
    ) AS o
    WHERE counts OR NOT any_counts
    GROUP BY 1
), known AS (
    SELECT s.identity, bool_or(k.cve IS NOT NULL) AS is_exploited, max(e.percentile) AS percentile
    FROM (
        SELECT identity, identity AS cve FROM standing
        UNION
        SELECT s.identity, l.name
        FROM standing AS s
        JOIN records.advisory AS a USING (identity)
        JOIN records.alias AS l ON l.advisory_id = a.id
        WHERE s.identity NOT LIKE 'CVE-%%'
    ) AS s
    LEFT JOIN records.kev AS k USING (cve)
    LEFT JOIN records.epss AS e USING (cve)
    GROUP BY 1
), gone AS (
    DELETE FROM records.priority AS p
    USING touched AS t
    WHERE p.identity = t.identity AND NOT EXISTS (SELECT FROM standing AS s WHERE s.identity = t.identity)
)
INSERT INTO records.priority (
    identity, rank, severity, fixable, percentile, is_running, namespaces, pods, hosts, since_at,
    covered_until)
SELECT s.identity,
    records.rank_of(k.is_exploited, s.is_running, coalesce(k.percentile, 0), s.severity, s.fixable),
    s.severity, s.fixable, coalesce(k.percentile, 0), s.is_running, s.namespaces, s.pods, s.hosts,
    s.since_at, s.covered_until
FROM standing AS s
JOIN known AS k USING (identity)
ON CONFLICT (identity) DO UPDATE
SET rank = excluded.rank, severity = excluded.severity, fixable = excluded.fixable,
    percentile = excluded.percentile, is_running = excluded.is_running,
    namespaces = excluded.namespaces, pods = excluded.pods, hosts = excluded.hosts,
    since_at = excluded.since_at, covered_until = excluded.covered_until

-- name: rank_by_knowledge
-- What others know changed; only what moves by it is written.
WITH known AS MATERIALIZED (
    SELECT o.identity, bool_or(k.cve IS NOT NULL) AS is_exploited, coalesce(max(e.percentile), 0) AS percentile
    FROM (
        SELECT identity, identity AS cve FROM records.priority
        UNION ALL
        SELECT p.identity, l.name
        FROM records.priority AS p
        JOIN records.advisory AS a USING (identity)
        JOIN records.alias AS l ON l.advisory_id = a.id
        WHERE p.identity NOT LIKE 'CVE-%%'
    ) AS o
    LEFT JOIN (SELECT DISTINCT cve FROM records.kev) AS k USING (cve)
    LEFT JOIN records.epss AS e USING (cve)
    GROUP BY 1
)
UPDATE records.priority AS p
SET rank = n.rank, percentile = n.percentile
FROM (
    SELECT o.identity, k.percentile,
        records.rank_of(k.is_exploited, o.is_running, k.percentile, o.severity, o.fixable) AS rank
    FROM records.priority AS o
    JOIN known AS k USING (identity)
) AS n
WHERE n.identity = p.identity AND (n.rank, n.percentile) <> (p.rank, p.percentile)

-- name: drop_tables
DROP TABLE found, run, verdict, counted, held, happened
