"""The sandbox: what a program gets, what it does not, and that nothing of it is left."""

import asyncio
import json
import os
import sys

import psutil
import pytest

from vedette.agent.sandbox import Limits, NotStarted, run

SHELL = "/bin/sh"
MARK = f"1{os.getpid()}"
"""Seconds to sleep that nobody else on this machine sleeps, however many run these tests."""


async def shell(script: str, **limits):
    return await run((SHELL, "-c", script), Limits(**{"seconds": 10.0, **limits}))


async def python(script: str, **limits):
    return await run(
        (sys.executable, "-I", "-S", "-c", script), Limits(**{"seconds": 10.0, **limits})
    )


async def nobody_carries(mark: str) -> bool:
    """Wait until no process of that mark is left; who is killed may take a moment to go."""
    async with asyncio.timeout(10):
        while carried(mark):  # noqa: ASYNC110 - processes tell nobody
            await asyncio.sleep(0.02)
    return True


def carried(mark: str) -> bool:
    return any(mark in " ".join(p.info["cmdline"] or ()) for p in everybody())


def is_asleep(mark: str) -> bool:
    return any(mark in (p.info["cmdline"] or ()) for p in everybody())


def everybody():
    return [
        p
        for p in psutil.process_iter(["cmdline", "status"])
        if p.info["status"] != psutil.STATUS_ZOMBIE
    ]


async def test_it_says_what_it_said_and_how_it_ended():
    ran = await shell("echo out; echo err >&2; exit 3")
    assert (ran.exit_code, ran.output, ran.errors, ran.cut) == (3, b"out\n", b"err\n", False)
    assert ran.killed_by == ""


async def test_arguments_are_no_shells():
    ran = await run(("/bin/echo", "$(id)", "; id", "a b"), Limits(seconds=10.0))
    assert ran.output == b"$(id) ; id a b\n"


async def test_the_environment_is_path_and_language_and_nothing_else(monkeypatch):
    monkeypatch.setenv("VEDETTE_TOKEN", "vdt_secret")
    ran = await run(("/usr/bin/env",), Limits(seconds=10.0))
    assert {line.partition(b"=")[0] for line in ran.output.splitlines()} == {b"PATH", b"LANG"}


async def test_it_starts_bare():
    script = (
        "import os, json, resource as r\n"
        "fds = [fd for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "status = open('/proc/self/status').read()\n"
        "print(json.dumps({'fds': [os.readlink(f'/proc/self/fd/{f}') for f in fds if "
        "os.path.lexists(f'/proc/self/fd/{f}')], 'stdin': os.read(0, 9).decode(), "
        "'cwd': os.getcwd(), 'leads': os.getpid() == os.getpgrp() == os.getsid(0), "
        "'nnp': 'NoNewPrivs:\\t1' in status, "
        "'limits': [r.getrlimit(k)[0] for k in (r.RLIMIT_CPU, r.RLIMIT_AS, r.RLIMIT_NOFILE, "
        "r.RLIMIT_CORE)]}))\n"
    )
    ran = await python(script, seconds=7.5, memory_bytes=1 << 29, files=99)
    said = json.loads(ran.output)
    assert said == {
        "fds": [],
        "stdin": "",
        "cwd": "/",
        "leads": True,
        "nnp": True,
        "limits": [9, 1 << 29, 99, 0],
    }


async def test_more_output_than_is_kept_is_read_and_dropped():
    ran = await shell("head -c 1000000 /dev/zero; exit 1", output_bytes=1000)
    assert (ran.exit_code, len(ran.output), ran.cut) == (1, 1000, True)


async def test_output_without_end_ends_with_the_time():
    with pytest.raises(TimeoutError):
        await shell(f"while :; do echo babbler-{MARK}; done", seconds=0.5)
    assert await nobody_carries(f"babbler-{MARK}")


async def test_the_whole_group_is_killed_when_the_time_is_over():
    with pytest.raises(TimeoutError):
        await shell(f"sleep {MARK}.25 & sleep {MARK}.25; wait", seconds=0.5)
    assert await nobody_carries(f"{MARK}.25")


async def test_whoever_is_left_behind_is_killed_at_the_end():
    ran = await shell(f"sleep {MARK}.5 & exit 0")
    assert ran.exit_code == 0
    assert ran.took_s < 60
    assert await nobody_carries(f"{MARK}.5")


@pytest.mark.parametrize("steps", range(8))
async def test_cancelled_it_leaves_nobody_behind_however_early(steps):
    task = asyncio.create_task(shell(f"sleep {MARK}.75 & sleep {MARK}.75; wait", seconds=60.0))
    for _ in range(steps):
        await asyncio.sleep(0)
    # The loop stands still here, as on a busy machine: the program is further on than whoever started it.
    while carried(f"{MARK}.75") and not is_asleep(f"{MARK}.75"):
        pass
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await nobody_carries(f"{MARK}.75")


async def test_what_holds_the_pipe_from_another_session_does_not_hold_us():
    ran = await shell("setsid sleep 40 & exit 0", seconds=60.0)
    assert ran.exit_code == 0
    assert ran.took_s < 30


@pytest.mark.parametrize("path", ["/nonexistent/check", "/etc/passwd"])
async def test_what_is_no_program_is_said_to_be_none(path):
    with pytest.raises(NotStarted, match=r"No such file|Permission denied"):
        await run((path,), Limits(seconds=10.0))


async def test_memory_is_limited():
    ran = await python("x = bytearray(1 << 30)", memory_bytes=256 << 20)
    assert ran.exit_code == 1
    assert b"MemoryError" in ran.errors


async def test_the_processor_is_limited():
    # The clock allows more than the processor here.
    ran = await python(
        "import resource; resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nwhile True: pass",
        seconds=60.0,
    )
    assert ran.killed_by in ("SIGXCPU", "SIGKILL")


async def test_files_are_limited():
    ran = await shell("head -c 2000000 /dev/zero > $(mktemp)", file_bytes=1 << 20)
    assert ran.exit_code != 0


async def test_no_descriptors_are_left_open():
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await shell("exit 0")
        with pytest.raises(NotStarted):
            await run(("/nonexistent",), Limits(seconds=10.0))
    assert len(os.listdir("/proc/self/fd")) <= before
