"""Another agent of the host is retired: found by the module, ended by the agent that asked."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.agent.agent_world import FakeServer, enrolled
from tests.agent.test_obey import Told

from vedette import __version__
from vedette.agent import retire
from vedette.agent.carry import Carrier
from vedette.agent.modules import Context, Result, read_parameters
from vedette.agent.modules.agentdestroy import AgentDestroy
from vedette.agent.operation import Ended, OperationLimits, run_operation
from vedette.agent.program import Options
from vedette.agent.running import RETIRED, RUNNING, Running, say_running
from vedette.errors import Conflict, Denied, Invalid

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")


class Agents:
    """Agents of this host, each a process; their server is away."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server = FakeServer()
        self._running: list[asyncio.subprocess.Process] = []

    def folder(self, name: str) -> Path:
        return enrolled(self._server, self._directory / name)

    async def start(self, folder: Path) -> asyncio.subprocess.Process:
        """Start one, and return when it says that it runs."""
        options = Options(data_dir=folder).to_json()
        one = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "vedette.agent", options),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        self._running.append(one)
        assert one.stdout
        async for line in one.stdout:
            if b"agent started" in line:
                break
        return one

    async def stop(self) -> None:
        for one in self._running:
            if one.returncode is None:
                one.kill()
            await one.communicate()


@pytest.fixture
async def agents(tmp_path: Path) -> AsyncIterator[Agents]:
    world = Agents(tmp_path)
    yield world
    await world.stop()


def ask(pid: int, version: str = __version__, root: Path = Path("/")) -> Result:
    asked = read_parameters(AgentDestroy, {"pid": pid, "version": version})
    return AgentDestroy().run(asked, Context(root=root))


async def test_another_agent_is_found_ended_and_does_not_start_again(agents: Agents) -> None:
    folder = agents.folder("double")
    double = await agents.start(folder)
    asked = {"pid": double.pid, "version": __version__}
    ran = await run_operation(
        "agentdestroy", asked, OperationLimits(), privacy=False, partial=False
    )
    assert ran.ended is Ended.RETURNED, ran.message
    assert double.returncode is None, "the module itself ends nothing"
    answer = await carry(ran.result)
    assert await asyncio.wait_for(double.wait(), 10) == 0
    assert answer["success"]
    assert answer["elements"].startswith(
        f"PID {double.pid} from agent {__version__} has been killed"
    )
    assert str(folder / RETIRED) in answer["elements"]
    again = await agents.start(folder)
    assert await asyncio.wait_for(again.wait(), 10) != 0
    repeated = await carry(ran.result)
    assert (repeated["success"], repeated["elements"]) == (False, None)
    (folder / RETIRED).unlink()
    assert (await agents.start(folder)).returncode is None


