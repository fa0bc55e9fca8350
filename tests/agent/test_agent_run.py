"""Whatever a connector does, a look is a report within the limits."""

import asyncio
from datetime import timedelta

import pytest

from vedette.agent.connector import Look, RefusedByHost
from vedette.agent.reach import HostReach
from vedette.agent.run import FACTS_BYTES, MEASURES, MESSAGE_BYTES, Stuck, bounded, look_once
from vedette.health.model import Measurement, Report, State


class Probe:
    """A connector that does what the test says."""

    def __init__(self, act):
        self.act = act

    async def probe(self, look):
        return await self.act(look)

    async def aclose(self):
        pass


def due(timeout_s=5.0, secrets=frozenset()):
    return Look(target="db", settings={}, timeout_s=timeout_s, reach=HostReach([]), secrets=secrets)


async def seen(act, stuck=None, **look):
    return await look_once(Probe(act), due(**look), Stuck() if stuck is None else stuck)


async def raises(error):
    async def act(_look):
        raise error

    return await seen(act, secrets=frozenset({"hunter2"}))


async def test_what_the_connector_says_is_the_report():
    said = Report(state=State.UP, rtt=timedelta(milliseconds=3))

    async def act(_look):
        return said

    assert await seen(act) == said


async def test_a_crash_is_our_fault_and_shows_no_secret():
    report = await raises(ValueError("bad password hunter2"))
    assert (report.state, report.error_class) == (State.UNKNOWN, "connector_crash")
    assert report.message == "ValueError: bad password …"


async def test_a_refusal_of_the_host_is_unknown():
    report = await raises(RefusedByHost("reach in agent.yaml does not allow db:1"))
    assert (report.state, report.error_class) == (State.UNKNOWN, "refused_by_host")


async def test_silence_is_the_targets_and_is_down():
    async def act(_look):
        await asyncio.Event().wait()

    report = await seen(act, timeout_s=0.05)
    assert (report.state, report.error_class) == (State.DOWN, "timeout")


async def test_a_connector_that_does_not_let_go_is_left_and_not_asked_again_until_it_does():
    let_go = asyncio.Event()
    looks = 0

    async def act(_look):
        nonlocal looks
        looks += 1
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue
        return Report(state=State.UP)

    stuck = Stuck()
    first = await seen(act, stuck, timeout_s=0.02)
    second = await seen(act, stuck, timeout_s=0.02)
    assert (first.error_class, second.error_class) == ("timeout", "connector_crash")
    assert (looks, len(stuck)) == (1, 1)
    let_go.set()
    async with asyncio.timeout(5):
        while stuck:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
    assert (await seen(act, stuck)).state is State.UP


async def test_what_is_no_report_is_a_crash():
    async def act(_look):
        return "fine"

    report = await seen(act)
    assert "returned str, not a Report" in report.message


async def test_a_connector_that_cancels_itself_harms_nobody():
    assert (await raises(asyncio.CancelledError())).error_class == "connector_crash"


async def test_a_report_of_nonsense_is_a_crash():
    async def act(_look):
        return Report(state=State.UP, measurements=(Measurement("n", "many"),))

    assert (await seen(act)).error_class == "connector_crash"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_are_left_out(value):
    report = Report(state=State.UP, measurements=(Measurement("a", value), Measurement("b", 1.0)))
    assert [m.name for m in bounded(report, frozenset()).measurements] == ["b"]


def test_limits_of_the_wire():
    report = bounded(
        Report(
            state=State.DOWN,
            error_class="refused",
            message="ä" * 2000 + "\0",
            measurements=tuple(Measurement(f"m{n}", 1.0) for n in range(5000)),
            facts={f"key{n}": "x" * 900 for n in range(20)},
        ),
        frozenset(),
    )
    assert len(report.message.encode()) <= MESSAGE_BYTES
    assert len(report.measurements) == MEASURES
    assert sum(len(k) + len(v) for k, v in report.facts.items()) <= FACTS_BYTES
    assert len(report.facts) == 8


def test_no_measurement_is_of_a_secret():
    of = Measurement("total_s", 1.0, "url:http://x/hunter2")
    report = Report(state=State.UP, measurements=(of, Measurement("total_s", 1.0, "url:http://y")))
    told = bounded(report, frozenset({"hunter2"})).measurements
    assert [one.entity for one in told] == ["url:http://x/…", "url:http://y"]


def test_a_state_that_is_not_up_always_has_a_class():
    assert bounded(Report(state=State.DEGRADED), frozenset()).error_class == "unspecified"
    assert bounded(Report(state=State.UP, error_class="x"), frozenset()).error_class == ""
