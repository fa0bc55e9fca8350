-- name: make
-- One story a slot of time, so that no two of them overlap; what happens, where and for how long hangs on the
-- number alone, and every demo tells the same. The newest incident is still open, the last maintenance to come.
WITH story (nth, service, kind, impact, title, seen, found, over) AS (
    VALUES
    (0, 'Virtual Machines', 'incident', 1, 'Virtual machines start slowly',
        'New machines take up to ten minutes to start. Those that run are not affected.',
        'One scheduler had lost its view of free hosts. It was restarted, and the queue is being worked off.',
        'Machines start within a minute again.'),
    (1, 'Object Storage', 'incident', 2, 'Errors when objects are written',
        'About one in ten uploads fails with **503**. Reading works.',
        'A full disk took one storage node out of rotation. Its data is being moved to others.',
        'All nodes take writes again; no object was lost.'),
    (2, 'Relational Database', 'incident', 3, 'Databases cannot be reached',
        'Connections are refused. We are looking into it.',
        'The change of a certificate went wrong. It is being taken back, one database at a time.',
        'Every database accepts connections.'),
    (3, 'Load Balancer', 'incident', 2, 'Load balancers drop connections',
        'Some connections are reset within seconds.',
        'A new release of the proxy leaks memory. We are going back to the one before.',
        'The earlier release runs everywhere.'),
    (4, 'Name Service', 'incident', 1, 'Name resolution is slow',
        'Answers take up to two seconds.',
        'One resolver was overloaded by a single client, which has been limited.',
        'Answers come within milliseconds again.'),
    (5, 'Console', 'incident', 1, 'Signing in to the console fails at times',
        'Some people are sent back to the sign-in page. The API is not affected.',
        'Sessions were kept on a node that was being replaced.',
        'Signing in works for everyone.'),
    (6, 'Message Queue', 'incident', 2, 'Messages are delivered late',
        'Messages wait for up to twenty minutes. None is lost.',
        'A consumer group was stuck after a change of leader; partitions are being assigned anew.',
        'The backlog has been worked off.'),
    (7, 'Block Storage', 'maintenance', 0, 'New firmware for disks',
        'Disks get new firmware. They may answer slowly for some seconds, once.', '', 'All disks are done.'),
    (8, 'Virtual Network', 'maintenance', 0, 'Routers are replaced',
        'Each router is replaced while its neighbour carries the traffic.', '', 'All routers are replaced.'),
    (9, 'Relational Database', 'maintenance', 0, 'Minor release of PostgreSQL',
        'Every database is restarted once, within its own window.', '', 'All databases run the new release.')
),
drawn AS (
    SELECT
        n,
        (hashtextextended('story', n) & 1023) %% 10 AS nth,
        (hashtextextended('where', n) & 1023) / 1024.0 AS place,
        (hashtextextended('long', n) & 1023) / 1024.0 AS length,
        %(now)s::timestamptz - %(span)s::interval * (1 - n / %(stories)s::float8) AS slot
    FROM generate_series(0, %(stories)s - 1) AS n
    UNION ALL
    SELECT %(stories)s, 4, 0, 0, %(now)s::timestamptz - interval '35 minutes'
    UNION ALL
    SELECT %(stories)s + 1, 8, 0, 0.5, date_trunc('day', %(now)s::timestamptz) + interval '4 days 1 hour'
),
timed AS (
    SELECT
        d.n,
        d.place,
        s.*,
        CASE s.kind WHEN 'incident' THEN d.slot ELSE date_trunc('hour', d.slot) END AS starts_at,
        -- Short ones are many, long ones few; 20 minutes to 9 hours.
        CASE s.kind WHEN 'incident' THEN interval '20 minutes' + interval '8.5 hours' * d.length ^ 3
            ELSE interval '2 hours' * (1 + round(d.length)) END AS lasts
    FROM drawn AS d
    JOIN story AS s USING (nth)
),
told AS MATERIALIZED (
    SELECT
        nextval(pg_get_serial_sequence('incidents.incident', 'id'))::integer AS id,
        t.*,
        CASE WHEN n <> %(stories)s THEN starts_at + lasts END AS ends_at,
        CASE
            WHEN n = %(stories)s THEN 'fixing'
            WHEN n > %(stories)s THEN 'planned'
            WHEN kind = 'incident' THEN 'resolved'
            ELSE 'completed'
        END AS status,
        starts_at + CASE kind WHEN 'incident' THEN interval '4 minutes' ELSE interval '-5 days' END AS said_at
    FROM (SELECT * FROM timed ORDER BY n) AS t
),
incident AS (
    INSERT INTO incidents.incident (
        id, kind, title, description, impact, status, origin, starts_at, ends_at, published_at,
        postmortem, postmortem_at, version, made_at, made_by, changed_at)
    SELECT
        id, kind, title, CASE kind WHEN 'maintenance' THEN seen ELSE '' END, impact, status, 'person',
        starts_at, ends_at, least(said_at, %(now)s),
        CASE impact WHEN 3 THEN
            E'## What happened\n\n' || found || E'\n\n## What we change\n\nThe same change is tried '
            || 'in one region first, and taken back by itself when connections fail.' ELSE '' END,
        CASE impact WHEN 3 THEN least(ends_at + interval '2 days', %(now)s) END,
        1, least(said_at, %(now)s), %(by)s, coalesce(least(ends_at, %(now)s), %(now)s)
    FROM told
),
gravity AS (
    INSERT INTO incidents.gravity (incident_id, since, impact)
    SELECT id, '-infinity', impact FROM told
),
affected AS (
    -- In one region, or in each that has the service.
    INSERT INTO incidents.affected (incident_id, component_id)
    SELECT t.id, c.id
    FROM told AS t
    JOIN (
        SELECT id, service, row_number() OVER (PARTITION BY service ORDER BY id) - 1 AS nth
        FROM unnest(%(components)s::integer[], %(services)s::text[]) AS given (id, service)
    ) AS c ON c.service = t.service AND (t.place > 0.8 OR c.nth = (t.n %% 2))
),
said AS (
    INSERT INTO incidents.update (incident_id, at, status, text, made_at, made_by)
    SELECT t.id, u.at, u.status, u.text, u.at, %(by)s
    FROM told AS t
    CROSS JOIN LATERAL (
        VALUES
        ('incident', 'analyzing', t.seen, t.said_at),
        ('incident', 'fixing', t.found, t.starts_at + t.lasts * 0.5),
        ('incident', 'observing', 'It looks well. We keep watching it.', t.starts_at + t.lasts * 0.8),
        ('incident', 'resolved', t.over, t.ends_at),
        ('maintenance', 'planned', 'The maintenance is planned.', t.said_at),
        ('maintenance', 'in progress', 'The maintenance has begun.', t.starts_at),
        ('maintenance', 'completed', t.over, t.ends_at)
    ) AS u (kind, status, text, at)
    WHERE u.kind = t.kind
      AND u.at <= %(now)s
      AND (t.n <> %(stories)s OR u.status IN ('analyzing', 'fixing'))
)
SELECT id, kind, impact, starts_at, ends_at FROM told ORDER BY id

-- name: troubles
-- What the components went through, for whoever draws how they were.
SELECT component_id, impact, from_at, to_at
FROM incidents.span
WHERE incident_id = ANY (%(ids)s::integer[]) AND impact > 0
