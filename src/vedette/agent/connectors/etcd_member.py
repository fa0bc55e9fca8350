"""What an etcd member says, read into measurements and a verdict; no I/O."""

from collections.abc import Mapping, Sequence
from typing import Any

from vedette.agent.connector import Measures
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.families import Families, buckets, first, summed
from vedette.agent.connectors.histograms import gained, quantile
from vedette.agent.connectors.json_api import number
from vedette.agent.connectors.limits import measurements, ratio
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

COUNTERS = {
    "leader_changes": "etcd_server_leader_changes_seen_total",
    "proposals_failed_per_s": "etcd_server_proposals_failed_total",
    "proposals_per_s": "etcd_server_proposals_committed_total",
    "slow_applies_per_s": "etcd_server_slow_apply_total",
    "slow_reads_per_s": "etcd_server_slow_read_indexes_total",
    "heartbeats_failed_per_s": "etcd_server_heartbeat_send_failures_total",
}
"""Measurement → family that only grows, until the member restarts."""

_FSYNC = "etcd_disk_wal_fsync_duration_seconds"
_COMMIT = "etcd_disk_backend_commit_duration_seconds"
_PEERS = "etcd_network_peer_round_trip_time_seconds"
HISTOGRAMS = {"wal_fsync_p99_s": _FSYNC, "commit_p99_s": _COMMIT, "peer_rtt_p99_s": _PEERS}

FAMILIES = (
    *COUNTERS.values(),
    *(f"{name}_bucket" for name in HISTOGRAMS.values()),
    "etcd_server_has_leader",
    "etcd_server_is_leader",
    "etcd_server_proposals_pending",
    "etcd_server_proposals_committed_total",
    "etcd_server_proposals_applied_total",
    "etcd_server_quota_backend_bytes",
    "etcd_mvcc_db_total_size_in_bytes",
    "etcd_mvcc_db_total_size_in_use_in_bytes",
    "etcd_debugging_mvcc_db_total_size_in_bytes",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_open_fds",
    "process_max_fds",
)
"""What we read of the 1,500 lines of /metrics."""

LIMITS: Pack = {
    "quota_ratio": Threshold(0.9, 0.8),
    "fds_ratio": Threshold(0.8, 0.7),
    "wal_fsync_p99_s": Threshold(0.5, 0.1),
    "commit_p99_s": Threshold(0.25, 0.1),
}

MEASURES = (
    Measures("health_s", "seconds", "Time until /health answered, which reads through the quorum."),
    Measures("uptime_s", "seconds", "Time since the member started."),
    Measures("has_leader", "bool", "1 when the member knows a leader."),
    Measures("is_leader", "bool", "1 when it is the leader."),
    Measures("leader_changes", "count", "Changes of leader since the last look."),
    Measures("proposals_pending", "count", "Writes waiting for the quorum."),
    Measures("proposals_per_s", "per_second", "Writes that the quorum committed."),
    Measures("proposals_failed_per_s", "per_second", "Writes that failed."),
    Measures("apply_lag", "count", "Writes committed and not yet applied here."),
    Measures("raft_lag", "count", "Entries of the log not yet applied here."),
    Measures("slow_applies_per_s", "per_second", "Writes applied late."),
    Measures("slow_reads_per_s", "per_second", "Reads that waited for the leader too long."),
    Measures(
        "heartbeats_failed_per_s", "per_second", "Heartbeats sent late, by an overloaded leader."
    ),
    Measures(
        "wal_fsync_p99_s",
        "seconds",
        "99th percentile of log syncs since the last look; a good disk stays below 0.01.",
    ),
    Measures(
        "commit_p99_s",
        "seconds",
        "99th percentile of database commits since the last look; well below 0.025.",
    ),
    Measures("peer_rtt_p99_s", "seconds", "99th percentile of round trips to peers."),
    Measures("db_bytes", "bytes", "Size of the database file."),
    Measures("db_in_use_bytes", "bytes", "Of it in use; the rest goes with a defragmentation."),
    Measures("quota_ratio", "ratio", "Size of the database file of its quota."),
    Measures("alarms", "count", "Alarms raised by members."),
    Measures("memory_bytes", "bytes", "Resident memory of the member."),
    Measures("fds_ratio", "ratio", "Open files of the most allowed."),
)

_DEFAULT_QUOTA_BYTES = 2.0 * (1 << 30)

Histograms = dict[str, dict[float, float]]


