-- What stands in a namespace, as it was counted last, so that metrics need not look at every image and pod. Each array
-- is by severity, from 0. pairs: of a vulnerability and a pod, as Dash.DB counts, or NULL for none; images: that have
-- any; vulnerabilities: each once. It holds where `recount` has no mark.
CREATE TABLE records.tally (
    namespace_id integer PRIMARY KEY REFERENCES fleet.namespace (id) ON DELETE CASCADE,
    pairs bigint[] CHECK (cardinality(pairs) = 7),
    images integer NOT NULL,
    vulnerabilities integer[] NOT NULL CHECK (cardinality(vulnerabilities) = 7)
);

INSERT INTO records.tally (namespace_id, images, vulnerabilities)
SELECT n.id, 0,
    ARRAY(
        SELECT coalesce((
            SELECT d.vulnerabilities
            FROM records.daily AS d
            WHERE d.scope = 'namespace' AND d.scope_id = n.id::text AND d.severity = s.severity
              AND d.day >= (SELECT date_trunc('month', max(day))::date FROM records.daily)
            ORDER BY d.day DESC
            LIMIT 1), 0)
        FROM generate_series(0, 6) AS s (severity)
        ORDER BY s.severity)
FROM fleet.namespace AS n
WHERE n.id::text IN (SELECT scope_id FROM records.daily WHERE scope = 'namespace');

INSERT INTO records.recount (namespace_id, since)
SELECT DISTINCT namespace_id, now()
FROM records.presence
WHERE gone_at IS NULL
ON CONFLICT DO NOTHING;
