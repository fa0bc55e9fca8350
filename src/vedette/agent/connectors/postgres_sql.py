"""What a look asks PostgreSQL, by server version: one row of numbers, a few lists as JSON.

Every part works for a role without `pg_monitor`, seeing less. Parts are keyed by the least version
they fit; the highest that fits is taken (the idea is pgwatch's).
"""

from collections.abc import Mapping

Versioned = Mapping[int, str]
"""Least server version (as `server_version_num` / 10000) → text."""

_ACTIVITY = """
activity AS (
    SELECT
        count(*) AS connections,
        count(*) FILTER (WHERE state = 'active') AS active,
        count(*) FILTER (WHERE state = 'idle') AS idle,
        count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
        count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting,
        extract(epoch FROM max(clock_timestamp() - xact_start)) AS longest_transaction_s,
        extract(epoch FROM max(clock_timestamp() - state_change)
            FILTER (WHERE state LIKE 'idle in transaction%')) AS longest_idle_in_transaction_s,
        extract(epoch FROM max(clock_timestamp() - query_start)
            FILTER (WHERE state = 'active')) AS longest_query_s,
        max(age(backend_xmin)) AS oldest_xmin_age
    FROM pg_stat_activity
    -- Walsenders run for weeks; they are no clients.
    WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
)
"""

_DATABASES = """
databases AS (
    SELECT
        sum(xact_commit) AS commits, sum(xact_rollback) AS rollbacks,
        sum(blks_hit) AS hits, sum(blks_read) AS reads,
        sum(temp_bytes) AS temp_bytes, sum(deadlocks) AS deadlocks
    FROM pg_stat_database
)
"""

_LOCKS = """
locks AS (
    SELECT
        count(*) AS locks,
        count(DISTINCT pid) FILTER (WHERE NOT granted) AS blocked
    FROM pg_locks
)
"""

_AGES = """
ages AS (
    SELECT max(age(datfrozenxid)) AS xid_age, max(mxid_age(datminmxid)) AS multixact_age
    FROM pg_database
)
"""

_CHECKPOINTS: Versioned = {
    0: """
checkpoints AS (
    SELECT checkpoints_timed AS timed, checkpoints_req AS requested,
        checkpoint_write_time AS write_ms, checkpoint_sync_time AS sync_ms
    FROM pg_stat_bgwriter
)
""",
    17: """
checkpoints AS (
    SELECT num_timed AS timed, num_requested AS requested,
        write_time AS write_ms, sync_time AS sync_ms
    FROM pg_stat_checkpointer
)
""",
}

_WAL: Versioned = {
    0: "NULL::numeric AS wal_bytes",
    14: "(SELECT wal_bytes FROM pg_stat_wal) AS wal_bytes",
}

_REPLICAS = """
(SELECT json_agg(json_build_array(
        coalesce(nullif(application_name, ''), pid::text), state,
        pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                ELSE pg_current_wal_lsn() END,
            replay_lsn),
        extract(epoch FROM write_lag), extract(epoch FROM flush_lag),
        extract(epoch FROM replay_lag)))
    FROM pg_stat_replication) AS replicas
"""

_SLOT = """
(SELECT json_agg(json_build_array(
        slot_name, active,
        pg_wal_lsn_diff(
            CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
                ELSE pg_current_wal_lsn() END,
            restart_lsn),
        {wal_status}, {safe_wal_size}))
    FROM pg_replication_slots) AS slots
"""

_SLOTS: Versioned = {
    0: _SLOT.format(wal_status="NULL", safe_wal_size="NULL"),
    13: _SLOT.format(wal_status="wal_status", safe_wal_size="safe_wal_size"),
}

_SELECT = """
SELECT
    version() AS version,
    pg_is_in_recovery() AS in_recovery,
    extract(epoch FROM clock_timestamp() - pg_postmaster_start_time()) AS uptime_s,
    current_setting('max_connections')::int AS max_connections,
    current_setting('max_locks_per_transaction')::int
        * (current_setting('max_connections')::int
            + current_setting('max_prepared_transactions')::int) AS max_locks,
    current_setting('autovacuum_freeze_max_age')::bigint AS freeze_max_age,
    activity.*, databases.*, locks.*, ages.*, checkpoints.*,
    archiver.archived_count AS archived, archiver.failed_count AS archive_failures,
    coalesce(archiver.last_failed_time > archiver.last_archived_time,
        archiver.last_failed_time IS NOT NULL) AS archiving_fails,
    (SELECT extract(epoch FROM max(clock_timestamp() - prepared)) FROM pg_prepared_xacts)
        AS longest_prepared_s,
    CASE WHEN pg_is_in_recovery() THEN
        -- An idle primary sends nothing: a standby that has replayed all it got is not behind.
        CASE WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END
    END AS replay_delay_s,
    {wal},
    {replicas},
    {slots}
FROM activity, databases, locks, ages, checkpoints, pg_stat_archiver AS archiver
"""

SIZES = """
SELECT
    pg_database_size(current_database()) AS database_bytes,
    coalesce(sum(n_dead_tup), 0) AS dead_rows,
    coalesce(sum(n_live_tup), 0) AS live_rows,
    extract(epoch FROM max(clock_timestamp() - coalesce(
        greatest(last_autovacuum, last_vacuum), pg_postmaster_start_time()))
        FILTER (WHERE n_dead_tup > 1000000)) AS oldest_vacuum_s
FROM pg_stat_user_tables
"""
"""Asked seldom: it reads every table's statistics and walks the files of the database."""


def look_sql(version: int) -> str:
    """Return the statement of a look for a server of that major version, 10 or later."""
    parts = [
        _ACTIVITY,
        _DATABASES,
        _LOCKS,
        _AGES,
        _fitting(_CHECKPOINTS, version),
    ]
    select = _SELECT.format(
        wal=_fitting(_WAL, version), replicas=_REPLICAS.strip(), slots=_fitting(_SLOTS, version)
    )
    return "WITH " + ",".join(part.strip() for part in parts) + select


def _fitting(versions: Versioned, version: int) -> str:
    return versions[max(least for least in versions if least <= version)].strip()
