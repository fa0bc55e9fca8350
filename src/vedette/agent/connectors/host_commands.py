"""What the agent's own host can be asked: its processes, its disks."""

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import psutil

from vedette.actions.model import Column, Command, Parameter, Row, Value
from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.host_reading import mounted
from vedette.health.model import State

_WINDOW_S = 0.5
_SECRET = re.compile(r"(?i)((?:pass(?:word|wd)?|secret|token|key|auth)[\w-]*(?:[=:]|\s+))\S+")

COMMANDS = (
    Command(
        name="processes",
        help="The processes that take most memory or processor time.",
        scope="ask:content",
        parameters=(
            Parameter("limit", "integer", "Rows at most.", default=20, least=1, most=10_000),
            Parameter(
                "order", "text", "What comes first.", default="memory", choices=("memory", "cpu")
            ),
        ),
        columns=(
            Column("pid", "integer", "Its number."),
            Column("user", "text", "Whose it is."),
            Column("name", "text", "Its program."),
            Column("state", "text", "Running, sleeping and so on."),
            Column("memory_bytes", "integer", "Resident memory.", "bytes"),
            Column("cpu_ratio", "number", "Of a processor, over half a second.", "ratio"),
            Column("threads", "integer", "Its threads."),
            Column("started_at", "time", "When it began."),
            Column(
                "command", "text", "How it was called; what looks like a secret is blotted out."
            ),
        ),
    ),
    Command(
        name="disks",
        help="The file systems, the fullest first.",
        columns=(
            Column("mount", "text", "Where it is mounted."),
            Column("size_bytes", "integer", "Space programs may use.", "bytes"),
            Column("free_bytes", "integer", "Space they can still use.", "bytes"),
            Column("used_ratio", "number", "Space in use.", "ratio"),
            Column("inodes_ratio", "number", "Inodes in use.", "ratio"),
        ),
    ),
)

_under_way: set["asyncio.Future[list[Row]]"] = set()
"""Readings that have not ended: a dead mount holds its thread, and must not get another one."""


async def ask(name: str, params: Mapping[str, Value]) -> list[Row]:
    """Return the rows of a command, read in a thread."""
    if any(not reading.done() for reading in _under_way):
        words = "an earlier question to this host has not been answered yet"
        raise Fault("storage", words, State.DEGRADED)
    _under_way.clear()
    read = _disks if name == "disks" else _processes
    reading = asyncio.ensure_future(asyncio.to_thread(lambda: list(read(params))))
    _under_way.add(reading)
    return await asyncio.shield(reading)


def _disks(_: Mapping[str, Value]) -> Iterator[Row]:
    rows = [
        (mount, whole, free, (whole - free) / whole, inodes)
        for mount, (free, whole, inodes) in mounted().items()
    ]
    yield from sorted(rows, key=lambda row: -row[3])


def _processes(params: Mapping[str, Value]) -> Iterator[Row]:
    before = {each.pid: _cpu_s(each) for each in psutil.process_iter()}
    begun = time.monotonic()
    time.sleep(_WINDOW_S)
    elapsed = time.monotonic() - begun
    found = []
    for each in psutil.process_iter():
        try:
            with each.oneshot():
                used = max(_cpu_s(each) - before.get(each.pid, _cpu_s(each)), 0.0)
                found.append((each.memory_info().rss, used / elapsed, _process(each)))
        except psutil.Error:
            continue  # it ended meanwhile
    found.sort(key=lambda it: (-it[1], -it[0]) if params["order"] == "cpu" else (-it[0],))
    for memory, cpu, (pid, user, name, state, threads, at, command) in found[
        : int(params["limit"])
    ]:
        yield pid, user, name, state, memory, cpu, threads, at, command


def _process(each: psutil.Process) -> tuple[int, str, str, str, int, str, str]:
    try:
        user = each.username()
    except (psutil.Error, KeyError):
        user = ""
    try:
        command = _SECRET.sub(r"\1…", " ".join(each.cmdline()))[:500]
    except psutil.Error:
        command = ""
    at = datetime.fromtimestamp(each.create_time(), tz=UTC).isoformat(timespec="seconds")
    at = at.replace("+00:00", "Z")
    return each.pid, user, each.name(), each.status(), each.num_threads(), at, command


def _cpu_s(each: psutil.Process) -> float:
    try:
        times = each.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
