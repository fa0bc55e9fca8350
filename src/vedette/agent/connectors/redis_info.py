"""What Redis' INFO and CLUSTER INFO say, read into measurements and a verdict; no I/O."""

from collections.abc import Mapping

from vedette.agent.connector import Measures
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.limits import measurements, ratio, state_of
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

Info = Mapping[str, str]

COUNTERS = (
    "rejected_connections",
    "evicted_keys",
    "keyspace_hits",
    "keyspace_misses",
    "total_error_replies",
)
"""Fields of INFO that only grow, until the server restarts."""

LIMITS: Pack = {
    "memory_ratio": Threshold(0.9, 0.85),
    "clients_ratio": Threshold(0.9, 0.8),
    "rejected_connections_per_s": 0.0,
    "last_bgsave_s": Threshold(1200.0, 600.0),
}

MEASURES = (
    Measures("ping_s", "seconds", "Time from PING to its answer."),
    Measures("uptime_s", "seconds", "Time since the server started."),
    Measures("used_memory_bytes", "bytes", "Memory the data set and the server use."),
    Measures("max_memory_bytes", "bytes", "The configured limit; absent when there is none."),
    Measures(
        "memory_ratio", "ratio", "Used memory of maxmemory, or of the host when that is unlimited."
    ),
    Measures(
        "fragmentation_ratio", "ratio", "Resident over used memory; absent below 100 MB used."
    ),
    Measures("clients", "count", "Connected clients."),
    Measures("clients_ratio", "ratio", "Connected clients of maxclients."),
    Measures("blocked_clients", "count", "Clients waiting in a blocking command."),
    Measures("rejected_connections_per_s", "per_second", "Connections refused for maxclients."),
    Measures("evicted_keys_per_s", "per_second", "Keys evicted for maxmemory."),
    Measures("hit_ratio", "ratio", "Look-ups since the last look that found their key."),
    Measures("errors_per_s", "per_second", "Error replies."),
    Measures("ops_per_s", "per_second", "Commands, as the server averages them itself."),
    Measures("keys", "count", "Keys of all databases."),
    Measures("last_fork_s", "seconds", "How long the last fork took."),
    Measures("last_bgsave_s", "seconds", "How long the last background save took."),
    Measures("unsaved_changes", "count", "Changes since the last save."),
    Measures("replicas", "count", "Connected replicas."),
    Measures("master_link_down_s", "seconds", "On a replica: since when its primary is lost."),
    Measures("lag_bytes", "bytes", "Of a replica: how far its offset is behind."),
    Measures("lag_s", "seconds", "Of a replica: since when it acknowledged nothing."),
    Measures("slots_failing", "count", "In a cluster: slots whose node fails or may be failing."),
    Measures("state", "state", "Of a replica: its own state, as a number."),
)

_SMALL_BYTES = 100e6


def parse_info(text: str) -> dict[str, str]:
    """Return the fields of an INFO text."""
    pairs = (line.partition(":") for line in text.splitlines() if line[:1] != "#")
    return {key: value for key, colon, value in pairs if colon}


def fault_in(info: Info, cluster: Info, role: str | None) -> Fault | None:
    """Return what keeps this server from being up.

    Loading is initialising; a replica without its primary, a failed save and a role that is not
    the expected one are degraded; a cluster that says it fails is down.
    """
    if info.get("loading") == "1" or info.get("async_loading") == "1":
        return Fault("starting", "it is loading its data set", State.INITIALISING)
    if cluster.get("cluster_state", "ok") != "ok":
        return Fault("quorum_lost", "cluster_state is " + cluster["cluster_state"][:32])
    if role is not None and _role(info) != role:
        message = f"it is a {_role(info)}, not a {role}"
        return Fault("wrong_role", message, State.DEGRADED)
    if info.get("master_link_status", "up") != "up":
        return Fault("replication", "the link to its primary is down", State.DEGRADED)
    for field in ("rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"):
        if info.get(field, "ok") != "ok":
            return Fault("storage", f"{field} is {info[field][:32]}", State.DEGRADED)
    return None


