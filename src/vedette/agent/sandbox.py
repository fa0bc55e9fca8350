"""Running a program of this host within limits: without a shell, without our environment, and briefly.

The program is the leader of a process group of its own, which is killed as a whole: when its time is
over, when whoever waits is cancelled, and after it ended, should it have left someone behind.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from vedette.agent.kept_pipe import KeptPipe

DRAIN_S = 0.5
"""How long output may still come after the end: of one who left the group and holds the pipe."""

_SANDBOXED = str(Path(__file__).with_name("sandboxed.py"))
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a program may use.

    seconds: of the clock; as many, rounded up and one more, of the processor.
    output_bytes: of each stream that are kept; more is read and dropped.
    processes: of this user, the agent's own among them; root is not counted by the kernel.
    file_bytes: the longest file it may write.
    """

    seconds: float
    output_bytes: int = 64 << 10
    memory_bytes: int = 1 << 30
    files: int = 256
    processes: int = 512
    file_bytes: int = 16 << 20

    def for_the_kernel(self) -> Mapping[str, int]:
        """Return the resource limits by their names in `resource`."""
        return {
            "RLIMIT_CPU": ceil(self.seconds) + 1,
            "RLIMIT_AS": self.memory_bytes,
            "RLIMIT_NOFILE": self.files,
            "RLIMIT_NPROC": self.processes,
            "RLIMIT_FSIZE": self.file_bytes,
            "RLIMIT_CORE": 0,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """A program that ended by itself or by a limit of the kernel.

    exit_code: negative when a signal ended it.
    cut: whether there was more output than is kept.
    """

    exit_code: int
    output: bytes
    errors: bytes
    cut: bool
    took_s: float

    @property
    def killed_by(self) -> str:
        """The signal that ended it, "" when none did."""
        return signal.Signals(-self.exit_code).name if self.exit_code < 0 else ""


class NotStarted(Exception):  # noqa: N818 - what happened to the program
    """The program could not be started; the message is the system's."""


def environment() -> dict[str, str]:
    """Return all that a program learns of ours: where programs are, and to speak plainly."""
    return {"PATH": _PATH, "LANG": "C.UTF-8"}


async def run(command: Sequence[str], limits: Limits) -> Ran:
    """Run a program to its end and return what it said.

    command: an absolute path and arguments, taken as they are.
    Raises TimeoutError when its time is over, `NotStarted` when it is no program. Whatever is
    raised, cancellation too: nothing of the program runs any more.
    """
    begun = time.perf_counter()
    output, errors = KeptPipe(limits.output_bytes), KeptPipe(limits.output_bytes)
    with output, errors, KeptPipe(512) as status:
        child = await _start(command, limits, (output, errors, status))
        try:
            async with asyncio.timeout(limits.seconds):
                exit_code = await child.wait()
        finally:
            kill_group(child.pid)
            await child.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await asyncio.gather(output.ended.wait(), errors.ended.wait(), status.ended.wait())
    if status.content:
        raise NotStarted(status.content.decode(errors="replace"))
    return Ran(
        exit_code=exit_code,
        output=bytes(output.content),
        errors=bytes(errors.content),
        cut=output.cut or errors.cut,
        took_s=time.perf_counter() - begun,
    )


async def _start(
    command: Sequence[str], limits: Limits, pipes: tuple[KeptPipe, KeptPipe, KeptPipe]
) -> asyncio.subprocess.Process:
    output, errors, status = pipes
    asked = {
        "command": list(command),
        "limits": dict(limits.for_the_kernel()),
        "environment": environment(),
    }
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-B", _SANDBOXED, str(status.theirs), json.dumps(asked)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output.theirs,
            stderr=errors.theirs,
            env=environment(),
            pass_fds=(status.theirs,),
            start_new_session=True,
        )
    )
    try:
        child = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _undo(starting)
        raise
    for pipe in pipes:
        pipe.give()
    return child


async def _undo(starting: "asyncio.Future[asyncio.subprocess.Process]") -> None:
    """End what is being started; asyncio itself would kill its leader alone, whomever that has started by now."""
    starting.add_done_callback(_kill_started)
    await asyncio.wait((starting,))
    if starting.exception() is None:
        await starting.result().wait()


def _kill_started(starting: "asyncio.Future[asyncio.subprocess.Process]") -> None:
    if not starting.cancelled() and starting.exception() is None:
        kill_group(starting.result().pid)


def kill_group(leader: int) -> None:
    """Kill a process group as a whole; one that is gone is well."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
