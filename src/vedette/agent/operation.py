"""Running one operation: its module in a process of its own, bounded, alone, and without a way out.

Nothing of the module runs in the agent, not even its import, and nothing it answers is believed
unread. Whatever happens over there is an outcome here.
"""

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from vedette.agent import sandbox
from vedette.agent.confine import Offers, offers
from vedette.agent.kept_pipe import KeptPipe
from vedette.agent.operating import CRASHED, EXCEEDED, REFUSED, RETURNED, UNAVAILABLE, Asked
from vedette.agent.operation_answer import NotAnAnswer, checked
from vedette.agent.operation_process import Process, start
from vedette.errors import Invalid

_PRINTED_KEPT_BYTES = 4096
_PRINTED_BYTES = 16 << 20
"""What it prints beyond what is kept is dropped, up to this: to read costs the agent."""
_TASKS = 256
"""How many threads, and processes where its module may start any, an operation may have at once."""
_SHORT_BYTES = 256 << 10
"""An answer that is longer is read beside the loop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationLimits:
    """How much one operation may take.

    seconds: of the clock. cpu_s: of the processor. memory_bytes: of address space.
    output_bytes: of its answer; one that is longer is killed, and nothing of it is kept.
    """

    seconds: float = 300
    cpu_s: float = 300
    memory_bytes: int = 512 << 20
    output_bytes: int = 16 << 20

    def for_the_kernel(self) -> dict[str, int]:
        """Return the limits of each process by their names in `resource`."""
        return dict(
            sandbox.Limits(seconds=self.cpu_s, memory_bytes=self.memory_bytes).for_the_kernel()
        )


class Ended(StrEnum):
    """How an operation ended.

    returned: its module answered. refused: it did not run; this host does not know the module, or its
    parameters make no sense. unavailable: nor did it; this host lacks what it needs. timeout: its time was over. killed: it took more
    than it may. crashed: a bug of the module, or an answer that is none.
    """

    RETURNED = "returned"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    KILLED = "killed"
    CRASHED = "crashed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One operation that is over.

    result: the module's answer as JSON in MIG's shape, empty unless it returned.
    message: why it did not return, one line. truncated: its answer was longer than it may be.
    cpu_s: of all its processes that ended before it.
    """

    ended: Ended
    result: bytes
    message: str
    truncated: bool
    took_s: float
    cpu_s: float


async def run_operation(
    module: str,
    parameters: object,
    limits: OperationLimits,
    *,
    privacy: bool,
    partial: bool,
    root: Path = Path("/"),
) -> Ran:
    """Run a module and return what became of it.

    parameters: plain JSON. privacy: names are masked, in messages too. partial: run it, too, where
    the kernel lacks a wall. root: what stands for `/`. Whatever happens, cancellation too: nothing
    of the operation runs any more.
    """
    begun = time.perf_counter()
    asked = Asked(
        module=module,
        parameters=parameters,
        seconds=limits.seconds,
        cpu_s=limits.cpu_s,
        memory_bytes=limits.memory_bytes,
        output_bytes=limits.output_bytes,
        tasks=_TASKS,
        privacy=privacy,
        partial=partial,
        root=str(root),
    )
    truncated, cpu_s = False, 0.0
    try:
        with _pipes(limits) as (answer, printed):
            process = start(asked, limits.for_the_kernel(), answer, printed)
            in_time = await _run(process, answer, printed, limits.seconds)
        truncated, cpu_s = answer.cut, process.cpu_s
        outcome = _stopped(process, answer, printed, limits, in_time=in_time)
        if outcome is None:
            said = b"" if privacy else bytes(printed.content)
            outcome = await _outcome(process, bytes(answer.content), said, limits)
    except Invalid as refused:
        outcome = _Outcome(Ended.REFUSED, message=str(refused))
    except OSError as fault:
        outcome = _Outcome(Ended.CRASHED, message=f"it could not be started: {fault.strerror}")
    return Ran(
        ended=outcome.ended,
        result=outcome.result,
        message=_plain(outcome.message),
        truncated=truncated,
        took_s=time.perf_counter() - begun,
        cpu_s=cpu_s,
    )


