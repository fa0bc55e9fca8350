-- name: hold
-- Findings are merged one snapshot at a time: what two at once would add, each adds once, and in no
-- order could they wait for each other. Returns whether this connection has the table that findings are given in.
-- What runs in no namespace is counted again when this number differs from the one that was counted.
WITH counted_again AS (
    UPDATE records.unplaced
    SET changes = changes + 1
    WHERE what = 'scans'
)
SELECT to_regclass('pg_temp.given') IS NOT NULL, pg_advisory_xact_lock(%(number)s),
    (SELECT sum(records.make_months(t, t)) FROM unnest(%(times)s::timestamptz[]) AS t),
    set_config('work_mem', '64MB', true), set_config('jit', 'off', true)

-- name: make_given
-- A row a finding; the texts of a package and of an advisory stand in the first row that names them.
CREATE TEMPORARY TABLE given (
    scan_id integer NOT NULL,
    package_key bytea NOT NULL,
    advisory_key bytea NOT NULL,
    severity smallint NOT NULL,
    word_id smallint NOT NULL,
    fixed_in text NOT NULL,
    fix_state text NOT NULL,
    suppressed text NOT NULL,
    package text,
    version text,
    type text,
    purl text,
    path text,
    text_key bytea,
    name text,
    feed text,
    identity text,
    title text,
    description text,
    links text,
    cwes text,
    score real,
    vector text,
    published_at timestamptz
) ON COMMIT DELETE ROWS

-- name: keep_words
-- Returns the sources and the words of severity as (text, id, is_new); a source comes first. What another source was
-- given in this transaction is merged by now.
WITH emptied AS (
    DELETE FROM pg_temp.given
), source AS (
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
