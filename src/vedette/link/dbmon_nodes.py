"""A stored report of a CockroachDB as dbmon's clients read it: a JSON array of nodes, and a time.

Their decoder is Go's: it matches keys whatever their case, ignores those it does not know, and
rejects the whole report for one fraction or one negative number where it expects an unsigned one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from vedette.health.feed_reads import Layout
from vedette.health.model import State

OK = "200"
FAILED = "503"
"""`status` of a report that brought nothing; dbmon itself then said nothing at all."""

NOTHING = b"[]"
MOST_UNSIGNED = 2**64 - 1
MOST_SIGNED = 2**63 - 1
MOST_OFFSET = 2**32 - 1
NANO = 1e9
ID_DIGITS = 18
"""A node that has no number yet is called by its address; its `ID` is 0."""


@dataclass(frozen=True, slots=True)
class Field:
    """A key of a node: the measurement it is made of, and how."""

    key: str
    measurement: str
    of: Callable[[float], Any]


def _clamped(value: float, most: int) -> int:
    return round(min(max(value, 0.0), most))  # clamped first: a product may be infinite


def _whole(value: float) -> int:
    return _clamped(value, MOST_UNSIGNED)


def _signed(value: float) -> int:
    return _clamped(value, MOST_SIGNED)


def _nanoseconds(value: float) -> int:
    return _clamped(value * NANO, MOST_UNSIGNED)


def _offset(value: float) -> int:
    return _clamped(abs(value) * NANO, MOST_OFFSET)


FIELDS = (
    Field("Ranges", "ranges", _whole),
    Field("Replicas", "replicas", _whole),
    Field("CapacityUsage", "capacity_used_bytes", _whole),
    Field("CapacityReserved", "capacity_reserved_bytes", _whole),
    Field("CapacityAvailable", "capacity_available_bytes", _whole),
    Field("Capacity", "capacity_bytes", _whole),
    Field("TotalSystemMemory", "memory_total_bytes", _signed),
    Field("MemoryUsage", "memory_bytes", _whole),
    Field("MemoryReserved", "memory_reserved_bytes", _whole),
    Field("QueriesPerSecond", "queries_per_s", float),
    Field("Latency99", "heartbeat_p99_s", _nanoseconds),
    Field("ClockOffset", "clock_offset_s", _offset),
    # dbmon had none of these; its roadmap did.
    Field("RangesUnavailable", "ranges_unavailable", _whole),
    Field("RangesUnderreplicated", "ranges_underreplicated", _whole),
    Field("PendingTasks", "pending_tasks", _whole),
    Field("RoundTrip", "rtt_s", _nanoseconds),
)
FIELD_OF = {field.measurement: field for field in FIELDS}
UNSAID = {field.key: field.of(0.0) for field in FIELDS}

STANDINGS = {
    "Up": State.UP,
    "Init": State.INITIALISING,
    "Out": State.DRAINING,
    "Dead": State.DOWN,
}
"""At most one of these is true of a node: what answers and is not well is none of them."""


class Reading:
    """How the values of one layout become nodes; made once, used for every report of the layout."""

    def __init__(self, layout: Layout) -> None:
        self._nodes: dict[str, list[tuple[int, Field]]] = {}
        self._states: dict[str, int] = {}
        for place, (name, entity) in enumerate(zip(layout.names, layout.entities, strict=True)):
            kind, _, node = entity.partition(":")
            if kind != "node":
                continue
            fields = self._nodes.setdefault(node, [])
            if name == "state":
                self._states[node] = place
            elif name in FIELD_OF:
                fields.append((place, FIELD_OF[name]))

    def nodes(self, target: str, values: Sequence[float]) -> list[dict[str, Any]]:
        """Return the nodes of a report, by number; a key nobody measured is 0."""
        found = [self._node(target, name, values) for name in self._nodes]
        return sorted(found, key=lambda node: (node["ID"], node["Node"]))

    def _node(self, target: str, name: str, values: Sequence[float]) -> dict[str, Any]:
        state = _state(values, self._states.get(name))
        said = {field.key: field.of(values[place]) for place, field in self._nodes[name]}
        left = said.get("TotalSystemMemory", 0) - said.get("MemoryUsage", 0)
        return {
            "ID": int(name) if name.isdecimal() and len(name) <= ID_DIGITS else 0,
            **{key: state is its for key, its in STANDINGS.items()},
            **UNSAID,
            **said,
            "MemoryAvailable": max(left, 0),
            "Node": name,
            "State": state.word,
            "Target": target,
        }


def _state(values: Sequence[float], place: int | None) -> State:
    numbers = {float(state): state for state in State}
    return State.UNKNOWN if place is None else numbers.get(values[place], State.UNKNOWN)


def is_failure(state: State, error_class: str) -> bool:
    """Tell whether a look learnt nothing: a cluster without quorum still tells of its nodes."""
    return state in (State.DOWN, State.UNKNOWN) and error_class != "quorum_lost"


def as_json(nodes: Sequence[dict[str, Any]]) -> bytes:
    """Return `data` of a Probe."""
    return msgspec.json.encode(nodes)


def go_time(at: datetime) -> str:
    """Return the instant, in UTC, as Go's `time.Time.String()` writes it."""
    fraction = f".{at.microsecond:06d}".rstrip("0").rstrip(".")
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"
