-- name: keep_subjects
-- Returns the id of the source, then the ids in the order given, and which are new. An image is its digest; its name
-- and tag are the latest. Without a digest it is its name and tag.
WITH source AS (
    INSERT INTO records.source (name)
    SELECT %(source)s
    WHERE NOT EXISTS (SELECT FROM records.source WHERE name = %(source)s)
    RETURNING id
), given AS (
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
    JOIN records.subject AS s ON s.kind = g.kind AND s.name = g.name AND s.tag = g.tag AND s.digest = ''
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
    RETURNING id, kind, name, digest, tag
)
SELECT 0, id, true FROM source
UNION ALL
SELECT 0, id, false FROM records.source WHERE name = %(source)s
UNION ALL
SELECT k.place, k.id, false FROM known AS k
UNION ALL
SELECT g.place, a.id, true
FROM given AS g
JOIN added AS a ON a.kind = g.kind AND a.digest = g.digest AND a.name = g.name AND a.tag = g.tag
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

-- name: keep_looks
-- Each look is a row, with nothing for no findings that opened, closed or changed; what the scan holds is counted anew where it changed, and its document kept.
WITH looked AS (
    SELECT *
    FROM unnest(
        %(scans)b::integer[], %(digests)b::bytea[], %(opened)b::integer[], %(closed)b::integer[],
        %(changed)b::integer[], %(scanners)b::text[], %(databases)b::text[], %(bodies)b::bytea[]
    ) AS l (scan_id, digest, opened, closed, changed, scanner_version, database_version, body)
), counted AS (
    SELECT f.scan_id,
        ARRAY[
            count(*) FILTER (WHERE f.severity = 0), count(*) FILTER (WHERE f.severity = 1),
            count(*) FILTER (WHERE f.severity = 2), count(*) FILTER (WHERE f.severity = 3),
            count(*) FILTER (WHERE f.severity = 4), count(*) FILTER (WHERE f.severity = 5),
            count(*) FILTER (WHERE f.severity = 6)] AS counts,
        count(*) FILTER (WHERE f.fixed_in <> '') AS fixable
    FROM records.finding AS f
    WHERE f.scan_id IN (SELECT scan_id FROM looked WHERE coalesce(opened, closed, changed) IS NOT NULL)
      AND f.fixed_at IS NULL AND f.suppressed = ''
    GROUP BY f.scan_id
), logged AS (
    INSERT INTO records.report (at, scan_id, opened, closed, changed)
    SELECT %(at)s, scan_id, opened, closed, changed
    FROM looked
), brought AS (
    INSERT INTO records.document (scan_id, kind, received_at, body)
    SELECT scan_id, %(kind)s, %(now)s, body
    FROM looked
    WHERE body IS NOT NULL
    ON CONFLICT (scan_id) DO UPDATE
    SET kind = excluded.kind, received_at = excluded.received_at, body = excluded.body
)
UPDATE records.scan AS s
SET last_at = %(at)s,
    digest = l.digest,
    kind = %(kind)s,
    scanner_version = l.scanner_version,
    database_version = l.database_version,
    counts = CASE
        WHEN coalesce(l.opened, l.closed, l.changed) IS NULL THEN s.counts
        ELSE coalesce(c.counts, '{0,0,0,0,0,0,0}') END,
    fixable = CASE
        WHEN coalesce(l.opened, l.closed, l.changed) IS NULL THEN s.fixable
        ELSE coalesce(c.fixable, 0) END
FROM looked AS l
LEFT JOIN counted AS c USING (scan_id)
WHERE s.id = l.scan_id
