-- The functions of records that the application calls.

-- Months of `report` and `daily` are made by the application, which may not run DDL itself. What lies before 2020
-- has one partition for all.
CREATE OR REPLACE FUNCTION records.make_months(first timestamptz, last timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    month date;
    name text;
    made integer := 0;
BEGIN
    FOR month IN
        SELECT generate_series(
            date_trunc('month', greatest(first, '2020-01-01+00') AT TIME ZONE 'UTC'),
            last AT TIME ZONE 'UTC', interval '1 month')::date
    LOOP
        name := to_char(month, 'YYYYMM');
        CONTINUE WHEN to_regclass('records.report_' || name) IS NOT NULL
            AND to_regclass('records.daily_' || name) IS NOT NULL;
        PERFORM pg_advisory_xact_lock(hashtext('vedette.records.months'));
        -- They are kept for different times: of an old month one may stand while the other was dropped.
        IF to_regclass('records.report_' || name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE records.%I PARTITION OF records.report FOR VALUES FROM (%L) TO (%L)', 'report_' || name,
                month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
            made := made + 1;
        END IF;
        IF to_regclass('records.daily_' || name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE records.%I PARTITION OF records.daily FOR VALUES FROM (%L) TO (%L)', 'daily_' || name,
                month, (month + interval '1 month')::date);
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;

-- Clusters whose records of a kind are shown: every one, or, as Dash.DB has it, those that the newest complete snapshot
-- names and what came later.
CREATE OR REPLACE FUNCTION records.shown_clusters(kind text) RETURNS TABLE (cluster_id integer)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 20 SET search_path = pg_catalog AS $$
    SELECT l.cluster_id
    FROM records.latest AS l
    WHERE l.kind = shown_clusters.kind
      AND (
          NOT EXISTS (SELECT FROM records.compat AS c WHERE c.latest_per_scope)
          OR l.opened_at >= coalesce(
              (
                  SELECT max(s.opened_at)
                  FROM records.snapshot AS s
                  WHERE s.kind = shown_clusters.kind AND s.closed_at IS NOT NULL AND s.complete
              ), '-infinity'))
$$;

-- What runs in these namespaces, by severity: pairs of a vulnerability and a pod, as Dash.DB counts (what that source's
-- scans hold, times the pods of their images), and the images that have any. Without settings of its own it is planned
-- as a part of whoever asks.
CREATE OR REPLACE FUNCTION records.held_in(namespaces integer[], source text)
RETURNS TABLE (namespace_id integer, pairs bigint[], images integer)
LANGUAGE sql STABLE ROWS 50 AS $$
    SELECT h.namespace_id,
        ARRAY[
            sum(h.pods * k.counts[1]), sum(h.pods * k.counts[2]), sum(h.pods * k.counts[3]),
            sum(h.pods * k.counts[4]), sum(h.pods * k.counts[5]), sum(h.pods * k.counts[6]),
            sum(h.pods * k.counts[7])]::bigint[],
        count(DISTINCT h.subject_id)::integer
    FROM (
        SELECT p.namespace_id, p.subject_id, o.source_id,
            count(DISTINCT p.pod) FILTER (WHERE p.pod <> '' AND p.source_id = o.source_id) AS pods
        FROM records.presence AS p
        CROSS JOIN (SELECT (SELECT s.id FROM records.source AS s WHERE s.name = held_in.source) AS source_id) AS o
        WHERE p.gone_at IS NULL AND p.namespace_id = ANY (held_in.namespaces)
        GROUP BY 1, 2, 3
    ) AS i
    JOIN records.scan AS k ON k.subject_id = i.subject_id AND k.counts <> '{0,0,0,0,0,0,0}'
    CROSS JOIN LATERAL (
        SELECT i.namespace_id, i.subject_id, CASE WHEN k.source_id = i.source_id THEN i.pods ELSE 0 END AS pods
    ) AS h
    GROUP BY 1
$$;

-- How objects stand and stood to checks: of one place, kind, name, check and source, and of whom the place belongs to.
-- NULL is any. Without settings of its own it is planned as a part of whoever asks.
CREATE OR REPLACE FUNCTION records.validations_of(
    of_cluster text, of_namespace text, of_service text, of_team text, of_kind text, of_name text, of_check text,
    of_source text)
RETURNS TABLE (
    id bigint, object_id integer, cluster_id integer, cluster text, namespace_id integer, namespace text, kind text,
    name text, check_id integer, "check" text, description text, remediation text, source_id smallint, source text,
    passed boolean, contradicted boolean, word text, message text, since_at timestamptz, until_at timestamptz)
LANGUAGE sql STABLE ROWS 1000 AS $$
    SELECT v.id, o.id, c.id, c.name, o.namespace_id, coalesce(n.name, ''), o.kind, o.name, k.id, k.name, k.description,
        k.remediation, s.id, s.name, v.passed, v.contradicted, v.word, v.message, v.since_at, v.until_at
    FROM records.validation AS v
    JOIN records.object AS o ON o.id = v.object_id
    JOIN records.check_kind AS k ON k.id = v.check_id
    JOIN records.source AS s ON s.id = v.source_id
    JOIN fleet.cluster AS c ON c.id = o.cluster_id
    LEFT JOIN fleet.namespace AS n ON n.id = o.namespace_id
    WHERE (of_cluster IS NULL OR c.name = of_cluster)
      AND (of_namespace IS NULL OR coalesce(n.name, '') = of_namespace)
      AND (of_kind IS NULL OR o.kind = of_kind)
      AND (of_name IS NULL OR o.name = of_name)
      AND (of_check IS NULL OR k.name = of_check)
      AND (of_source IS NULL OR s.name = of_source)
      AND (
          of_service IS NULL AND of_team IS NULL
          OR o.namespace_id IN (
              SELECT l.namespace_id
              FROM fleet.service_namespace AS l
              JOIN fleet.service AS f ON f.id = l.service_id
              WHERE (of_service IS NULL OR f.name = of_service) AND (of_team IS NULL OR f.team = of_team)))
$$;
