-- What dashboards made for Dash.DB ask: its two functions, and its tables as views. A contract, too: columns are added
-- at the end or not at all. Joining all of them to list vulnerabilities reads every finding; get_vulnerabilities() does not.

-- Clusters whose records of a kind are shown, as records.shown_clusters() has it; a view may not call that one for
-- somebody who may not.
CREATE OR REPLACE VIEW records.shown_cluster AS
SELECT l.kind, l.cluster_id
FROM records.latest AS l
WHERE NOT EXISTS (SELECT FROM records.compat AS c WHERE c.latest_per_scope)
   OR l.opened_at >= coalesce(
       (
           SELECT max(s.opened_at)
           FROM records.snapshot AS s
           WHERE s.kind = l.kind AND s.closed_at IS NOT NULL AND s.complete
       ), '-infinity');

-- ── the functions ────────────────────────────────────────────────────────────────────────────────

-- What Quay's operator found in the images that run in a namespace; by index all the way, from the namespace to what
-- runs there, its scans and their open findings.
CREATE OR REPLACE FUNCTION records.quay_findings(of_cluster text, of_namespace text)
RETURNS TABLE (
    subject_id integer, pods bigint, package_id integer, advisory_id integer, word_id smallint, severity smallint,
    fixed_in text)
LANGUAGE sql STABLE ROWS 100 SET search_path = pg_catalog SET jit = off AS $$
    WITH quay AS MATERIALIZED (
        SELECT id FROM records.source WHERE name = 'quay-cso'
    ), place AS MATERIALIZED (
        SELECT n.id
        FROM fleet.cluster AS c
        JOIN fleet.namespace AS n ON n.cluster_id = c.id
        JOIN records.shown_cluster AS x ON x.cluster_id = c.id AND x.kind = 'imagemanifestvuln'
        WHERE c.name = of_cluster AND n.name = of_namespace
    ), runs AS MATERIALIZED (
        SELECT p.subject_id, count(DISTINCT p.pod) AS pods
        FROM records.presence AS p
        WHERE p.namespace_id = (SELECT id FROM place)
          AND p.gone_at IS NULL
          AND p.source_id = (SELECT id FROM quay)
          AND p.pod <> ''
        GROUP BY p.subject_id
    )
    SELECT r.subject_id, r.pods, f.package_id, f.advisory_id, f.word_id, f.severity, f.fixed_in
    FROM runs AS r
    JOIN records.scan AS s ON s.subject_id = r.subject_id AND s.source_id = (SELECT id FROM quay)
    JOIN records.finding AS f ON f.scan_id = s.id AND f.fixed_at IS NULL AND f.suppressed = ''
$$;

