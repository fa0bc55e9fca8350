-- name: known_texts
-- Returns the numbers of the packages and of the advisories with these keys, in the order given, one after the other;
-- the places, from 0, of advisories that are known with another text; and the numbers of the words of severity, which
-- are added. What is new has a negative number, and rises in the order given: lists are in the order of these numbers.
-- A key is 16 bytes; packages are given by their names, too.
WITH packages AS (
    SELECT p.id
    FROM (
        SELECT n, name, substring(%(package_keys)b::bytea FROM 16 * n::integer - 15 FOR 16) AS key
        FROM unnest(%(packages)b::text[]) WITH ORDINALITY AS u (name, n)
    ) AS g
    LEFT JOIN records.package AS p USING (name, key)
    ORDER BY g.n
), advisories AS (
    SELECT g.n, a.id, g.text_key, a.text_key AS held_text_key
    FROM (
        SELECT n, substring(%(advisory_keys)b::bytea FROM 16 * n + 1 FOR 16) AS key,
            substring(%(text_keys)b::bytea FROM 16 * n + 1 FOR 16) AS text_key
        FROM generate_series(0, %(advisories)s - 1) AS n
    ) AS g
    LEFT JOIN records.advisory AS a USING (key)
    ORDER BY g.n
), words AS (
    SELECT *
    FROM unnest(%(words)b::text[], %(severities)b::smallint[]) WITH ORDINALITY AS g (word, severity, place)
), added_words AS (
    INSERT INTO records.severity_word (word, severity)
    SELECT word, severity
    FROM words AS g
    WHERE NOT EXISTS (SELECT FROM records.severity_word AS w WHERE w.word = g.word)
    RETURNING word, id
)
SELECT
    (SELECT string_agg(int4send(coalesce(id, -nextval('records.package_id_seq'))::integer), '') FROM packages),
    n.numbers, n.changed,
    ARRAY (
        SELECT coalesce(-d.id, w.id)
        FROM words AS g
        LEFT JOIN added_words AS d USING (word)
        LEFT JOIN records.severity_word AS w USING (word)
        ORDER BY g.place)
FROM (
    SELECT string_agg(int4send(coalesce(id, -nextval('records.advisory_id_seq'))::integer), '') AS numbers,
        array_agg(n) FILTER (WHERE text_key <> held_text_key) AS changed
    FROM advisories
) AS n

-- name: add_packages
COPY records.package (id, key, name, version, type, purl, path) FROM STDIN (FORMAT binary)

-- name: add_advisories
COPY records.advisory (
    id, key, text_key, name, feed, identity, title, description, links, cwes, score, vector, published_at, made_at)
FROM STDIN (FORMAT binary)

-- name: change_advisories
-- A changed text replaces the one before; a score that is not said any more stays. What counts by another name now, or
-- may address other CVEs, is counted again where it stands.
WITH given AS MATERIALIZED (
    SELECT *
    FROM unnest(
        %(ids)b::integer[], %(text_keys)b::bytea[], %(identities)b::text[], %(titles)b::text[],
        %(descriptions)b::text[], %(links)b::text[], %(cwes)b::text[], %(scores)b::real[],
        %(vectors)b::text[], %(published)b::timestamptz[]
    ) AS g (id, text_key, identity, title, description, links, cwes, score, vector, published_at)
), spoken AS (
    INSERT INTO records.spoken (identity)
    SELECT DISTINCT a.identity
    FROM given AS g
    JOIN records.advisory AS a USING (id)
    WHERE a.identity <> g.identity OR a.identity NOT LIKE 'CVE-%%'
)
UPDATE records.advisory AS a
SET text_key = g.text_key, identity = g.identity, title = g.title, description = g.description,
    links = string_to_array(g.links, ' '), cwes = string_to_array(g.cwes, ' '),
    score = coalesce(g.score, a.score),
    vector = CASE WHEN g.vector = '' THEN a.vector ELSE g.vector END,
    published_at = coalesce(g.published_at, a.published_at)
FROM given AS g
WHERE a.id = g.id

-- name: settle_identities
-- A name is said in several feeds, and only some say which CVE it is: where no other is said, it counts as that one. What
-- was stated of it under this name before is counted, too.
WITH said AS MATERIALIZED (
    SELECT a.name, min(a.identity) AS identity
    FROM records.advisory AS a
    WHERE a.name = ANY (%(names)b::text[]) AND a.name <> a.identity
    GROUP BY 1
    HAVING min(a.identity) = max(a.identity)
), settled AS (
    UPDATE records.advisory AS a
    SET identity = s.identity
    FROM said AS s
    WHERE a.identity = s.name AND a.name = s.name
      AND NOT EXISTS (SELECT FROM records.alias AS l WHERE l.advisory_id = a.id)
    RETURNING a.name
)
INSERT INTO records.spoken (identity)
SELECT name FROM settled
UNION
SELECT a.identity
FROM records.advisory AS a
WHERE a.name = ANY (%(names)b::text[]) AND a.name <> a.identity
  AND EXISTS (SELECT FROM records.statement AS s WHERE s.names && ARRAY[a.name])

-- name: add_aliases
INSERT INTO records.alias (name, advisory_id)
SELECT name, advisory_id
FROM unnest(%(names)b::text[], %(advisories)b::integer[]) AS g (name, advisory_id)
ON CONFLICT DO NOTHING
