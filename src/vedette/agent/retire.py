"""Retiring another agent of this host: found by the module `agentdestroy`, ended by this agent.

A retired agent's folder keeps its key and its reports; a mark in it keeps the agent from starting
again until the host's owner takes it away.
"""

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

import msgspec

from vedette.agent.modules import Result
from vedette.agent.running import RETIRED, Order, find_agent
from vedette.errors import Conflict

GRACE_S = 10.0
"""How long an agent has to end by itself; then it is killed."""


async def retire(order: Order, *, allowed: bool) -> Result:
    """Carry the order out and say what became of it; repeated, there is no such agent any more.

    allowed: by the host's owner.
    """
    if not allowed:
        return Result(errors=["the owner of this host does not let agents be retired"])
    try:
        told = await _retire(order)
    except (OSError, Conflict) as fault:
        words = getattr(fault, "strerror", None) or fault
        return Result(errors=[f"PID {order.pid} not killed: {words}"])
    return Result(foundanything=True, success=True, elements=told)


async def _retire(order: Order) -> str:
    if order.pid == os.getpid():
        raise Conflict(f"PID {order.pid} is mine, and no agent retires itself")
    process = os.pidfd_open(order.pid)
    try:
        found = find_agent(Path("/proc"), order.pid)
        if found is None or (str(found[0]), found[1].started) != (order.data_dir, order.started):
            raise Conflict("it is no longer the agent that was found")
        _mark(found[0], msgspec.json.encode({"pid": order.pid, "version": order.version}))
        how = await _end(process)
    finally:
        os.close(process)
    return (
        f"PID {order.pid} from agent {order.version} has been {how}; "
        f"it does not start again while {found[0] / RETIRED} is there"
    )


def _mark(data_dir: Path, content: bytes) -> None:
    """Write the mark where the folder was found, and nowhere a link leads: it may be a stranger's."""
    folder = os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if Path(f"/proc/self/fd/{folder}").readlink() != data_dir:
            raise Conflict("its folder is not where it was found")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with suppress(FileExistsError):
            file = os.open(RETIRED, flags, 0o644, dir_fd=folder)
            with os.fdopen(file, "wb") as mark:
                mark.write(content)
        os.fsync(folder)
    finally:
        os.close(folder)


async def _end(process: int) -> str:
    """End a process, first kindly; return how it ended."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(process, ended.set)
    try:
        signal.pidfd_send_signal(process, signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE_S):
                await ended.wait()
        except TimeoutError:
            signal.pidfd_send_signal(process, signal.SIGKILL)
            await ended.wait()
            return "killed, for it did not stop when it was told to"
    finally:
        loop.remove_reader(process)
    return "killed"
