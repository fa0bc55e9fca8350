-- Certificates of clients, so that they can be listed and revoked.

-- serial: hexadecimal, as the certificate has it. One that does not stand here opens no door.
CREATE TABLE access.client_certificate (
    serial text PRIMARY KEY CHECK (serial <> ''),
    name text NOT NULL CHECK (name <> '' AND length(name) <= 200),
    made_at timestamptz NOT NULL,
    made_by text NOT NULL,
    not_after timestamptz NOT NULL,
    revoked_at timestamptz
);
CREATE INDEX client_certificate_living ON access.client_certificate (name) WHERE revoked_at IS NULL;

-- Those made before are in the audit log.
INSERT INTO access.client_certificate (serial, name, made_at, made_by, not_after)
SELECT DISTINCT ON (detail ->> 'serial')
    detail ->> 'serial',
    substr(object, length('client:') + 1),
    at,
    actor,
    (detail ->> 'not_after')::timestamptz
FROM access.audit
WHERE action = 'client.certify'
ORDER BY detail ->> 'serial', at;
