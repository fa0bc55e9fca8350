-- name: hold
-- Findings are merged one snapshot at a time: what two at once would add, each adds once, and in no
-- order could they wait for each other. Returns whether this connection has the table that findings are given in.
-- What runs in no namespace is counted again when this number differs from the one that was counted.
WITH counted_again AS (
    UPDATE records.unplaced
    SET changes = changes + 1
    WHERE what = 'scans'
)
SELECT to_regclass('pg_temp.given') IS NOT NULL, pg_advisory_xact_lock(%(number)s),
    (SELECT sum(records.make_months(t, t)) FROM unnest(%(times)s::timestamptz[]) AS t),
    set_config('work_mem', '64MB', true), set_config('jit', 'off', true)

-- name: make_given
CREATE TEMPORARY TABLE given (
    scan_id integer NOT NULL,
    package_id integer NOT NULL,
    advisory_id integer NOT NULL,
    severity smallint NOT NULL,
    word_id smallint NOT NULL,
    fixed_in text NOT NULL,
    fix_state text NOT NULL,
    suppressed text NOT NULL
) ON COMMIT DELETE ROWS
