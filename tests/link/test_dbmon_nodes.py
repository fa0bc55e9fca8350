"""What dbmon's clients decode: integers wherever their decoder demands integers, times as Go writes them."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.health.feed_reads import Layout
from vedette.health.model import State
from vedette.link.dbmon_nodes import FIELDS, Reading, as_json, go_time, is_failure

UNSIGNED = {
    "Ranges", "Replicas", "CapacityUsage", "CapacityReserved", "CapacityAvailable", "Capacity",
    "MemoryUsage", "MemoryReserved", "MemoryAvailable", "Latency99",
}  # fmt: skip


def reading(*measured: tuple[str, str]) -> Reading:
    """The reading of a layout of (name, entity)."""
    names, entities = ([pair[part] for pair in measured] for part in (0, 1))
    return Reading(Layout(1, names, entities, [""] * len(measured)))


def node(entity: str = "node:1", **values: float) -> dict:
    its = reading(*((name, entity) for name in values))
    return json.loads(as_json(its.nodes("roachy", list(values.values()))))[0]


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=len(FIELDS), max_size=len(FIELDS)))
def test_no_number_an_agent_may_send_is_one_the_client_cannot_decode(values):
    told = node(**{field.measurement: value for field, value in zip(FIELDS, values, strict=True)})
    for key in UNSIGNED:
        assert type(told[key]) is int
        assert 0 <= told[key] < 2**64
    assert type(told["ClockOffset"]) is int
    assert 0 <= told["ClockOffset"] < 2**32
    assert 0 <= told["TotalSystemMemory"] < 2**63


@pytest.mark.parametrize(
    ("state", "true"),
    [
        (State.UP, "Up"),
        (State.INITIALISING, "Init"),
        (State.DRAINING, "Out"),
        (State.DOWN, "Dead"),
        (State.DEGRADED, None),
        (State.UNKNOWN, None),
    ],
)
def test_a_node_is_at_most_one_of_the_four(state, true):
    told = node(state=float(state))
    assert [key for key in ("Up", "Init", "Out", "Dead") if told[key]] == ([true] if true else [])
    assert told["State"] == state.word


def test_a_state_nobody_knows_is_unknown():
    assert node(state=99.0)["State"] == node(ranges=1.0)["State"] == "unknown"


def test_units_are_the_clients():
    told = node(
        heartbeat_p99_s=0.0081, clock_offset_s=-14326e-9, queries_per_s=12.5,
        memory_total_bytes=100.0, memory_bytes=30.0,
    )  # fmt: skip
    assert (told["Latency99"], told["ClockOffset"]) == (8_100_000, 14_326)
    assert told["QueriesPerSecond"] == 12.5
    assert told["MemoryAvailable"] == 70
    assert node(clock_offset_s=5.0)["ClockOffset"] == 2**32 - 1
    assert node(memory_bytes=30.0)["MemoryAvailable"] == 0


def test_nodes_stand_by_number_and_stores_are_not_nodes():
    its = reading(
        ("ranges", "node:10"), ("ranges", "node:2"), ("ranges", "store:1"), ("ranges", ""),
        ("ranges", "node:db3:8080"),
    )  # fmt: skip
    told = its.nodes("roachy", [1.0, 2.0, 3.0, 4.0, 5.0])
    assert [(it["ID"], it["Node"], it["Ranges"]) for it in told] == [
        (0, "db3:8080", 5), (2, "2", 2), (10, "10", 1),
    ]  # fmt: skip
    assert node("node:" + "9" * 30, ranges=1.0)["ID"] == 0


def test_keys_differ_in_more_than_case():
    told = node(ranges=1.0)
    assert len({key.lower() for key in told}) == len(told)


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (datetime(2026, 11, 21, 23, 31, 45, 412001, UTC), "2026-11-21 23:31:45.412001 +0000 UTC"),
        (datetime(2026, 11, 21, 23, 31, 45, 500000, UTC), "2026-11-21 23:31:45.5 +0000 UTC"),
        (datetime(2026, 1, 2, 3, 4, 5, 0, UTC), "2026-01-02 03:04:05 +0000 UTC"),
    ],
)
def test_times_are_written_as_go_writes_them(at, written):
    assert go_time(at) == written


def test_only_a_look_that_learnt_nothing_has_failed():
    assert is_failure(State.DOWN, "refused")
    assert is_failure(State.UNKNOWN, "timeout")
    assert not is_failure(State.DOWN, "quorum_lost")
    assert not is_failure(State.DEGRADED, "node_down")