async def test_an_agent_that_does_not_stop_is_killed(
    agents: Agents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vedette.agent.retire.GRACE_S", 0.2)
    double = await agents.start(agents.folder("stuck"))
    os.kill(double.pid, signal.SIGSTOP)
    answer = await carry(encoded(ask(double.pid)))
    assert "did not stop when it was told to" in answer["elements"]
    assert await asyncio.wait_for(double.wait(), 10) == -signal.SIGKILL


async def test_the_hosts_owner_may_forbid_it(agents: Agents) -> None:
    double = await agents.start(agents.folder("double"))
    answer = await carry(encoded(ask(double.pid)), allowed=False)
    assert not answer["success"]
    assert "does not let agents be retired" in answer["errors"][0]
    assert double.returncode is None


async def test_the_version_must_be_the_one_that_runs(agents: Agents) -> None:
    double = await agents.start(agents.folder("double"))
    result = ask(double.pid, "16eb58b-201404021544")
    assert result.errors == [
        f"Version mismatch. Expected '16eb58b-201404021544', found {__version__!r}"
    ]


def test_no_program_of_a_process_is_ever_run(tmp_path: Path) -> None:
    """MIG runs the executable of whatever process it is told, with -V."""
    process = tmp_path / "proc/300"
    (process / "fd").mkdir(parents=True)
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    (process / "exe").symlink_to(trap)
    (process / "fd/3").symlink_to(tmp_path / "some/spool/lock")
    assert ask(300, root=tmp_path).errors == ["PID 300 is no agent that this one may see"]
    assert not (tmp_path / "sprung").exists()


def test_what_is_no_agent_is_left_alone() -> None:
    for pid, words in (
        (os.getpid(), "is mine"),
        *([(os.getppid(), "is mine")] if os.getppid() > 1 else []),
        (4_194_303, "not found"),
    ):
        result = ask(pid)
        assert (result.success, result.elements) == (False, None)
        assert words in result.errors[0]


def test_what_an_earlier_process_said_counts_for_no_later_one(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    (tmp_path / "proc/300/fd").mkdir(parents=True)
    (tmp_path / "proc/300/stat").write_text("300 (a) b) S 1 " + "0 " * 17 + "77 0")
    (tmp_path / "proc/300/fd/3").symlink_to(folder / "spool/lock")
    folder.mkdir()
    for started, found in ((76, False), (77, True)):
        said = Running(pid=300, started=started, version="1")
        (folder / RUNNING).write_bytes(encoded(said))
        assert ask(300, "1", root=tmp_path).foundanything is found


@pytest.mark.parametrize("pid", [1, 0, -5, 2**22 + 1, "5"])
def test_a_process_that_cannot_be_is_refused(pid: Any) -> None:
    with pytest.raises(Invalid, match="module agentdestroy"):
        ask(pid)


@pytest.mark.parametrize(
    "elements",
    [
        {"pid": 2**22 - 1, "started": 1, "version": "1", "data_dir": "/"},
        {"pid": os.getpid(), "started": 1, "version": "1", "data_dir": "/"},
        {"pid": 1, "started": 1, "version": "1", "data_dir": "/"},
    ],
)
async def test_an_order_is_not_believed(elements: dict[str, Any]) -> None:
    answer = await carry(encoded(Result(success=True, elements=elements)))
    assert not answer["success"]
    assert "not killed" in answer["errors"][-1]


def test_the_mark_goes_where_no_link_leads(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "agent").symlink_to(tmp_path / "etc")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        retire._mark(tmp_path / "agent", b"{}")
    (tmp_path / "etc/deep").mkdir()
    with pytest.raises(Conflict):
        retire._mark(tmp_path / "agent/deep", b"{}")
    (tmp_path / "etc/deep" / RETIRED).symlink_to(tmp_path / "elsewhere")
    retire._mark(tmp_path / "etc/deep", b"{}")
    assert not (tmp_path / "elsewhere").exists()


async def test_an_answer_without_an_order_is_left_as_it_is() -> None:
    answer = encoded(ask(4_194_303))
    assert encoded(await carry(answer)) == answer


def test_a_retired_agent_says_how_it_may_run_again(tmp_path: Path) -> None:
    (tmp_path / RETIRED).write_text("{}")
    with pytest.raises(Denied, match="was retired") as refused:
        say_running(tmp_path, "1")
    assert str(tmp_path / RETIRED) in str(refused.value.hint)


def test_a_system_without_proc_says_so(tmp_path: Path) -> None:
    assert "no /proc" in ask(300, root=tmp_path).errors[0]


FIXTURE = Path(__file__).parents[4] / "shared/fixtures/mig/actions/agentdestroy.json"


@pytest.mark.skipif(not FIXTURE.exists(), reason="the fixtures are not on this machine")
def test_migs_own_action_refuses_a_process_it_does_not_know() -> None:
    (operation,) = json.loads(FIXTURE.read_text())["operations"]
    asked = read_parameters(AgentDestroy, {**operation["parameters"], "pid": 4_194_303})
    result = AgentDestroy().run(asked, Context())
    assert (result.success, result.errors) == (False, ["PID 4194303 not found"])


def test_asked_without_an_agent_nothing_is_done_and_that_is_no_success(tmp_path: Path) -> None:
    (tmp_path / "proc/300/fd").mkdir(parents=True)
    (tmp_path / "proc/300/fd/3").symlink_to(tmp_path / "spool/lock")
    said = Running(pid=300, started=0, version="1")
    (tmp_path / RUNNING).write_bytes(encoded(said))
    result = ask(300, "1", root=tmp_path)
    assert (result.foundanything, result.success) == (True, False)
    assert "nothing was done" in result.errors[0]


def encoded(what: Any) -> bytes:
    return msgspec.json.encode(what)


async def carry(answer: bytes, *, allowed: bool = True) -> dict[str, Any]:
    carrier = Carrier(Told().obedience, lambda _name: None, retires=allowed)
    said: dict[str, Any] = json.loads(await carrier.out("agentdestroy", answer, within_s=30))
    return said
