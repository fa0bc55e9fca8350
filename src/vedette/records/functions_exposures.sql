-- What is decided of findings, in what order they are mended, and how long history is kept.

-- What is mended first: 1 exploited and running, 2 exploited, 3 likely to be, 4 critical with a fix, 5 the rest.
CREATE OR REPLACE FUNCTION records.rank_of(
    is_exploited boolean, is_running boolean, percentile real, severity smallint, fixable boolean
) RETURNS smallint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN is_exploited AND is_running THEN 1
        WHEN is_exploited THEN 2
        WHEN percentile >= 0.95::real THEN 3
        WHEN severity >= 5 AND fixable THEN 4
        ELSE 5
    END::smallint
$$;

-- The CVEs that a vulnerability is about: itself, or those that an erratum addresses.
CREATE OR REPLACE FUNCTION records.cves_of(of_identity text) RETURNS SETOF text
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT of_identity
    UNION
    SELECT l.name
    FROM records.advisory AS a
    JOIN records.alias AS l ON l.advisory_id = a.id
    WHERE a.identity = of_identity AND of_identity NOT LIKE 'CVE-%'
$$;

-- The package URL without qualifiers and subpath, as statements name it.
CREATE OR REPLACE FUNCTION records.bare_purl(purl text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(replace(split_part(split_part(purl, '#', 1), '?', 1), '%40', '@'), '%3A', ':')
$$;

-- The same, with what may be written either way as it is; see records/vex_rules.py.
CREATE OR REPLACE FUNCTION records.plain_purl(purl text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN strpos(purl, '%') = 0 THEN records.bare_purl(purl)
        ELSE replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(
            records.bare_purl(purl), '%3a', ':'), '%2B', '+'), '%2b', '+'), '%7E', '~'), '%7e', '~'), '%5E', '^'),
            '%5e', '^'), '%2F', '/'), '%2f', '/'), '%20', ' ')
    END
$$;

-- Under which keys statements speak of a package; see records/vex_rules.py. Those that were read long ago are kept as
-- their documents write them.
CREATE OR REPLACE FUNCTION records.package_keys(name text, version text, purl text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY[name, name || '@' || version]
        || CASE
            WHEN purl = '' THEN '{}'
            ELSE ARRAY[
                records.plain_purl(purl), regexp_replace(records.plain_purl(purl), '@[^@/]*$', ''),
                records.bare_purl(purl)]
        END
$$;

-- Every name that says the same: of a CVE those of all advisories that count as it.
CREATE OR REPLACE FUNCTION records.names_of(of_identity text) RETURNS text[]
LANGUAGE sql STABLE AS $$
    SELECT ARRAY(
        SELECT of_identity
        UNION
        SELECT a.name FROM records.advisory AS a WHERE a.identity = of_identity
        UNION
        SELECT l.name
        FROM records.advisory AS a
        JOIN records.alias AS l ON l.advisory_id = a.id
        WHERE a.identity = of_identity AND of_identity LIKE 'CVE-%')
$$;

-- Under which keys statements speak of what was looked at.
CREATE OR REPLACE FUNCTION records.subject_keys(name text, digest text, tag text) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_remove(ARRAY[name, nullif(digest, ''), name || ':' || nullif(tag, '')], NULL)
$$;

-- The decision of ours that holds of a finding: of those that reach it the one that says most exactly where, then the
-- newest.
CREATE OR REPLACE FUNCTION records.triage_of(
    of_identity text, of_package text, of_namespace integer, of_image text, at timestamptz
) RETURNS SETOF records.triage
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT t.*
    FROM records.triage AS t
    WHERE t.identity = of_identity
      AND t.ended_at IS NULL
      AND t.made_at <= at
      AND (t.until IS NULL OR t.until > at)
      AND t.package IN ('', of_package)
      AND t.image IN ('', of_image)
      AND (t.namespace_id IS NULL OR t.namespace_id = of_namespace)
      AND (
          t.service_id IS NULL
          OR EXISTS (
              SELECT FROM fleet.service_namespace AS sn
              WHERE sn.service_id = t.service_id AND sn.namespace_id = of_namespace))
    ORDER BY (t.image <> '') DESC, (t.namespace_id IS NOT NULL) DESC, (t.service_id IS NOT NULL) DESC,
        (t.package <> '') DESC, t.made_at DESC, t.id DESC
    LIMIT 1
$$;

-- What a supplier states of a finding: the newest statement that reaches it.
CREATE OR REPLACE FUNCTION records.statement_of(
    of_names text[], of_subject text[], of_package text[]
) RETURNS SETOF records.statement
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT s.*
    FROM records.statement AS s
    WHERE s.names && of_names
      AND (s.product_keys = '{}' OR s.product_keys && of_subject OR s.product_keys && of_package)
      AND (s.component_keys = '{}' OR s.component_keys && of_package)
    ORDER BY s.at DESC, s.id DESC
    LIMIT 1
$$;

-- Months of a history that end before that day are dropped; the application may not run DDL itself.
CREATE OR REPLACE FUNCTION records.drop_months(history text, before date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    month text;
    dropped integer := 0;
BEGIN
    IF history NOT IN ('report', 'daily') THEN
        RAISE EXCEPTION 'there is no history %', history;
    END IF;
    FOR month IN
        SELECT c.relname
        FROM pg_inherits AS i
        JOIN pg_class AS c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass('records.' || history)
          AND c.relname ~ '_\d{6}$'
          AND (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month')::date <= before
    LOOP
        EXECUTE format('DROP TABLE records.%I', month);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
