-- What a large body was read as, so that the same bytes again need no reading. key: of the bytes and of all that
-- reading depends on; said: its scans without what they found, and in place of that its digest.
CREATE TABLE records.applied (
    key bytea PRIMARY KEY CHECK (octet_length(key) = 16),
    said bytea NOT NULL,
    used_at timestamptz NOT NULL
);
ALTER TABLE records.applied ALTER COLUMN said SET STORAGE EXTERNAL;

-- A look that changed nothing says so by nothing at all, and its scan is found in a list rather than in a key a look.
ALTER TABLE records.report
    ALTER COLUMN opened DROP NOT NULL,
    ALTER COLUMN closed DROP NOT NULL,
    ALTER COLUMN changed DROP NOT NULL;
DROP INDEX records.report_scan;
CREATE INDEX report_scan ON records.report (scan_id);
