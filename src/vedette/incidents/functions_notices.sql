-- Every change as something to be told. is_public: everyone may know of it. is_told: it brought something to read: the
-- first word of an incident, an update, a post-mortem. said_from, said_to: between these are the updates it brought.
CREATE OR REPLACE VIEW incidents.notice AS
SELECT
    o.id,
    o.at,
    o.incident_id,
    o.change,
    o.version,
    before.id IS NULL AS is_first,
    i.postmortem_at IS NOT NULL AND i.postmortem_at = o.at AND o.change = 'postmortem' AS is_postmortem,
    coalesce(before.said_to, 0) AS said_from,
    o.said_to,
    public.is_public,
    public.is_public AND (
        before.id IS NULL
        OR (i.postmortem_at = o.at AND o.change = 'postmortem')
        OR EXISTS (
            SELECT 1
            FROM incidents.update AS u
            WHERE u.incident_id = o.incident_id AND NOT u.internal
              AND u.id > before.said_to AND u.id <= o.said_to AND u.made_at = o.at)
    ) AS is_told
FROM incidents.outbox AS o
JOIN incidents.incident AS i ON i.id = o.incident_id
CROSS JOIN LATERAL (
    SELECT coalesce(o.at >= i.published_at, false)
        AND NOT EXISTS (SELECT 1 FROM incidents.hidden() AS h WHERE h.id = i.id) AS is_public
) AS public
LEFT JOIN LATERAL (
    SELECT earlier.id, earlier.said_to
    FROM incidents.outbox AS earlier
    WHERE earlier.incident_id = o.incident_id AND earlier.version < o.version
      AND earlier.at >= i.published_at
    ORDER BY earlier.version DESC
    LIMIT 1
) AS before ON true;
