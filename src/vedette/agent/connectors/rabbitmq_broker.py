"""What RabbitMQ says of itself, over HTTP, read into measurements and a verdict; no I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vedette.agent.connector import Measures
from vedette.agent.connectors.errors import Fault, gravest
from vedette.agent.connectors.json_api import number
from vedette.agent.connectors.limits import measurements, ratio, state_of
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import Pack, Threshold
from vedette.health.model import Measurement, State

Document = Mapping[str, Any]

COUNTERS = {
    "published_per_s": ("message_stats", "publish"),
    "delivered_per_s": ("message_stats", "deliver_get"),
    "acknowledged_per_s": ("message_stats", "ack"),
    "redelivered_per_s": ("message_stats", "redeliver"),
    "unroutable_per_s": ("message_stats", "return_unroutable"),
    "dropped_per_s": ("message_stats", "drop_unroutable"),
    "connections_opened_per_s": ("churn_rates", "connection_created"),
    "channels_opened_per_s": ("churn_rates", "channel_created"),
    "queues_declared_per_s": ("churn_rates", "queue_declared"),
}
"""Measurement → where /api/overview keeps the counter it is the rate of."""

LIMITS: Pack = {
    "memory_ratio": Threshold(0.95, 0.9),
    "fds_ratio": Threshold(0.9, 0.8),
    "sockets_ratio": Threshold(0.9, 0.8),
    "processes_ratio": Threshold(0.9, 0.8),
}

MEASURES = (
    Measures("channel_s", "seconds", "Time to open a channel on a kept AMQP connection."),
    Measures("messages_ready", "count", "Messages waiting for a consumer; also of a queue."),
    Measures(
        "messages_unacked", "count", "Messages delivered and not acknowledged; also of a queue."
    ),
    Measures("consumers", "count", "Consumers; also of a queue."),
    Measures("connections", "count", "Open connections."),
    Measures("channels", "count", "Open channels."),
    Measures("queues", "count", "Queues."),
    Measures(
        "queues_unconsumed", "count", "Listed queues that hold messages and have no consumer."
    ),
    Measures("published_per_s", "per_second", "Messages that came in."),
    Measures("delivered_per_s", "per_second", "Messages that went out."),
    Measures("acknowledged_per_s", "per_second", "Messages that consumers acknowledged."),
    Measures("redelivered_per_s", "per_second", "Messages delivered again."),
    Measures("unroutable_per_s", "per_second", "Messages returned since no queue wanted them."),
    Measures("dropped_per_s", "per_second", "Messages dropped since no queue wanted them."),
    Measures("connections_opened_per_s", "per_second", "Connections that were opened."),
    Measures("channels_opened_per_s", "per_second", "Channels that were opened."),
    Measures("queues_declared_per_s", "per_second", "Queues that were declared."),
    Measures("memory_bytes", "bytes", "Of a node: memory in use."),
    Measures("memory_ratio", "ratio", "Of a node: memory in use of the alarm's watermark."),
    Measures("disk_free_bytes", "bytes", "Of a node: free disk."),
    Measures("disk_limit_bytes", "bytes", "Of a node: free disk below which the alarm is raised."),
    Measures("fds_ratio", "ratio", "Of a node: open files of the most allowed."),
    Measures("sockets_ratio", "ratio", "Of a node: sockets of the most allowed."),
    Measures("processes_ratio", "ratio", "Of a node: Erlang processes of the most allowed."),
    Measures("run_queue", "count", "Of a node: Erlang processes waiting for a processor."),
    Measures("uptime_s", "seconds", "Of a node: time since it started."),
    Measures("state", "state", "Of a node or a queue: its own state, as a number."),
)

_CHECKS: dict[str, tuple[str, State]] = {
    "alarms": ("limit", State.DEGRADED),
    "local-alarms": ("limit", State.DEGRADED),
    "virtual-hosts": ("unhealthy", State.DEGRADED),
    "node-is-quorum-critical": ("node_down", State.DEGRADED),
    "certificate-expiration": ("expiring", State.DEGRADED),
    "port-listener": ("unhealthy", State.DOWN),
    "protocol-listener": ("unhealthy", State.DOWN),
}
"""Health check, up to its first slash → what its failure means; others are `unhealthy`, degraded."""

_WELL = {"", "running", "idle", "flow"}
"""States of a queue that serves; it has none until its first statistics, 5 s after it was made."""


@dataclass(slots=True)
class Broker:
    """What the management API said.

    failed: health check → its reason, of those that failed.
    queues: those with most messages; None when they were not asked for.
    """

    overview: Document = field(default_factory=dict)
    nodes: Sequence[Document] = ()
    queues: Sequence[Document] | None = None
    failed: Mapping[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


def fault_in(broker: Broker) -> Fault | None:
    """Return what keeps this broker from being up, the gravest first."""
    faults = [_check_fault(check, reason) for check, reason in broker.failed.items()]
    faults += [fault for node in broker.nodes if (fault := _node_fault(node))]
    faults += [fault for queue in broker.queues or () if (fault := _queue_fault(queue))]
    return gravest(faults) if faults else None


def counters(overview: Document) -> dict[str, float | None]:
    """Return the counters whose gains `measured` wants.

    What has not happened since the start is not there at all: it counts as nought.
    """
    found: dict[str, float | None] = {}
    for name, (group, key) in COUNTERS.items():
        is_told = isinstance(overview.get(group), dict)
        found[name] = (number(overview, group, key) or 0.0) if is_told else None
    return found


def measured(broker: Broker, gains: Gains) -> list[Measurement]:
    """Return what the management API gives."""
    overview = broker.overview
    values = {
        "messages_ready": _in_queues(overview, "messages_ready"),
        "messages_unacked": _in_queues(overview, "messages_unacknowledged"),
        "consumers": number(overview, "object_totals", "consumers"),
        "connections": number(overview, "object_totals", "connections"),
        "channels": number(overview, "object_totals", "channels"),
        "queues": number(overview, "object_totals", "queues"),
        "queues_unconsumed": _unconsumed(broker.queues) if broker.queues is not None else None,
        **{name: gains.per_s(name) for name in COUNTERS},
    }
    found = measurements(values)
    for node in broker.nodes:
        found += _of_node(node)
    for queue in broker.queues or ():
        found += _of_queue(queue)
    return found


def facts(broker: Broker) -> dict[str, str]:
    """Return what people ask of a broker."""
    overview = broker.overview
    product = overview.get("product_name") or "RabbitMQ"
    version = overview.get("product_version") or overview.get("rabbitmq_version") or ""
    said = {
        "version": f"{product} {version}".strip(),
        "erlang": str(overview.get("erlang_version", "")),
        "cluster": str(overview.get("cluster_name", "")),
    }
    return {name: text for name, text in said.items() if text} | broker.notes


def _check_fault(check: str, reason: str) -> Fault:
    error_class, state = _CHECKS.get(check.partition("/")[0], ("unhealthy", State.DEGRADED))
    return Fault(error_class, f"{check}: {reason}".rstrip(": "), state)


def _node_fault(node: Document) -> Fault | None:
    name = node.get("name", "?")
    if node.get("running") is False:
        return Fault("node_down", f"node {name} is not running", State.DEGRADED)
    if partitions := node.get("partitions"):
        words = f"node {name} is partitioned from {', '.join(map(str, partitions))}"
        return Fault("node_down", words[:300], State.DEGRADED)
    for alarm, words in (("mem_alarm", "memory"), ("disk_free_alarm", "disk")):
        if node.get(alarm) is True:
            message = f"node {name}: {words} alarm, publishers are held"
            return Fault("limit", message, State.DEGRADED)
    if node.get("being_drained") is True:
        return Fault("stopping", f"node {name} is in maintenance", State.DRAINING)
    return None


def _queue_fault(queue: Document) -> Fault | None:
    state = str(queue.get("state") or "")
    if state in _WELL:
        return None
    return Fault("unhealthy", f"queue {_queue_name(queue)} is {state[:40]}", State.DEGRADED)


def _of_node(node: Document) -> list[Measurement]:
    entity = f"node:{node.get('name', '?')}"
    if node.get("running") is False:
        return [state_of(entity, State.DOWN)]
    fault = _node_fault(node)
    uptime_ms = number(node, "uptime")
    values = {
        "memory_bytes": number(node, "mem_used"),
        "memory_ratio": ratio(number(node, "mem_used"), number(node, "mem_limit")),
        "disk_free_bytes": number(node, "disk_free"),
        "disk_limit_bytes": number(node, "disk_free_limit"),
        "fds_ratio": ratio(number(node, "fd_used"), number(node, "fd_total")),
        # Gone in 4.0.
        "sockets_ratio": ratio(number(node, "sockets_used"), number(node, "sockets_total")),
        "processes_ratio": ratio(number(node, "proc_used"), number(node, "proc_total")),
        "run_queue": number(node, "run_queue"),
        "uptime_s": uptime_ms / 1000 if uptime_ms is not None else None,
    }
    return [state_of(entity, fault.state if fault else State.UP), *measurements(values, entity)]


def _of_queue(queue: Document) -> list[Measurement]:
    entity = f"queue:{_queue_name(queue)}"
    state = State.DOWN if _queue_fault(queue) else State.UP
    values = {
        "messages_ready": number(queue, "messages_ready"),
        "messages_unacked": number(queue, "messages_unacknowledged"),
        "consumers": number(queue, "consumers"),
    }
    return [state_of(entity, state), *measurements(values, entity)]


def _in_queues(overview: Document, key: str) -> float | None:
    # Absent until there is a queue, and where statistics are disabled.
    there_are_none = number(overview, "object_totals", "queues") == 0
    return 0.0 if there_are_none else number(overview, "queue_totals", key)


def _unconsumed(queues: Sequence[Document]) -> int:
    return sum(
        1 for queue in queues if number(queue, "consumers") == 0 and number(queue, "messages")
    )


def _queue_name(queue: Document) -> str:
    vhost = str(queue.get("vhost") or "/")
    return f"{'' if vhost == '/' else vhost}/{queue.get('name', '?')}"[:200]
