"""Targets are looked at in their own time, and a change of one disturbs no other."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vedette.agent import schedule as schedule_module
from vedette.agent.host import HostRules
from vedette.agent.reach import HostReach
from vedette.agent.schedule import Schedule, next_beat, phase_of
from vedette.agent.secrets import Secrets
from vedette.agent.watch import Host
from vedette.health.model import State
from vedette.link.client import Assignment

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now_s", "due_s"), [(0.0, 3.0), (2.99, 3.0), (3.0, 13.0), (3.01, 13.0), (47.0, 53.0)]
)
def test_a_beat_is_at_the_phase_and_missed_ones_are_not_made_up(now_s, due_s):
    assert next_beat(now_s, 10.0, 0.3) == pytest.approx(due_s)


def test_phases_are_fixed_and_spread():
    phases = [phase_of(f"target-{n}", "edge") for n in range(1000)]
    assert phases == [phase_of(f"target-{n}", "edge") for n in range(1000)]
    for tenth in range(10):
        assert 50 < sum(tenth / 10 <= phase < (tenth + 1) / 10 for phase in phases) < 150
    assert phase_of("target-1", "other") != phase_of("target-1", "edge")


def assignment(name, port, every_s=0.05):
    return Assignment(
        target_id=hash(name) & 0xFFFF,
        name=name,
        connector="tcp",
        every=timedelta(seconds=every_s),
        timeout=timedelta(seconds=every_s),
        settings_json=f'{{"host": "127.0.0.1", "port": {port}}}',
    )


@pytest.fixture
async def port():
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


class Seen(list):
    """What was delivered, with a way to wait for more of one target."""

    def __init__(self):
        super().__init__()
        self.more = asyncio.Event()

    def deliver(self, looked):
        self.append(looked)
        self.more.set()

    async def until(self, claim):
        async with asyncio.timeout(10):
            while not claim():
                self.more.clear()
                await self.more.wait()

    def of(self, one):
        return [looked for looked in self if looked.target_id == one.target_id]


@pytest.fixture
async def watched(monkeypatch):
    monkeypatch.setattr(schedule_module, "FIRST_LOOK_WITHIN_S", 0.01)
    monkeypatch.setattr(schedule_module, "LEAST_EVERY_S", 0.05)
    seen = Seen()
    host = Host(reach=HostReach([]), secrets=Secrets(HostRules()), clock=lambda: NOON)
    schedule = Schedule("edge", host, seen.deliver)
    yield schedule, seen
    await schedule.stop()


async def test_every_target_is_looked_at_again_and_again(watched, port):
    schedule, seen = watched
    a, b = assignment("a", port), assignment("b", 1)
    schedule.apply([a, b])
    await seen.until(lambda: len(seen.of(a)) > 2 and len(seen.of(b)) > 2)
    assert {looked.report.state for looked in seen.of(a)} == {State.UP}
    assert {looked.report.error_class for looked in seen.of(b)} == {"refused"}


@pytest.mark.parametrize("every_s", [0, 1e-3])
async def test_no_server_makes_a_hammer_of_an_agent(watched, port, every_s):
    schedule, seen = watched
    hurried = assignment("a", port, every_s)
    hurried = replace(hurried, timeout=timedelta(seconds=1))
    schedule.apply([hurried])
    began = asyncio.get_running_loop().time()
    await seen.until(lambda: len(seen) >= 6)
    assert asyncio.get_running_loop().time() - began > 4 * 0.05


async def test_only_what_changed_is_begun_anew(watched, port):
    schedule, seen = watched
    a, b, c = assignment("a", port), assignment("b", port), assignment("c", port)
    schedule.apply([a, b])
    kept = schedule._running["a"][1]
    changed = assignment("b", 1)
    schedule.apply([a, changed, c])
    assert schedule._running["a"][1] is kept
    await seen.until(lambda: seen.of(c) and any(s.report.error_class for s in seen.of(b)))
    assert len(schedule) == 3


async def test_a_target_that_is_taken_away_is_left_alone(watched, port):
    schedule, seen = watched
    a, b = assignment("a", port), assignment("b", port)
    schedule.apply([a, b])
    await seen.until(lambda: seen.of(b))
    schedule.apply([a])
    await seen.until(lambda: seen.of(a))
    seen.clear()
    await seen.until(lambda: len(seen.of(a)) > 2)
    assert seen.of(b) == []


async def test_settings_the_connector_refuses_are_a_report(watched):
    schedule, seen = watched
    wrong = Assignment(
        target_id=9,
        name="wrong",
        connector="tcp",
        every=timedelta(seconds=1),
        timeout=timedelta(seconds=1),
        settings_json='{"hots": "db"}',
    )
    schedule.apply([wrong])
    await seen.until(lambda: seen.of(wrong))
    report = seen[0].report
    assert (report.state, report.error_class) == (State.UNKNOWN, "bad_settings")
    assert "hots" in report.message