CREATE OR REPLACE FUNCTION grafana.get_vulnerabilities(cluster text, namespace text)
RETURNS TABLE (
    repository text, name text, manifest text, affected_pods bigint, vulnerability text, severity text, package text,
    current_version text, fixed_in_version text, link text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT DISTINCT s.name, a.feed, left(s.digest, 14), q.pods, coalesce(nullif(a.title, ''), a.name), w.word, k.name,
        k.version, nullif(q.fixed_in, ''), array_to_string(a.links, ' ')
    FROM records.quay_findings(cluster, namespace) AS q
    JOIN records.subject AS s ON s.id = q.subject_id
    JOIN records.package AS k ON k.id = q.package_id
    JOIN records.advisory AS a ON a.id = q.advisory_id
    JOIN records.severity_word AS w ON w.id = q.word_id
    ORDER BY 1, 3, 7, 8, 5
$$;
COMMENT ON FUNCTION grafana.get_vulnerabilities(text, text)
    IS 'What runs in a namespace and is vulnerable, as Dash.DB told it: a row an image, package and vulnerability.';

CREATE OR REPLACE FUNCTION grafana.get_severity_count(cluster text, namespace text, grade text)
RETURNS TABLE (vulnerability text, feature text, severity text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog SET jit = off AS $$
    SELECT DISTINCT coalesce(nullif(a.title, ''), a.name), k.name, w.word
    FROM records.quay_findings(cluster, namespace) AS q
    JOIN records.package AS k ON k.id = q.package_id
    JOIN records.advisory AS a ON a.id = q.advisory_id
    JOIN records.severity_word AS w ON w.id = q.word_id
    WHERE lower(w.word) = lower(grade)
    ORDER BY 1, 2
$$;
COMMENT ON FUNCTION grafana.get_severity_count(text, text, text)
    IS 'The vulnerabilities of a namespace of one severity, a row for each package; for a gauge that counts them.';

-- ── the tables ───────────────────────────────────────────────────────────────────────────────────

-- What stands belongs to one token of its kind, the newest; each moment of SLO values has one of its own. Open ones
-- are not shown, and uuid opens nothing: it is a digest.
CREATE OR REPLACE VIEW grafana.token AS
SELECT 1::bigint AS id, max(l.opened_at) AS "timestamp", md5('1 ' || max(l.opened_at)::text)::uuid::text AS uuid,
    'CSODataType'::text AS data_type, false AS is_open
FROM records.latest AS l
WHERE l.kind = 'imagemanifestvuln'
HAVING count(*) > 0
UNION ALL
SELECT 2, max(l.opened_at), md5('2 ' || max(l.opened_at)::text)::uuid::text, 'DVODataType', false
FROM records.latest AS l
WHERE l.kind = 'deploymentvalidation'
HAVING count(*) > 0
UNION ALL
SELECT 3, max(s.opened_at), md5('3 ' || max(s.opened_at)::text)::uuid::text, 'DORADataType', false
FROM records.snapshot AS s
WHERE s.kind = 'dora' AND s.closed_at IS NOT NULL
HAVING count(*) > 0
UNION ALL
SELECT (extract(epoch FROM v.at AT TIME ZONE 'UTC') * 1000000)::bigint, v.at, md5('4 ' || v.at::text)::uuid::text,
    'SLODataType', false
FROM records.slo_value AS v
GROUP BY v.at;

CREATE OR REPLACE VIEW grafana.latesttokens AS
SELECT t.id, t.id AS token_id
FROM grafana.token AS t
WHERE t.data_type <> 'SLODataType'
UNION ALL
SELECT 4, (extract(epoch FROM max(v.at) AT TIME ZONE 'UTC') * 1000000)::bigint
FROM records.slo_value AS v
HAVING count(*) > 0;

CREATE OR REPLACE VIEW grafana.cluster AS
SELECT c.id, c.name
FROM fleet.cluster AS c;

CREATE OR REPLACE VIEW grafana.namespace AS
SELECT n.id, n.name, n.cluster_id
FROM fleet.namespace AS n;

CREATE OR REPLACE VIEW grafana.service AS
SELECT s.id, s.name
FROM fleet.service AS s;

CREATE OR REPLACE VIEW grafana.pod AS
SELECT p.id, p.pod AS name, p.namespace_id, 1::bigint AS token_id
FROM records.presence AS p
JOIN fleet.namespace AS n ON n.id = p.namespace_id
JOIN records.shown_cluster AS x ON x.cluster_id = n.cluster_id AND x.kind = 'imagemanifestvuln'
WHERE p.gone_at IS NULL
  AND p.pod <> ''
  AND p.source_id = (SELECT id FROM records.source WHERE name = 'quay-cso');

CREATE OR REPLACE VIEW grafana.podimage AS
SELECT p.id AS pod_id, p.subject_id AS image_id
FROM records.presence AS p
WHERE p.gone_at IS NULL
  AND p.pod <> ''
  AND p.source_id = (SELECT id FROM records.source WHERE name = 'quay-cso');

CREATE OR REPLACE VIEW grafana.image AS
SELECT s.id, s.name, s.digest AS manifest
FROM records.subject AS s
WHERE s.kind = 'image';

-- A package as one image holds it: what is found of it in another may differ.
CREATE OR REPLACE VIEW grafana.feature AS
SELECT DISTINCT (f.scan_id::bigint << 32) | f.package_id AS id, k.name, k.version
FROM records.scan AS s
JOIN records.finding AS f ON f.scan_id = s.id AND f.fixed_at IS NULL
JOIN records.package AS k ON k.id = f.package_id
WHERE s.source_id = (SELECT id FROM records.source WHERE name = 'quay-cso');

CREATE OR REPLACE VIEW grafana.imagefeature AS
SELECT DISTINCT s.subject_id AS image_id, (f.scan_id::bigint << 32) | f.package_id AS feature_id
FROM records.scan AS s
JOIN records.finding AS f ON f.scan_id = s.id AND f.fixed_at IS NULL
WHERE s.source_id = (SELECT id FROM records.source WHERE name = 'quay-cso');

CREATE OR REPLACE VIEW grafana.severity AS
SELECT w.id::integer AS id, w.word AS name
FROM records.severity_word AS w;

CREATE OR REPLACE VIEW grafana.vulnerability AS
SELECT hashint8extended((f.scan_id::bigint << 32) | f.package_id, f.advisory_id) AS id,
    coalesce(nullif(a.title, ''), a.name) AS name, a.description, a.feed AS namespacename,
    nullif(f.fixed_in, '') AS fixedby, array_to_string(a.links, ' ') AS link, f.word_id::integer AS severity_id,
    (f.scan_id::bigint << 32) | f.package_id AS feature_id
FROM records.scan AS s
JOIN records.finding AS f ON f.scan_id = s.id AND f.fixed_at IS NULL AND f.suppressed = ''
JOIN records.advisory AS a ON a.id = f.advisory_id
WHERE s.source_id = (SELECT id FROM records.source WHERE name = 'quay-cso');

CREATE OR REPLACE VIEW grafana.objectkind AS
SELECT DISTINCT hashtext(o.kind) AS id, o.kind AS name
FROM records.object AS o;

CREATE OR REPLACE VIEW grafana.validation AS
SELECT k.id * 2 + s.status AS id, k.name, s.status
FROM records.check_kind AS k
CROSS JOIN (VALUES (0), (1)) AS s (status);

CREATE OR REPLACE VIEW grafana.deploymentvalidation AS
SELECT v.id, o.name, 2::bigint AS token_id, o.namespace_id, hashtext(o.kind) AS objectkind_id,
    v.check_id * 2 + CASE WHEN v.passed THEN 0 ELSE 1 END AS validation_id
FROM records.object AS o
JOIN records.validation AS v ON v.object_id = o.id AND v.until_at IS NULL
JOIN records.shown_cluster AS x ON x.cluster_id = o.cluster_id AND x.kind = 'deploymentvalidation'
WHERE o.namespace_id IS NOT NULL
  AND v.source_id IN (SELECT id FROM records.source WHERE name IN ('dvo', 'kube-linter', 'polaris'));

CREATE OR REPLACE VIEW grafana.slitype AS
SELECT DISTINCT hashtext(s.sli) AS id, s.sli AS name
FROM records.slo AS s;

CREATE OR REPLACE VIEW grafana.slodoc AS
SELECT DISTINCT hashtext(s.document) AS id, s.document AS name
FROM records.slo AS s;

CREATE OR REPLACE VIEW grafana.serviceslo AS
SELECT
    hashint8extended((extract(epoch FROM v.at AT TIME ZONE 'UTC') * 1000000)::bigint, s.id) AS id, s.name, v.value,
    v.target, hashtext(s.sli) AS slitype_id, hashtext(s.document) AS slodoc_id,
    (extract(epoch FROM v.at AT TIME ZONE 'UTC') * 1000000)::bigint AS token_id, s.service_id, s.namespace_id
FROM records.slo_value AS v
JOIN records.slo AS s ON s.id = v.slo_id;

CREATE OR REPLACE VIEW grafana.doradeployment AS
SELECT d.id, d.reason AS trigger_reason, d.app AS app_name, d.environment AS env_name, d.pipeline,
    d.finished_at AS finish_timestamp
FROM records.deployment AS d;

CREATE OR REPLACE VIEW grafana.doracommit AS
SELECT hashtextextended(c.revision || c.repository, c.deployment_id) AS id, c.deployment_id,
    c.at AS "timestamp", c.revision, c.repository AS repo, make_interval(secs => c.lead_s) AS lttc
FROM records.commit AS c;
