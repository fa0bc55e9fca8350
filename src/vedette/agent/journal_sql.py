"""The journal's one table, and every question to it. Times are whole µs since 1970.

A line is an action as one command brought it here. `asked` holds what was signed until the line has
ended, `answer` what was answered until the server was told to have it. That a digest begins once is
held by the index `begun_once`, whatever commands bring it; of lines that went, `forgotten` knows until when what
they ran could have run again.
"""

VERSION = 2
SCHEMA = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS line (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    command INTEGER NOT NULL,
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    target TEXT NOT NULL,
    modules TEXT NOT NULL,
    signed_by TEXT NOT NULL,
    expires_us INTEGER NOT NULL,
    received_us INTEGER NOT NULL,
    began_us INTEGER,
    ended_us INTEGER,
    status TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL DEFAULT '',
    message TEXT NOT NULL DEFAULT '',
    took_ms INTEGER NOT NULL DEFAULT 0,
    told INTEGER NOT NULL DEFAULT 0,
    asked BLOB,
    answer BLOB,
    signature BLOB,
    UNIQUE (command, digest)
);
CREATE UNIQUE INDEX IF NOT EXISTS begun_once ON line (digest) WHERE began_us IS NOT NULL;
CREATE INDEX IF NOT EXISTS unended ON line (number) WHERE ended_us IS NULL;
CREATE INDEX IF NOT EXISTS untold ON line (number) WHERE ended_us IS NOT NULL AND NOT told;
CREATE TABLE IF NOT EXISTS forgotten (until_us INTEGER NOT NULL);
INSERT INTO forgotten SELECT -1 WHERE NOT EXISTS (SELECT 1 FROM forgotten);
CREATE TRIGGER IF NOT EXISTS forget AFTER DELETE ON line WHEN old.began_us IS NOT NULL
BEGIN
    UPDATE forgotten SET until_us = max(until_us, old.expires_us);
END;
PRAGMA user_version = 2;
COMMIT;
"""

KNOWN = "SELECT number, ended_us IS NOT NULL FROM line WHERE command = ? AND digest = ?"

TAKE = """
INSERT INTO line (command, digest, name, target, modules, signed_by, expires_us, received_us, asked)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

FORGOTTEN = "SELECT until_us FROM forgotten, line WHERE number = ? AND expires_us <= until_us"

BEGIN = "UPDATE line SET began_us = ?, signed_by = ? WHERE number = ? AND began_us IS NULL"

END = """
UPDATE line
SET ended_us = ?, status = ?, reason = ?, message = ?, took_ms = ?, answer = ?, signature = ?, asked = NULL
WHERE number = ? AND ended_us IS NULL
"""

TOLD = """
UPDATE line
SET told = 1, answer = NULL, signature = NULL
WHERE command = ? AND ended_us IS NOT NULL AND NOT told
"""

UNTOLD = "SELECT command FROM line WHERE ended_us IS NOT NULL AND NOT told ORDER BY number"

ANSWER = """
SELECT answer, signature FROM line
WHERE command = ? AND ended_us IS NOT NULL AND NOT told
ORDER BY number DESC
LIMIT 1
"""

# What ran and may still count: nothing of it may run again.
KEPT = "SELECT digest, expires_us FROM line WHERE began_us IS NOT NULL AND expires_us > ?"

UNENDED = """
SELECT number, command, digest, modules, began_us IS NOT NULL FROM line
WHERE ended_us IS NULL
ORDER BY number
"""

UNENDED_COUNT = "SELECT count(*) FROM line WHERE ended_us IS NULL"

ASKED = "SELECT asked FROM line WHERE number = ? AND began_us IS NULL AND ended_us IS NULL"

OF_COMMAND = "SELECT number FROM line WHERE command = ? AND ended_us IS NULL"

BODIES = """
SELECT
    (SELECT coalesce(sum(length(asked)), 0) FROM line WHERE ended_us IS NULL)
    + (SELECT coalesce(sum(length(answer)), 0) FROM line WHERE ended_us IS NOT NULL AND NOT told)
"""

COUNT = "SELECT count(*) FROM line"

OLD = "DELETE FROM line WHERE ended_us IS NOT NULL AND received_us < ? AND expires_us < ?"

# What began and may still count stays, however many came after it.
SUPERFLUOUS = """
DELETE FROM line WHERE number IN (
    SELECT number FROM line
    WHERE ended_us IS NOT NULL AND told AND (began_us IS NULL OR expires_us < ?)
    ORDER BY number
    LIMIT ?
)
"""

LINES = """
SELECT
    number, command, digest, name, target, modules, signed_by, expires_us, received_us, began_us, ended_us,
    status, reason, message, took_ms, told
FROM line
WHERE received_us >= ? AND (? IS NULL OR command = ?)
ORDER BY number
"""
