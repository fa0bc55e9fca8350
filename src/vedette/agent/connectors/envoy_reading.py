"""What Envoy's admin door says, read into nouns; no I/O.

Its JSON is protobuf's: 64-bit numbers come as texts and are absent when 0, a missing `type` means
counter. What EDS holds of a host (`eds_health_status`) stays HEALTHY while active checks fail.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vedette.agent.connectors.errors import Fault

_NO_CERTIFICATE = 4294967295.0
"""What `days_until_first_cert_expiring` says where there is none."""

STATS_FILTER = (
    r"^(server\.(uptime|memory_allocated|days_until_first_cert_expiring|total_connections)"
    r"|(cluster_manager\.cds|listener_manager\.lds)\.update_rejected|control_plane\.connected_state"
    r"|http\..+\.downstream_(rq_active|cx_active|rq_5xx|rq_completed)"
    r"|cluster\..+\.(upstream_(rq_(completed|5xx|timeout|retry|pending_overflow|active)"
    r"|cx_(active|connect_fail))|outlier_detection\.ejections_active"
    r"|circuit_breakers\.default\.(cx|rq|rq_pending)_open))$"
)
"""One cluster is a thousand lines of statistics; these are those somebody watches."""


class Health(msgspec.Struct):
    """What Envoy holds of a host."""

    eds_health_status: str = "HEALTHY"
    failed_active_health_check: bool = False
    failed_outlier_check: bool = False
    failed_active_degraded_check: bool = False
    pending_dynamic_removal: bool = False
    pending_active_hc: bool = False
    excluded_via_immediate_hc_fail: bool = False
    active_hc_timeout: bool = False


class _Host(msgspec.Struct):
    health_status: Health = msgspec.field(default_factory=Health)


class _Status(msgspec.Struct):
    name: str
    host_statuses: list[_Host] = []


class _Clusters(msgspec.Struct):
    cluster_statuses: list[_Status] = []


class _Stat(msgspec.Struct):
    name: str = ""
    value: float | str | None = None


class _Stats(msgspec.Struct):
    stats: list[_Stat]


class _Info(msgspec.Struct):
    state: str
    version: str = ""
    node: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Members:
    """The hosts of a cluster, counted. reasons: what ails those that are not healthy."""

    hosts: int
    healthy: int
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class Stats:
    """Statistics by who they are of.

    server: by full name. clusters, listeners: name → what follows it → value.
    """

    server: dict[str, float] = field(default_factory=dict)
    clusters: dict[str, dict[str, float]] = field(default_factory=dict)
    listeners: dict[str, dict[str, float]] = field(default_factory=dict)


def read_info(body: bytes) -> tuple[str, dict[str, str]]:
    """Read `/server_info`: the state and facts; what is not Envoy's is a `protocol` fault."""
    info = decoded(body, _Info)
    facts = {"state": info.state[:64], "version": _version(info.version)}
    for key in ("id", "cluster"):
        if isinstance(said := info.node.get(key), str) and said:
            facts[f"node {key}"] = said[:200]
    return info.state, facts


def read_clusters(body: bytes) -> dict[str, Members]:
    """Read `/clusters?format=json`."""
    return {
        status.name: _members(status.host_statuses)
        for status in decoded(body, _Clusters).cluster_statuses
    }


def read_stats(body: bytes) -> Stats:
    """Read `/stats?format=json`."""
    found = Stats()
    for stat in decoded(body, _Stats).stats:
        value = _number(stat.value)
        absent = stat.name.startswith("server.days_") and value == _NO_CERTIFICATE
        if stat.name and value is not None and not absent:
            _keep(found, stat.name, value)
    return found


def _keep(found: Stats, name: str, value: float) -> None:
    kind, _, rest = name.partition(".")
    if kind == "cluster":
        # A cluster's name may hold dots; what we asked for is known by its end.
        for mark in (".upstream_", ".outlier_detection.", ".circuit_breakers."):
            owner, cut, _ = rest.rpartition(mark)
            if cut:
                found.clusters.setdefault(owner, {})[rest[len(owner) + 1 :]] = value
                return
    elif kind == "http":
        owner, _, last = rest.rpartition(".")
        found.listeners.setdefault(owner, {})[last] = value
    else:
        found.server[name] = value


def _members(hosts: list[_Host]) -> Members:
    ailing = [reason for host in hosts if (reason := reason_of(host.health_status))]
    return Members(len(hosts), len(hosts) - len(ailing), tuple(sorted(set(ailing))))


def reason_of(health: Health) -> str:
    """Return why no requests go to the host, "" when they do."""
    if health.failed_active_health_check:
        return "its health check fails"
    if health.failed_outlier_check:
        return "it was ejected as an outlier"
    if health.excluded_via_immediate_hc_fail:
        return "it asked to be left out"
    if health.eds_health_status not in ("HEALTHY", "UNKNOWN", "DEGRADED"):
        return f"discovery calls it {health.eds_health_status[:32]}"
    return ""


def _version(text: str) -> str:
    # revision/1.40.0/Clean/RELEASE/BoringSSL
    parts = text.split("/")
    return parts[1][:64] if len(parts) > 1 else text[:64]


def _number(value: float | str | None) -> float | None:
    if value is None:
        return 0.0
    try:
        return float(value)
    except ValueError:
        return None


def decoded(body: bytes, form: Any) -> Any:  # noqa: ANN401 - a form and its instance
    """Return the JSON in that form; raise `protocol` where it is none."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Fault("protocol", "what answers is not Envoy's admin door") from None
