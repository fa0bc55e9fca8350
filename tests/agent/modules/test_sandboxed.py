"""What holds for every module as it runs in earnest: in its process, behind the walls it asked for."""

import json
import os
import shlex
import sys
import time
from typing import Any

import pytest

from vedette import plugins
from vedette.actions.one_liners import parameters_of
from vedette.agent.modules import GROUP, Context, Result, read_parameters
from vedette.agent.operation import Ended, OperationLimits, Ran, run_operation
from vedette.errors import Invalid

MODULES = plugins.names(GROUP)
LIMITS = OperationLimits(seconds=30, cpu_s=20)

LINES = {
    "agentdestroy": "-pid 4194303 -version 1",
    "file": "-path /etc -name ^passwd$",
    "memory": "-name ^python -content nosuchword",
    "netstat": "-lp 65534 -namespaces",
    "ping": "-d 127.0.0.1 -p tcp -dp 1 -c 1 -t 1",
    "pkg": "-name ^bash$",
    "process": "-exe python",
    "services": "-name ^ssh",
    "sshkey": "-path /nonexistent",
    "sysinfo": "-hostname .",
    "timedrift": "",
    "users": "-name ^root$ -authorizedkeys",
    "example": "-gethostname",
}
"""A question to each; a module without one is asked nothing, which it may refuse."""


def example(name: str) -> Any:
    if name not in LINES:
        return {}
    struct = plugins.load(GROUP, name).parameters
    return parameters_of(name, struct, shlex.split(LINES[name]), read=lambda _: b"")


async def operated(name: str, parameters: Any) -> Ran:
    return await run_operation(name, parameters, LIMITS, privacy=False, partial=False)


@pytest.mark.parametrize("name", MODULES)
async def test_a_module_answers_or_refuses_and_does_not_crash(name: str) -> None:
    ran = await operated(name, example(name))
    assert ran.ended in {Ended.RETURNED, Ended.REFUSED}, ran.message
    if name in LINES:
        assert ran.ended is Ended.RETURNED, ran.message


@pytest.mark.parametrize("name", sorted(set(LINES) & set(MODULES)))
async def test_what_a_module_meets_no_wall_for_stands_in_its_needs(name: str) -> None:
    errors = json.loads((await operated(name, example(name))).result)["errors"]
    assert [each for each in errors if "not permitted" in each] == []


@pytest.mark.parametrize("name", MODULES)
async def test_a_module_refuses_over_there_what_it_does_not_know(name: str) -> None:
    ran = await operated(name, {"nosuchkey": 1})
    assert ran.ended is Ended.REFUSED
    assert "there is no 'nosuchkey'" in ran.message


@pytest.mark.parametrize("name", MODULES)
def test_a_module_whose_time_is_over_stops(name: str) -> None:
    module = plugins.load(GROUP, name)()
    try:
        parameters = read_parameters(module, example(name))
        begun = time.monotonic()
        answer = module.run(parameters, Context(deadline=begun - 1.0))
    except Invalid:
        return
    assert isinstance(answer, Result)
    assert time.monotonic() - begun < 5.0


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="what root sees on Linux")
async def test_processes_are_seen_as_without_walls() -> None:
    elements = json.loads((await operated("process", example("process"))).result)["elements"]
    pids = {hit["process"]["pid"] for hit in elements["s1"]}
    assert os.getpid() in pids
