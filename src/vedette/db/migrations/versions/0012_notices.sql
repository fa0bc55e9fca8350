-- Which updates a change brought: those of its incident up to this one that no change before it had.
ALTER TABLE incidents.outbox ADD COLUMN said_to bigint NOT NULL DEFAULT 0;

-- How far each of the recipients got says whether a notice waits; it was never set.
ALTER TABLE incidents.outbox DROP COLUMN handled_at;

-- Who is told by mail, and how far: everything up to `told_to` (incidents.outbox.id). They are told in the order in
-- which it was written, so one number says it all. attempts, next_at: of the one that comes next and failed.
CREATE TABLE incidents.recipient (
    address text PRIMARY KEY CHECK (address <> '' AND length(address) <= 320),
    told_to bigint NOT NULL,
    since timestamptz NOT NULL,
    sent bigint NOT NULL DEFAULT 0,
    sent_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz,
    last_error text NOT NULL DEFAULT ''
);
