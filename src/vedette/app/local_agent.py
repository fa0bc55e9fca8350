"""The agent that `up` runs beside the server: a child process named `local`, restarted when it ends."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog

log = structlog.get_logger(__name__)

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
"""A child that lived this long starts the next pauses from the shortest one again."""

STOP_WITHIN_S = 10.0


class Child:
    """One `vedette` command in a process of its own, for as long as the block lasts."""

    def __init__(self, name: str, arguments: Sequence[str]) -> None:
        self.name = name
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._expected = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Child":
        self._task = asyncio.create_task(self._stay(), name=f"child {self.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def restart(self) -> None:
        """End it now; it is started again at once."""
        if self._process is not None and self._process.returncode is None:
            self._expected = True
            self._process.terminate()

    async def _stay(self) -> None:
        pause_s = FIRST_PAUSE_S
        time = asyncio.get_running_loop().time
        while True:
            began = time()
            code = await self._once()
            if self._expected:
                self._expected = False
                continue
            pause_s = FIRST_PAUSE_S if time() - began >= STEADY_S else pause_s
            log.warning("the local agent ended", code=code, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _once(self) -> int:
        # A session of its own: Ctrl-C is for us, and we stop it in our order.
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "vedette.app.main",
            *self._arguments,
            stdin=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=end_with_parent(),
        )
        try:
            return await self._process.wait()
        finally:
            await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


PR_SET_PDEATHSIG = 1


def end_with_parent() -> Callable[[], None] | None:
    """Return what a child runs first so that it is told to stop when we are killed; Linux only.

    It survives `execve`. Without it the agent of an `up` that met `kill -9` would go on, and the
    next one would find its identity in use.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # loaded here: after fork nothing may allocate
    parent = os.getpid()

    def ask() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(0)  # it died before we asked

    return ask