def sandbox_offers() -> Offers:
    """Return what this kernel gives to keep an operation in."""
    return offers()


@contextmanager
def _pipes(limits: OperationLimits) -> Iterator[tuple[KeptPipe, KeptPipe]]:
    """Yield the pipe of the answer, and that of what the module prints."""
    answer = KeptPipe(limits.output_bytes + 1)
    with answer, KeptPipe(_PRINTED_KEPT_BYTES, most=_PRINTED_BYTES) as printed:
        yield answer, printed


async def _run(process: Process, answer: KeptPipe, printed: KeptPipe, seconds: float) -> bool:
    """Wait until it is over and gone, by its own end or by ours; False when its time was over."""
    try:
        in_time = await process.over(answer, printed, seconds=seconds, tasks=_TASKS)
    finally:
        await process.end()
    with suppress(TimeoutError):
        async with asyncio.timeout(sandbox.DRAIN_S):
            await asyncio.gather(answer.ended.wait(), printed.ended.wait())
    return in_time


class _Outcome(NamedTuple):
    ended: Ended
    result: bytes = b""
    message: str = ""


def _stopped(
    process: Process,
    answer: KeptPipe,
    printed: KeptPipe,
    limits: OperationLimits,
    *,
    in_time: bool,
) -> _Outcome | None:
    """Return why we ended it, None when it ended by itself."""
    if answer.cut:
        words = f"its answer is longer than {limits.output_bytes} bytes"
    elif printed.cut:
        words = f"it printed more than {_PRINTED_BYTES} bytes"
    elif process.overgrown:
        words = f"it began more than {_TASKS} threads"
    elif not in_time:
        return _Outcome(Ended.TIMEOUT, message=f"it took longer than {limits.seconds:g} s")
    else:
        return None
    return _Outcome(Ended.KILLED, message=words)


async def _outcome(
    process: Process, answer: bytes, said: bytes, limits: OperationLimits
) -> _Outcome:
    kind, body = answer[:1], answer[1:]
    if kind == EXCEEDED:
        return _Outcome(Ended.KILLED, message=body.decode(errors="replace"))
    if process.exit_code or kind not in _SAID:
        return _died(process, said, limits)
    if kind != RETURNED:
        return _Outcome(_SAID[kind], message=body.decode(errors="replace"))
    try:
        short = len(body) <= _SHORT_BYTES
        result = checked(body) if short else await asyncio.to_thread(checked, body)
    except NotAnAnswer as fault:
        return _Outcome(Ended.CRASHED, message=str(fault))
    return _Outcome(Ended.RETURNED, result)


_SAID = {
    RETURNED: Ended.RETURNED,
    REFUSED: Ended.REFUSED,
    UNAVAILABLE: Ended.UNAVAILABLE,
    CRASHED: Ended.CRASHED,
}


def _died(process: Process, said: bytes, limits: OperationLimits) -> _Outcome:
    number = -process.exit_code
    if number == signal.SIGXCPU or (number == signal.SIGKILL and process.cpu_s >= limits.cpu_s):
        words = f"it used more than {limits.cpu_s:g} s of the processor"
        return _Outcome(Ended.KILLED, message=words)
    if number == signal.SIGKILL:
        words = "it was killed, as the kernel does when memory runs out"
        return _Outcome(Ended.KILLED, message=words)
    how = signal.Signals(number).name if number > 0 else f"exit code {process.exit_code}"
    last = said.decode(errors="replace").strip().rpartition("\n")[2]
    words = f"it ended by {how} and did not answer" + (f": {last}" if last else "")
    return _Outcome(Ended.CRASHED, message=words)


def _plain(words: str) -> str:
    """Return one line without what a terminal or a page would act upon."""
    return " ".join("".join(one if one.isprintable() else " " for one in words).split())