def evicts(info: Info) -> bool:
    """Say whether full memory is this server's normal life: a cache that evicts."""
    policy = info.get("maxmemory_policy", "noeviction")
    return _number(info, "maxmemory", 0.0) != 0 and policy != "noeviction"


def counters(info: Info) -> dict[str, float | None]:
    """Return the counters whose gains `measured` wants."""
    return {name: _number(info, name) for name in COUNTERS}


def measured(info: Info, cluster: Info, gains: Gains) -> list[Measurement]:
    """Return everything but the ping."""
    used = _number(info, "used_memory")
    limit = _number(info, "maxmemory") or None
    fork_us = _number(info, "latest_fork_usec")
    values = {
        "uptime_s": _number(info, "uptime_in_seconds"),
        "used_memory_bytes": used,
        "max_memory_bytes": limit,
        "memory_ratio": ratio(used, limit or _number(info, "total_system_memory")),
        "fragmentation_ratio": _number(info, "mem_fragmentation_ratio")
        if (used or 0) > _SMALL_BYTES
        else None,
        "clients": _number(info, "connected_clients"),
        "clients_ratio": ratio(_number(info, "connected_clients"), _number(info, "maxclients")),
        "blocked_clients": _number(info, "blocked_clients"),
        "rejected_connections_per_s": gains.per_s("rejected_connections"),
        "evicted_keys_per_s": gains.per_s("evicted_keys"),
        "hit_ratio": gains.share("keyspace_hits", "keyspace_hits", "keyspace_misses"),
        "errors_per_s": gains.per_s("total_error_replies"),
        "ops_per_s": _number(info, "instantaneous_ops_per_sec"),
        "keys": sum(_field(v, "keys") or 0 for k, v in info.items() if _is_database(k)),
        "last_fork_s": fork_us / 1e6 if fork_us is not None else None,
        "last_bgsave_s": _positive(_number(info, "rdb_last_bgsave_time_sec")),
        "unsaved_changes": _number(info, "rdb_changes_since_last_save"),
        "replicas": _number(info, "connected_slaves"),
        "master_link_down_s": _positive(_number(info, "master_link_down_since_seconds")),
    }
    if cluster:
        pfail, fail = (
            _number(cluster, "cluster_slots_pfail"),
            _number(cluster, "cluster_slots_fail"),
        )
        values["slots_failing"] = (pfail or 0.0) + (fail or 0.0)
    return [*measurements(values), *_replicas(info)]


def facts(info: Info) -> dict[str, str]:
    """Return what people ask of a server."""
    name = info.get("server_name", "redis")
    version = info.get(f"{name}_version") or info.get("redis_version", "")
    return {"version": f"{name} {version}", "role": _role(info), "mode": info.get("redis_mode", "")}


def _role(info: Info) -> str:
    return "primary" if info.get("role") == "master" else "replica"


def _replicas(info: Info) -> list[Measurement]:
    # slave0:ip=10.0.0.2,port=6379,state=online,offset=1337,lag=0
    head = _number(info, "master_repl_offset")
    found: list[Measurement] = []
    for key, value in info.items():
        if not (key.startswith("slave") and key[5:].isdigit()):
            continue
        fields = dict(part.partition("=")[::2] for part in value.split(","))
        entity = f"replica:{fields.get('ip', '')}:{fields.get('port', '')}"
        offset = _number(fields, "offset")
        online = fields.get("state") == "online"
        lag = max(head - offset, 0.0) if head is not None and offset is not None else None
        found += [
            state_of(entity, State.UP if online else State.INITIALISING),
            *measurements({"lag_bytes": lag, "lag_s": _number(fields, "lag")}, entity),
        ]
    return found


def _is_database(key: str) -> bool:
    return key.startswith("db") and key[2:].isdigit()


def _field(value: str, name: str) -> float | None:
    return _number(dict(part.partition("=")[::2] for part in value.split(",")), name)


def _number(fields: Mapping[str, str], name: str, default: float | None = None) -> float | None:
    try:
        return float(fields[name])
    except (KeyError, ValueError):
        return default


def _positive(value: float | None) -> float | None:
    # Redis says -1 for "never".
    return value if value is not None and value >= 0 else None