def fault_in(
    *,
    health: bool | None,
    reason: str,
    status: Mapping[str, Any],
    alarms: Sequence[str] | None,
    families: Families,
) -> Fault | None:
    """Return what keeps this member from being up.

    Without a leader it serves nobody; a corrupt database is down; out of space it still reads, and
    is degraded; a learner is still catching up.
    """
    if first(families, "etcd_server_has_leader") == 0 or (status and not _leader(status)):
        return Fault("quorum_lost", "the member knows no leader")
    raised = " ".join((*(alarms or ()), reason)).upper()
    if "CORRUPT" in raised:
        return Fault("storage", "alarm CORRUPT: a member's data differ from the others'")
    if "NOSPACE" in raised:
        words = "alarm NOSPACE: the quota is used up and it takes no writes"
        return Fault("storage", words, State.DEGRADED)
    if health is False:
        return Fault("unhealthy", f"/health says false: {reason[:300]}".rstrip(": "))
    if alarms:
        return Fault("unhealthy", f"alarm {', '.join(alarms)[:200]}", State.DEGRADED)
    if status.get("isLearner"):
        return Fault("starting", "it is a learner, still catching up", State.INITIALISING)
    return None


def counters(families: Families) -> dict[str, float | None]:
    """Return the counters whose gains `measured` wants."""
    return {name: first(families, family) for name, family in COUNTERS.items()}


def measured(
    status: Mapping[str, Any],
    alarms: Sequence[str] | None,
    families: Families,
    gains: Gains,
    past: Histograms,
    *,
    now_s: float,
) -> list[Measurement]:
    """Return everything but the time of /health; `past` keeps the histograms of the look before."""
    started = first(families, "process_start_time_seconds")
    committed = first(families, "etcd_server_proposals_committed_total")
    applied = first(families, "etcd_server_proposals_applied_total")
    index, done = number(status, "raftIndex"), number(status, "raftAppliedIndex")
    size = number(status, "dbSize") or first(
        families, "etcd_mvcc_db_total_size_in_bytes", "etcd_debugging_mvcc_db_total_size_in_bytes"
    )
    return measurements(
        {
            "uptime_s": now_s - started if started else None,
            "has_leader": first(families, "etcd_server_has_leader"),
            "is_leader": first(families, "etcd_server_is_leader"),
            "leader_changes": gains.of("leader_changes"),
            **{name: gains.per_s(name) for name in COUNTERS if name.endswith("_per_s")},
            "proposals_pending": first(families, "etcd_server_proposals_pending"),
            "apply_lag": _behind(committed, applied),
            "raft_lag": _behind(index, done),
            **_quantiles(families, past),
            "db_bytes": size,
            "db_in_use_bytes": number(status, "dbSizeInUse")
            or first(families, "etcd_mvcc_db_total_size_in_use_in_bytes"),
            "quota_ratio": ratio(size, _quota(status, families)),
            "alarms": len(alarms) if alarms is not None else None,
            "memory_bytes": first(families, "process_resident_memory_bytes"),
            "fds_ratio": ratio(
                first(families, "process_open_fds"), first(families, "process_max_fds")
            ),
        }
    )


def facts(status: Mapping[str, Any], families: Families) -> dict[str, str]:
    """Return what people ask of a member."""
    if not status:
        return {}
    header = status.get("header")
    member = header.get("member_id", "") if isinstance(header, dict) else ""
    leads = first(families, "etcd_server_is_leader") == 1 or _leader(status) == member
    return {
        "version": f"etcd {status.get('version', '')}".strip(),
        "role": "leader" if leads else "follower",
        # etcdctl writes ids so.
        "member": _hexadecimal(member),
        "leader": _hexadecimal(_leader(status)),
    }


def _leader(status: Mapping[str, Any]) -> str:
    # int64 come as texts, and none at all when they are zero.
    leader = str(status.get("leader") or "0")
    return "" if leader == "0" else leader


def _quota(status: Mapping[str, Any], families: Families) -> float:
    return (
        number(status, "dbSizeQuota")
        or summed(families, "etcd_server_quota_backend_bytes")
        or _DEFAULT_QUOTA_BYTES
    )


def _quantiles(families: Families, past: Histograms) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, family in HISTOGRAMS.items():
        seen = buckets(families, family)
        found[name] = quantile(gained(past.get(name, {}), seen), 0.99)
        if seen:
            past[name] = seen
    return found


def _behind(ahead: float | None, behind: float | None) -> float | None:
    return max(ahead - behind, 0.0) if ahead is not None and behind is not None else None


def _hexadecimal(decimal: object) -> str:
    try:
        return f"{int(str(decimal)):x}"
    except ValueError:
        return str(decimal)[:40]
