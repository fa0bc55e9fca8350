-- name: feed
SELECT name, version, released_at, loaded_at, loaded_by, entries
FROM records.feed
WHERE name = %(name)s

-- name: feeds
SELECT name, version, released_at, loaded_at, loaded_by, entries
FROM records.feed
ORDER BY name

-- name: keep_feed
INSERT INTO records.feed (name, version, released_at, loaded_at, loaded_by, entries)
SELECT %(name)s, %(version)s, %(released)s::timestamptz, %(now)s, s.opened_by, %(entries)s
FROM records.snapshot AS s
WHERE s.id = %(snapshot)s
ON CONFLICT (name) DO UPDATE
SET version = excluded.version, released_at = excluded.released_at, loaded_at = excluded.loaded_at,
    loaded_by = excluded.loaded_by, entries = excluded.entries

-- name: keep_kev
-- The catalogue is what is given: what it lists no longer is taken out. Returns (what, cve) of what changed.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(cves)b::text[], %(added)b::date[], %(due)b::date[], %(ransomware)b::boolean[],
        %(vendors)b::text[], %(products)b::text[], %(titles)b::text[], %(actions)b::text[],
        %(notes)b::text[]
    ) AS g (cve, added_on, due_on, ransomware, vendor, product, title, action, notes)
), left_out AS (
    DELETE FROM records.kev AS k
    WHERE k.catalog = %(catalog)s AND NOT EXISTS (SELECT FROM given AS g WHERE g.cve = k.cve)
    RETURNING k.cve
), changed AS (
    UPDATE records.kev AS k
    SET added_on = g.added_on, due_on = g.due_on, ransomware = g.ransomware, vendor = g.vendor,
        product = g.product, title = g.title, action = g.action, notes = g.notes
    FROM given AS g
    WHERE k.catalog = %(catalog)s AND k.cve = g.cve
      AND (k.added_on, k.due_on, k.ransomware, k.vendor, k.product, k.title, k.action, k.notes)
          IS DISTINCT FROM
          (g.added_on, g.due_on, g.ransomware, g.vendor, g.product, g.title, g.action, g.notes)
    RETURNING k.cve
), added AS (
    INSERT INTO records.kev (
        catalog, cve, added_on, due_on, ransomware, vendor, product, title, action, notes,
        first_loaded_at)
    SELECT %(catalog)s, g.*, %(now)s
    FROM given AS g
    WHERE NOT EXISTS (SELECT FROM records.kev AS k WHERE k.catalog = %(catalog)s AND k.cve = g.cve)
    RETURNING cve
)
SELECT 'added', cve FROM added
UNION ALL
SELECT 'changed', cve FROM changed
UNION ALL
SELECT 'left', cve FROM left_out

-- name: compare_epss
-- How many scores are new, are there no longer, and differ.
SELECT count(*) FILTER (WHERE e.cve IS NULL), count(*) FILTER (WHERE g.cve IS NULL),
    count(*) FILTER (WHERE (g.score, g.percentile) <> (e.score, e.percentile))
FROM unnest(%(cves)b::text[], %(scores)b::real[], %(percentiles)b::real[]) AS g (cve, score, percentile)
FULL JOIN records.epss AS e USING (cve)

-- name: clear_epss
-- Nearly all change every day: adding them anew costs a third of updating each.
DELETE FROM records.epss

-- name: add_epss
INSERT INTO records.epss (cve, score, percentile)
SELECT *
FROM unnest(%(cves)b::text[], %(scores)b::real[], %(percentiles)b::real[])

-- name: listed
SELECT cve, catalog, added_on, due_on, ransomware, vendor, product, title, action, notes
FROM records.kev
WHERE cve = ANY (%(cves)s::text[])
ORDER BY cve, catalog

-- name: scored
SELECT cve, score, percentile
FROM records.epss
WHERE cve = ANY (%(cves)s::text[])
ORDER BY score DESC
LIMIT 1

-- name: notices
SELECT id, at, identity, catalog, added_on, severity, namespaces, images
FROM records.notice
WHERE %(before)s::bigint IS NULL OR id < %(before)s
ORDER BY id DESC
LIMIT %(limit)s
