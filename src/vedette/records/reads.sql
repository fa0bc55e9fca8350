-- name: vulnerabilities
-- One row an image, package and vulnerability, a page of them; pods are counted where they are asked for.
-- Arrays, where IN would say the same: behind an OR the planner takes an array to an index, and a query never.
WITH place AS MATERIALIZED (
    SELECT n.id
    FROM fleet.namespace AS n
    JOIN fleet.cluster AS c ON c.id = n.cluster_id
    WHERE (%(cluster)s::text IS NULL OR c.name = %(cluster)s)
      AND (%(namespace)s::text IS NULL OR n.name = %(namespace)s)
      AND (
          %(service)s::text IS NULL
          OR n.id IN (
              SELECT sn.namespace_id
              FROM fleet.service_namespace AS sn
              JOIN fleet.service AS sv ON sv.id = sn.service_id
              WHERE sv.name = %(service)s))
), page AS MATERIALIZED (
    SELECT f.*
    FROM records.finding AS f
    WHERE (
          NOT %(placed)s::boolean
          OR f.scan_id = ANY (ARRAY(
              SELECT k.id
              FROM records.presence AS p
              JOIN records.scan AS k ON k.subject_id = p.subject_id
              WHERE p.gone_at IS NULL AND p.namespace_id IN (SELECT id FROM place))))
      AND (
          %(image)s::text IS NULL
          OR f.scan_id = ANY (ARRAY(
              SELECT k.id
              FROM records.subject AS s
              JOIN records.scan AS k ON k.subject_id = s.id
              WHERE s.name = %(image)s
                 OR s.digest = %(image)s AND s.digest <> ''
                 AND s.kind IN ('image', 'host', 'repository', 'file'))))
      AND (
          %(name)s::text IS NULL
          OR f.advisory_id = ANY (ARRAY(
              SELECT id FROM records.advisory WHERE identity = %(name)s OR name = %(name)s AND name <> identity
              UNION
              SELECT advisory_id FROM records.alias WHERE name = %(name)s)))
      AND (
          %(package)s::text IS NULL
          OR f.package_id = ANY (ARRAY(SELECT id FROM records.package WHERE name = %(package)s)))
      AND (%(severities)s::smallint[] IS NULL OR f.severity = ANY (%(severities)s::smallint[]))
      AND (%(fixable)s::boolean IS NULL OR (f.fixed_in <> '') = %(fixable)s)
      AND (
          %(kev)s::boolean IS NULL
          OR %(kev)s = (
              f.advisory_id IN (
                  SELECT a.id
                  FROM records.kev AS e
                  JOIN records.advisory AS a ON a.identity = e.cve
                  UNION
                  SELECT a.id
                  FROM records.kev AS e
                  JOIN records.alias AS l ON l.name = e.cve
                  JOIN records.advisory AS a ON a.id = l.advisory_id AND a.identity NOT LIKE 'CVE-%%')))
      AND (
          %(kind)s::text IS NULL
          OR f.scan_id IN (SELECT id FROM records.scan WHERE kind = %(kind)s))
      AND (
          CASE %(state)s::text
              WHEN 'open' THEN f.fixed_at IS NULL AND f.suppressed = ''
              WHEN 'fixed' THEN f.fixed_at IS NOT NULL
              ELSE true
          END)
      AND (
          %(after_scan)s::integer IS NULL
          OR (f.scan_id, f.package_id, f.advisory_id, f.first_seen_at) > (
              %(after_scan)s, %(after_package)s::integer, %(after_advisory)s::integer,
              %(after_seen)s::timestamptz))
    ORDER BY f.scan_id, f.package_id, f.advisory_id, f.first_seen_at
    LIMIT %(limit)s
), looked AS MATERIALIZED (
    -- Of thousands of findings there are a few looks.
    SELECT sc.id AS scan_id, sc.last_at, s.name, s.kind, s.digest, s.tag, src.name AS source, r.pods, r.clusters
    FROM records.scan AS sc
    JOIN records.subject AS s ON s.id = sc.subject_id
    JOIN records.source AS src ON src.id = sc.source_id
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT (p.namespace_id, p.pod)) FILTER (WHERE p.pod <> '')::integer AS pods,
            coalesce(array_agg(DISTINCT c.name), '{}') AS clusters
        FROM records.presence AS p
        JOIN fleet.namespace AS n ON n.id = p.namespace_id
        JOIN fleet.cluster AS c ON c.id = n.cluster_id
        WHERE p.subject_id = sc.subject_id
          AND p.gone_at IS NULL
          AND (NOT %(placed)s OR p.namespace_id IN (SELECT id FROM place))
    ) AS r
    WHERE sc.id = ANY (ARRAY(SELECT DISTINCT scan_id FROM page))
)
SELECT p.scan_id, p.package_id, p.advisory_id, p.first_seen_at, l.name AS image, l.kind AS subject_kind, l.digest,
    l.tag, l.source, a.name, a.identity, a.feed, a.title, a.links, p.severity, w.word,
    -- From four bytes, 9.8 is 9.800000190734863.
    a.score::numeric::double precision AS score,
    k.name AS package, k.version, k.type AS package_type, p.fixed_in, p.fix_state, p.suppressed, l.pods, l.clusters,
    p.since_at, p.fixed_at, l.last_at AS seen_at,
    EXISTS (SELECT FROM records.kev AS e WHERE e.cve = a.identity)
        OR a.identity NOT LIKE 'CVE-%%' AND EXISTS (
            SELECT FROM records.alias AS l JOIN records.kev AS e ON e.cve = l.name WHERE l.advisory_id = a.id)
        AS exploited
FROM page AS p
JOIN looked AS l ON l.scan_id = p.scan_id
JOIN records.advisory AS a ON a.id = p.advisory_id
JOIN records.package AS k ON k.id = p.package_id
JOIN records.severity_word AS w ON w.id = p.word_id
ORDER BY p.scan_id, p.package_id, p.advisory_id, p.first_seen_at

-- name: is_image
SELECT EXISTS (
    SELECT
    FROM records.subject AS s
    WHERE s.name = %(name)s
       OR s.digest = %(name)s AND s.digest <> '' AND s.kind IN ('image', 'host', 'repository', 'file'))
