"""Retiring another agent of this host: found by the module `agentdestroy`, ended by this agent.

A retired agent's folder keeps its key and its reports; a mark in it keeps the agent from starting
again until the host's owner takes it away.
"""

import asyncio
import os
import signal
from pathlib import Path

import msgspec

from vedette.agent.identity import write_private
from vedette.agent.modules import Result
from vedette.agent.running import RETIRED, Order, find_agent
from vedette.errors import Conflict

GRACE_S = 10.0
"""How long an agent has to end by itself; then it is killed."""


async def carried_out(answer: bytes, *, allowed: bool = True) -> bytes:
    """Return what became of the order in the module's answer, as an answer of the same shape.

    answer: the module's, as JSON; one without an order comes back as it is. allowed: by the host's
    owner. Repeating it is an answer that there is no such agent.
    """
    result = msgspec.json.decode(answer, type=Result)
    try:
        order = msgspec.convert(result.elements, Order)
    except msgspec.ValidationError:
        return answer
    if not allowed:
        words = "the owner of this host does not let agents be retired"
        return _encoded(Result(errors=[*result.errors, words]))
    try:
        elements = await _retire(order)
    except (OSError, Conflict) as fault:
        words = f"PID {order.pid} not killed: {getattr(fault, 'strerror', None) or fault}"
        return _encoded(Result(errors=[*result.errors, words]))
    return _encoded(
        Result(foundanything=True, success=True, elements=elements, errors=result.errors)
    )


async def _retire(order: Order) -> str:
    if order.pid == os.getpid():
        raise Conflict(f"PID {order.pid} is mine, and no agent retires itself")
    process = os.pidfd_open(order.pid)
    try:
        found = find_agent(Path("/proc"), order.pid)
        if found is None or (str(found[0]), found[1].started) != (order.data_dir, order.started):
            raise Conflict("it is no longer the agent that was found")
        mark = msgspec.json.encode({"pid": order.pid, "version": order.version})
        write_private(found[0] / RETIRED, mark)
        how = await _end(process)
    finally:
        os.close(process)
    return (
        f"PID {order.pid} from agent {order.version} has been {how}; "
        f"it does not start again while {found[0] / RETIRED} is there"
    )


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


def _encoded(result: Result) -> bytes:
    return msgspec.json.encode(result)
