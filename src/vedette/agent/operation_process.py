"""The process of one operation: how it begins, how one waits for it, and how nothing of it stays."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

import msgspec

from vedette import plugins
from vedette.agent import sandbox
from vedette.agent.kept_pipe import KeptPipe
from vedette.agent.modules import GROUP
from vedette.agent.operating import Asked
from vedette.errors import Invalid

_OPERATED = str(Path(__file__).with_name("operated.py"))
_LOOK_S = 0.25
"""Between two looks at its threads."""
_POLL_S = 0.02
"""Between two looks whether a process has ended, where the kernel does not tell."""


class Process:
    """A process of ours, the leader of its group, until it is reaped and its group is gone.

    Not asyncio's: that does not tell how much of the processor a process has used.
    overgrown: it was found with more threads than it may have.
    """

    def __init__(self, child: "subprocess.Popen[bytes]") -> None:
        self.exit_code = 0
        self.cpu_s = 0.0
        self.overgrown = False
        self._child = child
        self._ended = asyncio.Event()
        self._seeing = asyncio.create_task(self._see_its_end(), name=f"operation {child.pid}")

    async def over(self, *pipes: KeptPipe, seconds: float, tasks: int) -> bool:
        """Wait until it ended or took too much; False when its time was over before.

        pipes: those on which it may say too much. tasks: how many threads it may have. The kernel counts none of root's.
        """
        loop = asyncio.get_running_loop()
        events = [self._ended, *(pipe.over for pipe in pipes)]
        waiting = {asyncio.ensure_future(one.wait()) for one in events}
        ends_at = loop.time() + seconds
        try:
            while not (self.overgrown or _any_set(events)) and loop.time() < ends_at:
                patience = min(_LOOK_S, max(0.0, ends_at - loop.time()))
                await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
                self.overgrown = not _any_set(events) and _threads(self._child.pid) > tasks
        finally:
            for one in waiting:
                one.cancel()
        return self.overgrown or _any_set(events)

    async def end(self) -> None:
        """Kill what still runs of it, and wait until it is gone, however often we are cancelled."""
        if not self._ended.is_set():
            sandbox.kill_group(self._child.pid)
        await asyncio.shield(self._seeing)

    async def _see_its_end(self) -> None:
        try:
            told = os.pidfd_open(self._child.pid)
        except (OSError, AttributeError):  # before Linux 5.3, and elsewhere
            while not self._reaped():  # noqa: ASYNC110 - nobody sets an event for us
                await asyncio.sleep(_POLL_S)
            return
        loop, ready = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(told, ready.set)
        try:
            await ready.wait()
        finally:
            loop.remove_reader(told)
            os.close(told)
        # Its group first: until it is reaped, nobody else can have its number.
        sandbox.kill_group(self._child.pid)
        self._reaped()

    def _reaped(self) -> bool:
        pid, status, used = os.wait4(self._child.pid, os.WNOHANG)
        if not pid:
            return False
        self.exit_code = self._child.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_s = used.ru_utime + used.ru_stime
        sandbox.kill_group(pid)
        self._ended.set()
        return True


def start(asked: Asked, limits: Mapping[str, int], answer: KeptPipe, errors: KeptPipe) -> Process:
    """Begin it. limits: by their names in `resource`. Raises `Invalid` when what is asked is no JSON."""
    told = (
        str(os.getpid()),
        str(answer.theirs),
        os.pathsep.join(place for place in sys.path if Path(place).is_absolute()),
        *(f"{name}={value}" for name, value in limits.items()),
    )
    # Packages of others may need what site-packages does at the start; ours do not, and it costs.
    flags = "-ISB" if asked.module in plugins.BUILT_IN[GROUP] else "-IB"
    with _question(asked) as question:
        child = subprocess.Popen(  # noqa: S603 - our own interpreter and file
            (sys.executable, flags, _OPERATED, *told),
            stdin=question,
            stdout=errors.theirs,
            stderr=errors.theirs,
            env=sandbox.environment(),
            pass_fds=(answer.theirs,),
            start_new_session=True,
        )
    answer.give()
    errors.give()
    return Process(child)


def _question(asked: Asked) -> IO[bytes]:
    """Return what is asked for as a file; a pipe would have to be written while it is read."""
    try:
        content = msgspec.json.encode(asked)
    except (TypeError, ValueError, RecursionError) as fault:
        raise Invalid(f"module {asked.module}: its parameters are no JSON: {fault}") from None
    file: IO[bytes]
    if sys.platform == "linux":
        file = os.fdopen(os.memfd_create("operation"), "w+b")
    else:
        import tempfile

        file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked closes it
    file.write(content)
    file.seek(0)
    return file


def _threads(pid: int) -> int:
    try:
        stat = Path("/proc", str(pid), "stat").read_bytes()
    except OSError:
        return 0  # it has ended, or this is not Linux
    return int(stat[stat.rindex(b")") + 2 :].split()[17])


def _any_set(events: Iterable[asyncio.Event]) -> bool:
    return any(one.is_set() for one in events)
