"""Mosquitto's `$SYS` topics, all of them texts, read into measurements; no I/O."""

import re
from collections.abc import Mapping

from vedette.agent.connector import Measures
from vedette.agent.connectors.limits import measurements
from vedette.agent.connectors.rates import Gains
from vedette.health.model import Measurement

Topics = Mapping[str, str]

COUNTERS = {
    "dropped_per_s": "publish/messages/dropped",
    "clients_expired_per_s": "clients/expired",
}
"""Measurement → counter it is the rate of."""

LIMITS = {"dropped_per_s": 0.0}

MEASURES = (
    Measures("round_trip_s", "seconds", "Time until a message we published came back to us."),
    Measures("ping_s", "seconds", "Time from PINGREQ to PINGRESP, where round trips are off."),
    Measures("uptime_s", "seconds", "Time since the broker started."),
    Measures("clients", "count", "Clients that are connected."),
    Measures("clients_disconnected", "count", "Clients that are away and have a session kept."),
    Measures("clients_peak", "count", "Most clients connected at once since the start."),
    Measures(
        "clients_expired_per_s", "per_second", "Sessions removed since they were away too long."
    ),
    Measures("received_msgs_per_s", "per_second", "Packets from clients, over a minute."),
    Measures("sent_msgs_per_s", "per_second", "Packets to clients, over a minute."),
    Measures("published_in_per_s", "per_second", "Messages that clients published, over a minute."),
    Measures("published_out_per_s", "per_second", "Messages delivered, over a minute."),
    Measures("dropped_per_s", "per_second", "Messages dropped, for queues that were full."),
    Measures("received_bytes_per_s", "bytes_per_second", "Bytes from clients, over a minute."),
    Measures("sent_bytes_per_s", "bytes_per_second", "Bytes to clients, over a minute."),
    Measures("connects_per_s", "per_second", "CONNECTs, over a minute."),
    Measures("stored_msgs", "count", "Messages kept, retained ones included."),
    Measures("stored_bytes", "bytes", "Their payloads."),
    Measures("retained_msgs", "count", "Retained messages."),
    Measures("subscriptions", "count", "Subscriptions."),
    Measures("heap_bytes", "bytes", "Heap in use."),
    Measures("heap_peak_bytes", "bytes", "Most heap in use since the start."),
)

_PREFIX = "$SYS/broker/"
_GAUGES: dict[str, tuple[str, ...]] = {
    "uptime_s": ("uptime",),
    # Before 1.5 active and inactive.
    "clients": ("clients/connected", "clients/active"),
    "clients_disconnected": ("clients/disconnected", "clients/inactive"),
    "clients_peak": ("clients/maximum",),
    "stored_msgs": ("store/messages/count", "messages/stored"),
    "stored_bytes": ("store/messages/bytes",),
    "retained_msgs": ("retained messages/count",),
    "subscriptions": ("subscriptions/count",),
    # The manual says "heap/current size".
    "heap_bytes": ("heap/current", "heap/current size"),
    "heap_peak_bytes": ("heap/maximum", "heap/maximum size"),
}
"""Measurement → its topic, and what that was or is called elsewhere."""

_LOADS = {
    "received_msgs_per_s": "load/messages/received/1min",
    "sent_msgs_per_s": "load/messages/sent/1min",
    "published_in_per_s": "load/publish/received/1min",
    "published_out_per_s": "load/publish/sent/1min",
    "received_bytes_per_s": "load/bytes/received/1min",
    "sent_bytes_per_s": "load/bytes/sent/1min",
    "connects_per_s": "load/connections/1min",
}
"""Measurement → an average over a minute that the broker keeps, per minute."""

_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)(?:\s|$)")


def counters(topics: Topics) -> dict[str, float | None]:
    """Return the counters whose gains `measured` wants."""
    return {name: _number(topics, topic) for name, topic in COUNTERS.items()}


def uptime_s(topics: Topics) -> float | None:
    """Return the broker's age, which is the time of all its numbers."""
    return _number(topics, "uptime")


def measured(topics: Topics, gains: Gains) -> list[Measurement]:
    """Return what `$SYS` gives."""
    values: dict[str, float | None] = {
        name: next((n for t in those if (n := _number(topics, t)) is not None), None)
        for name, those in _GAUGES.items()
    }
    for name, topic in _LOADS.items():
        a_minute = _number(topics, topic)
        values[name] = a_minute / 60 if a_minute is not None else None
    values |= {name: gains.per_s(name) for name in COUNTERS}
    return measurements(values)


def facts(topics: Topics) -> dict[str, str]:
    """Return what people ask of a broker; what it said where there is no `$SYS`."""
    if not topics:
        return {"no $SYS": "the broker has none, or does not show it to us"}
    version = topics.get(f"{_PREFIX}version")
    return {"version": version[:200]} if version else {}


def _number(topics: Topics, topic: str) -> float | None:
    # `uptime` reads `10 seconds`.
    found = _NUMBER.match(topics.get(_PREFIX + topic, ""))
    return float(found[1]) if found else None
