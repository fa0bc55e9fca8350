"""What runs in an operation's process once it is limited: find the module, confine it, run it, answer.

The answer is one byte that says what it is and then its body; whoever reads it believes neither.
"""

import gc
import os
import sys
import time
from types import TracebackType
from typing import Any

import msgspec

from vedette import plugins
from vedette.agent.confine import confine, step_back
from vedette.agent.modules import (
    GROUP,
    Context,
    Limits,
    Module,
    Result,
    needs_of,
    read_parameters,
)
from vedette.agent.opener import DIRECT, Opener
from vedette.errors import Unavailable, VedetteError

RETURNED, REFUSED, UNAVAILABLE, EXCEEDED, CRASHED = b"R", b"N", b"U", b"X", b"C"
"""A result as JSON; why it did not run; what this host lacks; which limit it met; what went wrong."""

_MESSAGE_CHARACTERS = 2_000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """One operation.

    seconds: until it is ended; a module stops by itself a little before. cpu_s, memory_bytes,
    tasks: of all its processes together, where it may start programs.
    """

    module: str
    parameters: Any
    seconds: float
    cpu_s: float
    memory_bytes: int
    output_bytes: int
    tasks: int
    privacy: bool
    partial: bool
    root: str


def operate(answer_fd: int) -> None:
    """Run the operation that stands on stdin, answer, and end this process."""
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=Asked)
    gc.freeze()  # what was imported will not be garbage
    gc.enable()
    answer = _answer(asked, answer_fd)
    while answer:
        answer = answer[os.write(answer_fd, answer) :]
    os._exit(0)


def _answer(asked: Asked, answer_fd: int) -> bytes:
    try:
        return RETURNED + msgspec.json.encode(_run(asked, answer_fd))
    except Unavailable as lacking:
        return UNAVAILABLE + _bytes(str(lacking))
    except VedetteError as refused:
        return REFUSED + _bytes(str(refused))
    except MemoryError:
        return EXCEEDED + f"it wanted more than {asked.memory_bytes >> 20} MiB of memory".encode()
    except BaseException as fault:  # noqa: BLE001 - whatever ends a module is an answer, SystemExit too
        return CRASHED + _bytes(type(fault).__name__ if asked.privacy else _words(fault))


def _run(asked: Asked, answer_fd: int) -> Result:
    deadline = time.monotonic() + _own_seconds(asked.seconds)
    module = _load(asked.module)
    parameters = read_parameters(module, asked.parameters)
    _refuse_threads()
    needs = needs_of(module, parameters)
    if needs.programs and sys.platform == "linux":
        from vedette.agent.operation_keeper import under_a_keeper

        under_a_keeper(
            answer_fd,
            tasks=asked.tasks,
            cpu_s=asked.cpu_s,
            memory_bytes=asked.memory_bytes,
        )
    step_back()
    opener: Opener = DIRECT
    if needs.processes and sys.platform == "linux":
        from vedette.agent.opening import through_a_helper

        opener = through_a_helper(asked.root, partial=asked.partial)
    confine(needs, partial=asked.partial)
    result = module.run(
        parameters,
        Context(
            deadline=deadline,
            privacy=asked.privacy,
            limits=Limits(output_bytes=asked.output_bytes),
            root=asked.root,
            opener=opener,
        ),
    )
    if not isinstance(result, Result):
        raise TypeError(f"the module returned {type(result).__name__}, not a Result")
    return result


def _load(name: str) -> Module:
    try:
        module: Module = plugins.load(GROUP, name)()
    except ImportError as fault:
        raise Unavailable(f"the module {name} cannot be loaded here: {fault}") from None
    return module


def _refuse_threads() -> None:
    """Raise RuntimeError when there is a thread that is too early to be confined with us."""
    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) > 1:  # noqa: PTH208 - cheaper
        raise RuntimeError("the module began a thread when it was imported")


def _own_seconds(seconds: float) -> float:
    """Return when a module stops by itself, so that what it has found still is an answer."""
    return seconds - min(2.0, seconds * 0.1)


def _words(fault: BaseException) -> str:
    import traceback  # few need it, and it brings more with it

    said = " ".join(traceback.format_exception_only(fault)[-1].split())
    return f"{said}{_place(fault.__traceback__)}"


def _place(trace: TracebackType | None) -> str:
    if trace is None:
        return ""
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})"


def _bytes(words: str) -> bytes:
    return words[:_MESSAGE_CHARACTERS].encode(errors="replace")
