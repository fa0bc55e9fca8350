"""Throw-away servers of what is installed, on free ports; a test that lacks the program skips."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from tests.connectors.conftest import accepting


class Program:
    """A server that runs in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self.process = process
        self.port = port

    async def stop(self) -> None:
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()

    def freeze(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)
        tasks = Path(f"/proc/{self.process.pid}/task")
        while not all(_is_stopped(task) for task in tasks.iterdir()):
            time.sleep(0.001)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)


def _is_stopped(task: Path) -> bool:
    return (task / "stat").read_text().rpartition(")")[2].split()[0] == "T"


def installed(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


async def start(
    command: Sequence[str | Path], port: int, *, log: Path, env=None, within_s: float = 20.0
) -> Program:
    """Run a program until something listens on the port."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            installed(str(command[0])),
            *map(str, command[1:]),
            stdout=out,
            stderr=out,
            env=env,
            start_new_session=True,
        )
    await accepting(port, within_s=within_s)
    return Program(process, port)


async def run(*command: str | Path) -> None:
    """Run a program to its end, which must be a good one."""
    process = await asyncio.create_subprocess_exec(
        installed(str(command[0])),
        *map(str, command[1:]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()


@asynccontextmanager
async def running(command: Sequence[str | Path], port: int, *, log: Path, env=None, within_s=20.0):
    """A program for a block; what is left of its process group is killed with it."""
    program = await start(command, port, log=log, env=env, within_s=within_s)
    try:
        yield program
    finally:
        if program.process.returncode is None:
            os.killpg(program.process.pid, signal.SIGKILL)
        await program.process.wait()


@asynccontextmanager
async def starter():
    """Start any number: `program = await begin(command, port, log=…)`; all end with the block."""
    async with AsyncExitStack() as stack:

        async def begin(command, port, **options) -> Program:
            return await stack.enter_async_context(running(command, port, **options))

        yield begin
