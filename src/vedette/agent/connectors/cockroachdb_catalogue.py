"""The measurements of a CockroachDB: their names, what they are made of, and how nodes make a cluster."""

from vedette.agent.connector import Measures
from vedette.agent.packs import Pack, Threshold

LIMITS: Pack = {
    "ranges_unavailable": 0.0,
    "disk_ratio": Threshold(0.9, 0.85),
    "memory_ratio": Threshold(0.9, 0.85),
    "files_ratio": Threshold(0.8, 0.7),
    "clock_offset_s": Threshold(0.3, 0.2),
    "heartbeat_p99_s": Threshold(3.0, 1.0),
}

QUEUES = (
    "consistency",
    "gc",
    "merge",
    "raftlog",
    "raftsnapshot",
    "replicagc",
    "replicate",
    "split",
    "tsmaintenance",
)

_OF_THE_CLUSTER = (
    Measures("nodes", "count", "Nodes that belong to the cluster."),
    Measures("nodes_up", "count", "Nodes that are up."),
    Measures("nodes_down", "count", "Nodes that do not answer, or are unavailable or dead."),
    Measures("nodes_initialising", "count", "Nodes that start, join or wait for `init`."),
    Measures("nodes_draining", "count", "Nodes that drain or shut down."),
    Measures("nodes_decommissioning", "count", "Nodes on their way out, dead or alive."),
    Measures("nodes_decommissioned", "count", "Nodes that are out, and known still."),
    Measures("nodes_unavailable", "count", "Nodes whose liveness has expired a short time ago."),
    Measures("nodes_dead", "count", "Nodes whose liveness expired `time_until_store_dead` ago."),
    Measures("live_nodes_spread", "count", "By how many the nodes differ on how many are live."),
    Measures("versions", "count", "Versions running; more than one while an upgrade is under way."),
    Measures("critical_nodes", "count", "Nodes whose loss would take quorum from some range."),
    Measures(
        "ranges_misplaced", "count", "Ranges whose replicas stand against their zone's rules."
    ),
    Measures("jobs_pending", "count", "Jobs that are not over, from the list of jobs."),
    Measures("oldest_job_s", "seconds", "Age of the oldest job that is not over."),
    Measures("backup_age_s", "seconds", "Since a schedule last completed a backup."),
)

_OF_BOTH = (
    Measures("capacity_bytes", "bytes", "Size of the disks under the stores."),
    Measures("capacity_available_bytes", "bytes", "Space left on them."),
    Measures("capacity_used_bytes", "bytes", "Space CockroachDB uses."),
    Measures("capacity_reserved_bytes", "bytes", "Space it holds ready for snapshots."),
    Measures("disk_ratio", "ratio", "Space no longer available, whoever uses it."),
    Measures("usable_ratio", "ratio", "Space used of what CockroachDB uses or could use."),
    Measures("ranges", "count", "Ranges."),
    Measures("ranges_unavailable", "count", "Ranges without quorum."),
    Measures("ranges_underreplicated", "count", "Ranges with too few replicas."),
    Measures("ranges_overreplicated", "count", "Ranges with too many replicas."),
    Measures("replicas", "count", "Replicas."),
    Measures("replicas_quiescent", "count", "Replicas that sleep, since nobody asks them."),
    Measures("leaders", "count", "Replicas that lead Raft."),
    Measures("leaseholders", "count", "Replicas that hold their range's lease."),
    Measures("leaders_without_lease", "count", "Raft leaders that do not hold the lease."),
    Measures("intents", "count", "Write intents not yet resolved."),
    Measures("pending_tasks", "count", "Replicas waiting in the internal queues."),
    *(
        Measures(f"pending_{queue}", "count", f"Replicas waiting in the {queue} queue.")
        for queue in QUEUES
    ),
    Measures("kv_batches_per_s", "per_second", "Batches of the KV layer, mean of half an hour."),
    Measures("write_stalls_per_s", "per_second", "Writes held back by the storage engine."),
    Measures("read_amplification", "count", "Files read for one look-up; of many stores the most."),
    Measures("memory_bytes", "bytes", "Resident memory of the process."),
    Measures("memory_reserved_bytes", "bytes", "What its two allocators hold and may use."),
    Measures("memory_total_bytes", "bytes", "Memory of the host."),
    Measures("memory_ratio", "ratio", "Resident memory of the host's."),
    Measures("queries_per_s", "per_second", "SQL queries of users."),
    Measures("selects_per_s", "per_second", "SELECT statements."),
    Measures("inserts_per_s", "per_second", "INSERT statements."),
    Measures("updates_per_s", "per_second", "UPDATE statements."),
    Measures("deletes_per_s", "per_second", "DELETE statements."),
    Measures("failures_per_s", "per_second", "Statements that failed."),
    Measures("statement_p99_s", "seconds", "99 % of SQL statements were faster."),
    Measures("connections", "count", "SQL connections."),
    Measures("clock_offset_s", "seconds", "Mean clock offset, signed; of a cluster the farthest."),
    Measures("heartbeat_p99_s", "seconds", "99 % of liveness heartbeats were faster."),
    Measures("heartbeat_failures_per_s", "per_second", "Liveness heartbeats that failed."),
    Measures("epochs_per_s", "per_second", "Liveness records taken from a node that was silent."),
    Measures("peer_rtt_s", "seconds", "Mean round trip to the other nodes."),
    Measures("peer_rtt_p99_s", "seconds", "99 % of round trips to the other nodes were faster."),
    Measures("peers_unhealthy", "count", "Connections to other nodes that do not work."),
    Measures("cpu_ratio", "ratio", "Processor in use; of a cluster the busiest node's."),
    Measures("files_ratio", "ratio", "Open files of those allowed; of a cluster the worst."),
    Measures("disk_operations", "count", "Reads and writes the host's disks are busy with."),
    Measures("uptime_s", "seconds", "Time since the start; of a cluster the latest started."),
    Measures("slow_requests", "count", "Requests stuck at latches, leases or Raft."),
    Measures("certificate_days_left", "days", "Days until a certificate of the node expires."),
    Measures("jobs_running", "count", "Jobs running, as nodes count them."),
    Measures("jobs_paused", "count", "Jobs paused, as nodes count them."),
    Measures("jobs_idle", "count", "Jobs running with nothing to do, as nodes count them."),
    Measures("jobs_failed_per_s", "per_second", "Jobs that failed for good."),
    Measures("backups_failed_per_s", "per_second", "Scheduled backups that failed."),
    Measures("changefeed_lag_s", "seconds", "Age of the oldest data that changefeeds hold back."),
    Measures("rtt_s", "seconds", "Until the health door answered, connection included."),
)

