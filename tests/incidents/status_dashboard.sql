CREATE TABLE component (id integer PRIMARY KEY, name varchar NOT NULL);
CREATE TABLE component_attribute (
    id integer PRIMARY KEY, component_id integer REFERENCES component (id), name varchar NOT NULL, value varchar NOT NULL);
CREATE TABLE incident (
    id integer PRIMARY KEY, text varchar NOT NULL, start_date timestamp NOT NULL, end_date timestamp,
    impact smallint NOT NULL, system boolean NOT NULL DEFAULT false);
CREATE TABLE incident_component_relation (incident_id integer, component_id integer);
CREATE TABLE incident_status (
    id integer PRIMARY KEY, incident_id integer, timestamp timestamp NOT NULL, text varchar NOT NULL,
    status varchar NOT NULL);
INSERT INTO component VALUES (1, 'Auto Scaling'), (2, 'Auto Scaling'), (3, 'Console');
INSERT INTO component_attribute VALUES
    (1, 1, 'region', 'EU-DE'), (2, 1, 'category', 'Compute'), (3, 1, 'type', 'as'),
    (4, 2, 'region', 'EU-NL'), (5, 2, 'category', 'Compute'), (6, 2, 'type', 'as'),
    (7, 3, 'region', 'EU-DE'), (8, 3, 'region', 'Global'), (9, 3, 'two words', 'x'), (10, NULL, 'region', 'x');
INSERT INTO incident VALUES
    (1, 'Scaling fails', '2025-05-22 10:12:42', '2025-05-22 11:12:42.559346', 3, true),
    (2, 'Still open', '2025-06-01 00:00:00', NULL, 1, true),
    (3, 'Open twice', '2025-06-02 00:00:00', NULL, 2, true),
    (4, 'New hosts', '2025-07-01 01:00:00', '2025-07-01 03:00:00', 0, false),
    (5, 'Backwards', '2025-08-02 00:00:00', '2025-08-01 00:00:00', 2, false),
    (6, 'Nonsense', '2025-08-02 00:00:00', NULL, 9, false),
    (7, 'Endless', '2025-08-03 00:00:00', NULL, 0, true),
    (70, 'With an odd word', '2025-08-04 00:00:00', '2025-08-05 00:00:00', 2, false);
INSERT INTO incident_component_relation VALUES
    (1, 1), (1, 2), (2, 1), (3, 1), (4, 3), (5, 1), (7, 2), (70, 1), (70, 88);
INSERT INTO incident_status VALUES
    (1, 1, '2025-05-22 11:12:42.559346', 'close <b>incident</b>', 'resolved'),
    (2, 1, '2025-05-22 10:30:00', 'We look.', 'analyzing'),
    (3, 2, '2025-06-01 00:10:00', 'Console added to Still open', 'SYSTEM'),
    (4, 2, '2025-06-01 00:20:00', 'Nearly.', 'fixing'),
    (5, 4, '2025-06-30 00:00:00', 'Hosts are replaced.', 'description'),
    (6, 70, '2025-08-04 01:00:00', 'Hm.', 'pondering'),
    (7, 99, '2025-08-04 01:00:00', 'Whose?', 'analyzing');
