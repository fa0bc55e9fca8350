"""Connectors of others run in a process of their own: one that hangs or dies takes only itself.

Built-in connectors pass our conformance suite and share the agent's loop, at a tenth of the memory.
A foreign one may block its loop, leak files or bring the interpreter down; its process is ended and
begun anew, and the looks that were under way become reports.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any

import msgspec
import structlog

from vedette.actions.model import ROWS, SIZE_BYTES, Value
from vedette.agent.connector import Description, Look, RefusedByHost
from vedette.agent.isolated import RESIDENT_LIMIT_BYTES, Answer, Asked, Said, frame, read_frame
from vedette.health.model import Report

log = structlog.get_logger(__name__)

START_S = 20.0
"""How long a process may take to import its connector and say what it is."""
LET_GO_S = 0.5
"""How long a cancelled look may take to let go before its whole process is ended."""


class Crashed(Exception):  # noqa: N818 - what happened to the connector
    """The connector's process ended under a look; becomes `unknown`, `connector_crash`."""


class Process:
    """The process of one foreign connector, shared by all targets that use it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._child: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[Answer]] = {}
        self._starting = asyncio.Lock()
        self._number = 0
        self._why = ""
        self._describing: asyncio.Task[Description] | None = None

    async def describe(self) -> Description:
        """Start the process if need be and return what its connector says of itself.

        A caller that cannot wait may come again: the process goes on starting meanwhile.
        """
        if self._describing is None:
            self._describing = asyncio.create_task(self._describe(), name=f"start {self.name}")
        describing = self._describing
        try:
            return await asyncio.shield(describing)
        finally:
            if describing.done() and (describing.cancelled() or describing.exception()):
                self._describing = None

    async def _describe(self) -> Description:
        try:
            async with asyncio.timeout(START_S):
                answer = await self._ask(Asked(kind="describe"))
        except TimeoutError:
            await self.stop("it did not start in time")
            raise Crashed(f"the connector did not start within {START_S:g} s") from None
        if answer.description is None:
            raise Crashed(answer.error or "the connector does not describe itself")
        return answer.description

    async def probe(self, settings: Mapping[str, Any], look: Look, reach: list[str]) -> Report:
        """Look once; a cancelled look that does not let go ends the process."""
        asked = Asked(
            kind="probe",
            target=look.target,
            settings=dict(settings),
            secrets=sorted(look.secrets),
            timeout_s=look.timeout_s,
            reach=reach,
        )
        answer = await self._ask(asked)
        if answer.refused:
            raise RefusedByHost(answer.refused)
        if answer.report is None:
            raise Crashed(answer.error)
        if answer.resident_bytes > RESIDENT_LIMIT_BYTES and not self._answers:
            await self.stop(f"it holds {answer.resident_bytes >> 20} MiB of memory")
        return answer.report

    async def rows(
        self,
        settings: Mapping[str, Any],
        look: Look,
        reach: list[str],
        command: str,
        parameters: Mapping[str, Value],
    ) -> list[list[Any]]:
        """Run a command of the connector and return its rows, one more than we take at most."""
        asked = Asked(
            kind="ask",
            target=look.target,
            settings=dict(settings),
            secrets=sorted(look.secrets),
            timeout_s=look.timeout_s,
            reach=reach,
            command=command,
            parameters=dict(parameters),
            rows=ROWS,
            size_bytes=SIZE_BYTES,
        )
        answer = await self._ask(asked)
        if answer.refused:
            raise RefusedByHost(answer.refused)
        if answer.rows is None:
            raise Crashed(answer.error)
        return answer.rows

    async def stop(self, why: str) -> None:
        """End the process, and every look under way with it."""
        child, self._child = self._child, None
        if child is None:
            return
        self._why = why
        log.warning("a connector's process was ended", connector=self.name, why=why)
        with suppress(ProcessLookupError):
            child.kill()
        if self._reading is not None:
            await asyncio.wait({self._reading}, timeout=5.0)

    async def _ask(self, asked: Asked) -> Answer:
        child = await self._running()
        self._number += 1
        number = self._number
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        try:
            self._say(child, Said(number=number, asked=asked))
            return await answer
        except asyncio.CancelledError:
            await self._cancel(child, number, answer)
            raise
        finally:
            self._answers.pop(number, None)

    async def _cancel(
        self, child: asyncio.subprocess.Process, number: int, answer: "asyncio.Future[Answer]"
    ) -> None:
        if answer.done() and not answer.cancelled():
            return
        gone: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[number] = gone
        self._say(child, Said(number=number, asked=None))
        done, _ = await asyncio.wait({gone}, timeout=LET_GO_S)
        if not done and self._child is child:
            await self.stop("a look was cancelled and did not let go")
        elif done:
            gone.exception()

    def _say(self, child: asyncio.subprocess.Process, said: Said) -> None:
        assert child.stdin is not None
        with suppress(ConnectionError, RuntimeError):
            child.stdin.write(frame(said))

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._child is not None and self._child.returncode is None:
                return self._child
            self._why = ""
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "vedette.agent.isolated",
                self.name,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env=_environment(),
            )
            self._reading = asyncio.create_task(self._read(self._child), name=f"read {self.name}")
            return self._child

    async def _read(self, child: asyncio.subprocess.Process) -> None:
        assert child.stdout is not None
        try:
            while True:
                answer = await read_frame(child.stdout, Answer)
                waiting = self._answers.get(answer.number)
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except (asyncio.IncompleteReadError, msgspec.MsgspecError, ValueError) as fault:
            if not isinstance(fault, asyncio.IncompleteReadError):
                self._why = "it wrote what is no answer"
        finally:
            code = await _ended(child)
            why = self._why or f"its process ended ({_words(code)})"
            for waiting in self._answers.values():
                if not waiting.done():
                    waiting.set_exception(Crashed(why))


async def _ended(child: asyncio.subprocess.Process) -> int:
    """Return the exit code of a process whose pipe has ended; one that lingers is killed.

    Not killed at once: `kill` looks first whether it has ended, and would reap it behind the back of
    asyncio, which then knows no exit code.
    """
    try:
        async with asyncio.timeout(LET_GO_S):
            return await child.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            child.kill()
        return await child.wait()


class Isolated:
    """One target's connector in a process of another."""

    def __init__(
        self,
        process: Process,
        description: Description,
        settings: Mapping[str, Any],
        reach: list[str],
    ) -> None:
        self.description = description
        self._process = process
        self._settings = settings
        self._reach = reach

    async def probe(self, look: Look) -> Report:
        """Look once, over there."""
        return await self._process.probe(self._settings, look, self._reach)

    async def ask(
        self, look: Look, name: str, params: Mapping[str, Value]
    ) -> AsyncGenerator[list[Any], None]:
        """Yield the rows of a command, run over there as a whole."""
        for row in await self._process.rows(self._settings, look, self._reach, name, params):
            yield row

    async def aclose(self) -> None:
        """Nothing is held here; the process serves other targets too."""


def _environment() -> dict[str, str]:
    """Return this process's environment without the variables only we should have."""
    return {name: value for name, value in os.environ.items() if not name.startswith("VEDETTE_")}


def _words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
