"""RabbitMQ's :15692/metrics, the cheap way to watch a large broker; no I/O."""

from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.families import Families, first, summed
from vedette.agent.connectors.limits import measurements, ratio, state_of
from vedette.agent.connectors.rates import Gains
from vedette.health.model import Measurement, State

COUNTERS = {
    "published_per_s": "rabbitmq_global_messages_received_total",
    "delivered_per_s": "rabbitmq_global_messages_delivered_total",
    "acknowledged_per_s": "rabbitmq_global_messages_acknowledged_total",
    "redelivered_per_s": "rabbitmq_global_messages_redelivered_total",
    "unroutable_per_s": "rabbitmq_global_messages_unroutable_returned_total",
    "dropped_per_s": "rabbitmq_global_messages_unroutable_dropped_total",
    "connections_opened_per_s": "rabbitmq_connections_opened_total",
    "channels_opened_per_s": "rabbitmq_channels_opened_total",
    "queues_declared_per_s": "rabbitmq_queues_declared_total",
}
"""Measurement → family it is the rate of, all protocols and kinds of queues added up."""

_ALARMS = {
    "rabbitmq_alarms_memory_used_watermark": "memory alarm, publishers are held",
    "rabbitmq_alarms_free_disk_space_watermark": "disk alarm, publishers are held",
    "rabbitmq_alarms_file_descriptor_limit": "file descriptor alarm",
}

FAMILIES = (
    *COUNTERS.values(),
    *_ALARMS,
    "rabbitmq_build_info",
    "rabbitmq_identity_info",
    "rabbitmq_queue_messages_ready",
    "rabbitmq_queue_messages_unacked",
    "rabbitmq_consumers",
    "rabbitmq_connections",
    "rabbitmq_channels",
    "rabbitmq_queues",
    "rabbitmq_process_resident_memory_bytes",
    "rabbitmq_resident_memory_limit_bytes",
    "rabbitmq_disk_space_available_bytes",
    "rabbitmq_disk_space_available_limit_bytes",
    "rabbitmq_process_open_fds",
    "rabbitmq_process_max_fds",
    "rabbitmq_process_open_tcp_sockets",
    "rabbitmq_process_max_tcp_sockets",
    "rabbitmq_erlang_processes_used",
    "rabbitmq_erlang_processes_limit",
    "erlang_vm_process_count",
    "erlang_vm_process_limit",
    "erlang_vm_statistics_run_queues_length",
    "erlang_vm_statistics_run_queues_length_total",
    "rabbitmq_erlang_uptime_seconds",
)


def fault_in(families: Families) -> Fault | None:
    """Return the alarm that is raised; raise `protocol` when this is not RabbitMQ's."""
    if not families.get("rabbitmq_build_info"):
        raise Fault("protocol", "its /metrics are not RabbitMQ's")
    raised = [words for family, words in _ALARMS.items() if first(families, family)]
    return Fault("limit", "; ".join(raised), State.DEGRADED) if raised else None


def counters(families: Families) -> dict[str, float | None]:
    """Return the counters whose gains `measured` wants."""
    return {name: summed(families, family) for name, family in COUNTERS.items()}


def measured(families: Families, gains: Gains, fault: Fault | None) -> list[Measurement]:
    """Return what /metrics gives: the node's own, and its share of the cluster's."""
    entity = f"node:{_label(families, 'rabbitmq_identity_info', 'rabbitmq_node') or '?'}"
    memory = first(families, "rabbitmq_process_resident_memory_bytes")
    processes = first(families, "erlang_vm_process_count", "rabbitmq_erlang_processes_used")
    most = first(families, "erlang_vm_process_limit", "rabbitmq_erlang_processes_limit")
    whole = {
        "messages_ready": summed(families, "rabbitmq_queue_messages_ready"),
        "messages_unacked": summed(families, "rabbitmq_queue_messages_unacked"),
        **{
            name: first(families, f"rabbitmq_{name}")
            for name in ("consumers", "connections", "channels", "queues")
        },
        **{name: gains.per_s(name) for name in COUNTERS},
    }
    node = {
        "memory_bytes": memory,
        "memory_ratio": ratio(memory, first(families, "rabbitmq_resident_memory_limit_bytes")),
        "disk_free_bytes": first(families, "rabbitmq_disk_space_available_bytes"),
        "disk_limit_bytes": first(families, "rabbitmq_disk_space_available_limit_bytes"),
        "fds_ratio": ratio(
            first(families, "rabbitmq_process_open_fds"),
            first(families, "rabbitmq_process_max_fds"),
        ),
        "sockets_ratio": ratio(
            first(families, "rabbitmq_process_open_tcp_sockets"),
            first(families, "rabbitmq_process_max_tcp_sockets"),
        ),
        "processes_ratio": ratio(processes, most),
        "run_queue": first(
            families,
            "erlang_vm_statistics_run_queues_length",
            "erlang_vm_statistics_run_queues_length_total",
        ),
        "uptime_s": first(families, "rabbitmq_erlang_uptime_seconds"),
    }
    return [
        *measurements(whole),
        state_of(entity, fault.state if fault else State.UP),
        *measurements(node, entity),
    ]


def facts(families: Families) -> dict[str, str]:
    """Return what people ask of a broker."""
    said = {
        "version": _label(families, "rabbitmq_build_info", "rabbitmq_version"),
        "erlang": _label(families, "rabbitmq_build_info", "erlang_version"),
        "cluster": _label(families, "rabbitmq_identity_info", "rabbitmq_cluster"),
    }
    if said["version"]:
        said["version"] = f"RabbitMQ {said['version']}"
    return {name: text for name, text in said.items() if text}


def _label(families: Families, family: str, label: str) -> str:
    samples = families.get(family)
    return samples[0].labels.get(label, "") if samples else ""