MEASURES = (
    *_OF_THE_CLUSTER,
    Measures("live_nodes", "count", "Of a node: nodes it holds to be live."),
    Measures("state", "state", "Of a node or store: its own state, as a number."),
    *_OF_BOTH,
)

NODE_RATES = {
    "sql_query_count": "queries_per_s",
    "sql_select_count": "selects_per_s",
    "sql_insert_count": "inserts_per_s",
    "sql_update_count": "updates_per_s",
    "sql_delete_count": "deletes_per_s",
    "sql_failure_count": "failures_per_s",
    "liveness_heartbeatfailures": "heartbeat_failures_per_s",
    "liveness_epochincrements": "epochs_per_s",
    "schedules_BACKUP_failed": "backups_failed_per_s",
}
"""Counter of a node → its rate."""

STORE_SUMS = {
    "capacity": "capacity_bytes",
    "capacity_available": "capacity_available_bytes",
    "capacity_used": "capacity_used_bytes",
    "capacity_reserved": "capacity_reserved_bytes",
    "ranges": "ranges",
    "ranges_unavailable": "ranges_unavailable",
    "ranges_underreplicated": "ranges_underreplicated",
    "ranges_overreplicated": "ranges_overreplicated",
    "rebalancing_queriespersecond": "kv_batches_per_s",
    "replicas": "replicas",
    "replicas_quiescent": "replicas_quiescent",
    "replicas_leaders": "leaders",
    "replicas_leaseholders": "leaseholders",
    "replicas_leaders_not_leaseholders": "leaders_without_lease",
    "intentcount": "intents",
    **{f"queue_{queue}_pending": f"pending_{queue}" for queue in QUEUES},
}
"""Family of a store → its measurement, which adds up over stores and nodes."""

ADD_UP = (
    *STORE_SUMS.values(),
    *NODE_RATES.values(),
    "pending_tasks",
    "write_stalls_per_s",
    "memory_bytes",
    "memory_reserved_bytes",
    "memory_total_bytes",
    "connections",
    "peers_unhealthy",
    "disk_operations",
    "slow_requests",
    "jobs_running",
    "jobs_paused",
    "jobs_idle",
    "jobs_failed_per_s",
)
"""What nodes have together; of the rest a cluster has its worst node's."""

WORST_HIGH = (
    "changefeed_lag_s",
    "cpu_ratio",
    "files_ratio",
    "heartbeat_p99_s",
    "memory_ratio",
    "peer_rtt_p99_s",
    "peer_rtt_s",
    "read_amplification",
    "rtt_s",
    "statement_p99_s",
)
WORST_LOW = ("uptime_s", "certificate_days_left")
