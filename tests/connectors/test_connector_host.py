"""The host the tests run on, and hosts made up for what ours does not show."""

import os
import threading
from dataclasses import replace

import pytest
from tests.connectors.looks import a_look, entities, look_at, make, names, value

from vedette.agent.connectors.host_reading import Reading, measured
from vedette.health.model import State


async def test_this_host_is_measured():
    connector = make("host")
    await connector.probe(a_look())
    report = await connector.probe(a_look())
    assert report.state in (State.UP, State.DEGRADED)
    assert {"memory_ratio", "load15_per_cpu", "uptime_s", "processes"} <= names(report)
    assert any(entity.startswith("mount:/") for entity in entities(report))
    assert report.facts["hostname"]


async def test_mounts_and_nics_may_be_named():
    report = await look_at("host", mounts=["/"], nics=[])
    assert entities(report) == {"mount:/"}
    assert 0 < value(report, "disk_ratio", "mount:/") < 1


async def test_a_mount_that_is_not_there_is_left_out():
    assert entities(await look_at("host", mounts=["/nowhere"], nics=[])) == set()


async def test_a_limit_passed_degrades_and_a_lifted_one_does_not():
    strict = await look_at("host", thresholds={"memory_ratio": 0.0})
    assert (strict.state, strict.error_class) == (State.DEGRADED, "threshold")
    assert "memory_ratio" in strict.message
    lifted = await look_at(
        "host",
        mounts=[],
        thresholds={"memory_ratio": None, "load15_per_cpu": None, "files_ratio": None},
    )
    assert lifted.state is State.UP


async def test_a_mount_that_hangs_is_told_and_holds_one_thread_only(tmp_path, monkeypatch):
    # A dead network mount cannot be made without one; a stat that waits is what it looks like.
    released, asked = threading.Event(), []

    def hang(path):
        asked.append(path)
        released.wait(10)
        return statvfs(path)

    monkeypatch.setattr(os, "statvfs", hang)
    connector = make("host", mounts=[str(tmp_path)], nics=[])
    for _ in range(3):
        report = await connector.probe(a_look(timeout_s=0.2))
        assert (report.state, report.error_class) == (State.DEGRADED, "storage")
    assert asked == [str(tmp_path)]
    released.set()
    assert entities(await connector.probe(a_look())) == {f"mount:{tmp_path}"}


statvfs = os.statvfs
EMPTY = Reading(at=0.0, cpu={}, oom_kills=0.0, values={}, mounts={}, disks={}, nics={})


def found(before, after):
    return {(m.entity, m.name): m.value for m in measured(after, oldest=before, latest=before)}


def test_shares_of_the_processor_add_up():
    before = replace(EMPTY, cpu={"user": 10.0, "system": 5.0, "idle": 85.0, "iowait": 0.0})
    after = replace(before, at=10.0, cpu={"user": 14.0, "system": 6.0, "idle": 88.0, "iowait": 2.0})
    shares = found(before, after)
    assert shares["", "cpu_ratio"] == pytest.approx(0.5)
    assert shares["", "iowait_ratio"] == pytest.approx(0.2)
    assert shares["", "user_ratio"] == pytest.approx(0.4)


def test_a_counter_that_ran_backwards_makes_no_negative_share():
    before = replace(EMPTY, cpu={"user": 10.0, "idle": 90.0})
    after = replace(before, at=10.0, cpu={"user": 9.0, "idle": 100.0})
    assert found(before, after)["", "cpu_ratio"] == 0


def test_a_mount_that_fills_is_given_hours():
    before = replace(EMPTY, mounts={"/": (2000, 4000, None)})
    after = replace(before, at=600.0, mounts={"/": (1000, 4000, None)})
    assert found(before, after)["mount:/", "hours_to_full"] == pytest.approx(1 / 6)
    assert ("mount:/", "hours_to_full") not in found(before, replace(after, at=60.0))
    assert ("mount:/", "hours_to_full") not in found(after, replace(before, at=1200.0))


def test_killed_programs_are_counted_over_the_window():
    before, after = replace(EMPTY, oom_kills=3.0), replace(EMPTY, at=10.0, oom_kills=5.0)
    assert found(before, after)["", "oom_kills"] == 2
