"""What a NATS server's monitor port says, read into measurements and a verdict; no I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from vedette.agent.connector import Measures
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.json_api import number
from vedette.agent.connectors.limits import measurements, ratio
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

COUNTERS = ("in_msgs", "out_msgs", "in_bytes", "out_bytes", "slow_consumers", "total_connections")
"""Fields of /varz that only grow, until the server restarts."""

LIMITS: Pack = {
    "connections_ratio": Threshold(0.9, 0.8),
    "slow_consumers_per_s": 0.0,
    "js_memory_ratio": Threshold(0.9, 0.8),
    "js_storage_ratio": Threshold(0.9, 0.8),
    "clock_skew_s": Threshold(5.0, 2.0),
}

MEASURES = (
    Measures("ping_s", "seconds", "Time from PING to PONG on the client port."),
    Measures("uptime_s", "seconds", "Time since the server started."),
    Measures("connections", "count", "Connected clients."),
    Measures("connections_ratio", "ratio", "Connected clients of max_connections."),
    Measures("connects_per_s", "per_second", "Clients that connected."),
    Measures("in_msgs_per_s", "per_second", "Messages from clients."),
    Measures("out_msgs_per_s", "per_second", "Messages to clients."),
    Measures("in_bytes_per_s", "bytes_per_second", "Bytes from clients."),
    Measures("out_bytes_per_s", "bytes_per_second", "Bytes to clients."),
    Measures("slow_consumers_per_s", "per_second", "Clients cut off for reading too slowly."),
    Measures("memory_bytes", "bytes", "Resident memory of the server."),
    Measures("cpu_cores", "count", "Processors' worth of time it uses."),
    Measures("subscriptions", "count", "Subscriptions, its own included."),
    Measures("routes", "count", "Routes to other servers of the cluster."),
    Measures("leafnodes", "count", "Connected leaf nodes."),
    Measures("clock_skew_s", "seconds", "The server's clock less the agent's."),
    Measures("js_memory_bytes", "bytes", "JetStream: memory in use."),
    Measures("js_memory_ratio", "ratio", "JetStream: memory in use of the most allowed."),
    Measures("js_storage_bytes", "bytes", "JetStream: disk in use."),
    Measures("js_storage_ratio", "ratio", "JetStream: disk in use of the most allowed."),
    Measures("js_reserved_memory_bytes", "bytes", "JetStream: memory promised to streams."),
    Measures("js_reserved_storage_bytes", "bytes", "JetStream: disk promised to streams."),
    Measures("js_streams", "count", "JetStream: streams on this server."),
    Measures("js_consumers", "count", "JetStream: consumers on this server."),
    Measures("js_messages", "count", "JetStream: messages kept."),
    Measures("js_api_errors_per_s", "per_second", "JetStream: requests to its API that failed."),
    Measures("js_ha_assets", "count", "JetStream: streams and consumers that are replicated here."),
    Measures("js_peers_offline", "count", "JetStream: peers of the meta group that are offline."),
    Measures("pending", "count", "Of a consumer: messages it has still to deliver."),
    Measures("ack_pending", "count", "Of a consumer: messages delivered and not acknowledged."),
    Measures("redelivered", "count", "Of a consumer: messages it delivers again."),
)

CONSUMERS = 500
"""At most so many consumers are reported, those with most pending first."""

_UPTIME = re.compile(r"(?:(\d+)y)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UPTIME_S = (31_536_000, 86_400, 3600, 60, 1)


@dataclass(slots=True)
class Monitored:
    """What the monitor port said.

    ailing: what /healthz says is wrong, "" when nothing.
    jsz: empty where JetStream is off.
    at: the agent's clock when varz was asked for.
    """

    at: datetime
    ailing: str = ""
    varz: Mapping[str, Any] = field(default_factory=dict)
    jsz: Mapping[str, Any] = field(default_factory=dict)


def fault_in(seen: Monitored, *, jetstream: bool) -> Fault | None:
    """Return what keeps this server from being up.

    A server that calls itself ill still serves what is not: degraded, as is JetStream without a
    leader or a peer. jetstream: whether it is expected to be on.
    """
    if seen.ailing:
        return Fault("unhealthy", seen.ailing, State.DEGRADED)
    if jetstream and not seen.jsz:
        return Fault("unhealthy", "JetStream is not on", State.DEGRADED)
    meta = seen.jsz.get("meta_cluster")
    if isinstance(meta, dict):
        if not meta.get("leader"):
            return Fault("quorum_lost", "JetStream's meta group has no leader", State.DEGRADED)
        if offline := _offline(meta):
            return Fault("node_down", f"JetStream peers offline: {offline[:200]}", State.DEGRADED)
    return None


def counters(seen: Monitored) -> dict[str, float | None]:
    """Return the counters whose gains `measured` wants."""
    return {
        **{name: number(seen.varz, name) for name in COUNTERS},
        "js_api_errors": number(seen.jsz, "api", "errors"),
    }


def measured(seen: Monitored, gains: Gains) -> list[Measurement]:
    """Return what the monitor port gives."""
    varz, jsz = seen.varz, seen.jsz
    connections = number(varz, "connections")
    percent = number(varz, "cpu")
    server_now = _time(varz.get("now"))
    values = {
        "uptime_s": uptime_s(varz),
        "connections": connections,
        "connections_ratio": ratio(connections, _most(number(varz, "max_connections"))),
        "connects_per_s": gains.per_s("total_connections"),
        **{f"{name}_per_s": gains.per_s(name) for name in COUNTERS[:5]},
        "memory_bytes": number(varz, "mem"),
        "cpu_cores": percent / 100 if percent is not None else None,
        "subscriptions": number(varz, "subscriptions"),
        "routes": number(varz, "routes"),
        "leafnodes": number(varz, "leafnodes"),
        "clock_skew_s": (server_now - seen.at).total_seconds() if server_now else None,
    }
    if jsz:
        memory, storage = number(jsz, "memory"), number(jsz, "storage")
        meta = jsz.get("meta_cluster")
        values |= {
            "js_memory_bytes": memory,
            "js_memory_ratio": ratio(memory, _most(number(jsz, "config", "max_memory"))),
            "js_storage_bytes": storage,
            "js_storage_ratio": ratio(storage, _most(number(jsz, "config", "max_storage"))),
            "js_reserved_memory_bytes": number(jsz, "reserved_memory"),
            "js_reserved_storage_bytes": number(jsz, "reserved_storage"),
            "js_streams": number(jsz, "streams"),
            "js_consumers": number(jsz, "consumers"),
            "js_messages": number(jsz, "messages"),
            "js_api_errors_per_s": gains.per_s("js_api_errors"),
            "js_ha_assets": number(jsz, "ha_assets"),
            "js_peers_offline": len(_peers_offline(meta)) if isinstance(meta, dict) else None,
        }
    return [*measurements(values), *_consumers(jsz)]


def facts(varz: Mapping[str, Any]) -> dict[str, str]:
    """Return what people ask of a server; of /varz or of the greeting on the client port."""
    said = {"version": f"nats-server {varz.get('version', '')}".strip()}
    for fact, value in (
        ("server", varz.get("server_name")),
        ("cluster", _name_of(varz.get("cluster"))),
        ("configuration of", varz.get("config_load_time")),
    ):
        if isinstance(value, str) and value:
            said[fact] = value[:200]
    return said


def uptime_s(varz: Mapping[str, Any]) -> float | None:
    """Return how long the server runs: by its own clock, or by its text, such as `1d2h3m4s`."""
    begun, at = _time(varz.get("start")), _time(varz.get("now"))
    if begun and at:
        return (at - begun).total_seconds()
    parts = _UPTIME.fullmatch(str(varz.get("uptime") or "?"))
    if parts is None:
        return None
    return float(sum(int(n or 0) * s for n, s in zip(parts.groups(), _UPTIME_S, strict=True)))


def _time(text: object) -> datetime | None:
    # Nanoseconds, which Python 3.11 does not read.
    try:
        return datetime.fromisoformat(re.sub(r"\.(\d{1,6})\d*", r".\1", str(text))).astimezone(UTC)
    except ValueError:
        return None


def _most(limit: float | None) -> float | None:
    # 0 and -1 both mean that there is none.
    return limit if limit is not None and limit > 0 else None


def _peers_offline(meta: Mapping[str, Any]) -> list[str]:
    peers = meta.get("replicas")
    found = peers if isinstance(peers, list) else []
    return [str(p.get("name", "?")) for p in found if isinstance(p, dict) and p.get("offline")]


def _offline(meta: Mapping[str, Any]) -> str:
    return ", ".join(_peers_offline(meta))


def _name_of(cluster: object) -> object:
    # /varz holds an object, the greeting a text.
    return cluster.get("name") if isinstance(cluster, dict) else cluster


def _consumers(jsz: Mapping[str, Any]) -> list[Measurement]:
    found: list[tuple[float, str, Mapping[str, Any]]] = []
    for account in _maps(jsz.get("account_details")):
        for stream in _maps(account.get("stream_detail")):
            for consumer in _maps(stream.get("consumer_detail")):
                names = (account.get("name"), stream.get("name"), consumer.get("name"))
                entity = "consumer:" + "/".join(str(name) for name in names)
                found.append((number(consumer, "num_pending") or 0.0, entity, consumer))
    found.sort(key=lambda each: each[:2], reverse=True)
    return [
        measurement
        for pending, entity, consumer in found[:CONSUMERS]
        for measurement in measurements(
            {
                "pending": pending,
                "ack_pending": number(consumer, "num_ack_pending"),
                "redelivered": number(consumer, "num_redelivered"),
            },
            entity,
        )
    ]


def _maps(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
