"""A foreign connector that blocks, dies or leaks takes only itself."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from agent_world import plugin

from vedette import plugins
from vedette.agent.host import HostRules
from vedette.agent.reach import HostReach
from vedette.agent.secrets import Secrets
from vedette.agent.watch import Host, Watch
from vedette.health.model import State
from vedette.link.client import Assignment

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture
async def host(tmp_path, monkeypatch):
    plugin(tmp_path, monkeypatch)
    plugins._foreign.cache_clear()
    host = Host(reach=HostReach([]), secrets=Secrets(HostRules()), clock=lambda: NOON)
    yield host
    await host.close()
    plugins._foreign.cache_clear()


def watch(host, act, timeout_s=10.0, name="t"):
    return Watch(
        Assignment(
            target_id=1,
            name=name,
            connector="strange",
            every=timedelta(seconds=10),
            timeout=timedelta(seconds=timeout_s),
            settings_json=f'{{"act": "{act}"}}',
        ),
        host,
    )


async def test_it_answers_as_if_it_were_ours(host):
    looked = await watch(host, "answer").look()
    assert looked.report.state is State.UP
    assert [(m.name, m.value) for m in looked.report.measurements] == [("answers", 42.0)]
    assert looked.units == {"answers": ("count", "How many.")}


async def test_targets_share_one_process(host):
    pids = {(await watch(host, "answer", name=n).look()).report.facts["pid"] for n in "ab"}
    assert len(pids) == 1


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ("raise", "ValueError: told to raise"),
        ("die", "its process ended (exit code 9)"),
        ("leak", "MemoryError"),
        ("nonsense", "returned str, not a Report"),
    ],
)
async def test_what_it_does_wrong_is_a_report_and_the_next_look_is_well(host, act, message):
    report = (await watch(host, act).look()).report
    assert (report.state, report.error_class) == (State.UNKNOWN, "connector_crash")
    assert message in report.message
    assert (await watch(host, "answer").look()).report.state is State.UP


async def test_one_that_blocks_its_loop_is_ended(host):
    await watch(host, "answer").look()
    blocking = watch(host, "block", timeout_s=0.3)
    report = (await blocking.look()).report
    assert (report.state, report.error_class) == (State.DOWN, "timeout")
    assert (await watch(host, "answer").look()).report.state is State.UP


async def test_one_that_grows_is_begun_anew(host):
    before = (await watch(host, "answer").look()).report.facts["pid"]
    assert (await watch(host, "grow").look()).report.state is State.UP
    assert (await watch(host, "answer").look()).report.facts["pid"] != before


async def test_the_owners_word_holds_over_there_too(host):
    report = (await watch(host, "refuse").look()).report
    assert (report.state, report.error_class) == (State.UNKNOWN, "refused_by_host")


async def test_a_connector_nobody_installed_is_named(host):
    missing = watch(host, "answer")
    missing.assignment = Assignment(
        target_id=1,
        name="t",
        connector="oracle9",
        every=timedelta(seconds=10),
        timeout=timedelta(seconds=5),
        settings_json="{}",
    )
    report = (await missing.look()).report
    assert report.state is State.UNKNOWN
    assert "no connector called 'oracle9'" in report.message
