"""Stands over a module that may start programs, and counts what they all use together.

The kernel's own limits are for one process each, and root's processes it does not count. All are of
one process group, which a filter of calls keeps them in, so that they end as a whole: when one of
the limits is met, when the module's process ends, and when the agent does.
"""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from vedette.agent.sandboxed import die_with_parent

_LOOK_S = 0.1
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Used:
    """What the processes of a group use; those that have ended count where they were waited for.

    tasks: processes and their threads.
    """

    tasks: int
    cpu_s: float
    memory_bytes: int


def under_a_keeper(answer_fd: int, *, tasks: int, cpu_s: float, memory_bytes: int) -> None:
    """Return in a new process; this one keeps watch over it and ends as it ends."""
    watched = {signal.SIGTERM, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    keeper = os.getpid()
    child = os.fork()
    if child == 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, watched)
        die_with_parent(signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(1)
        return
    die_with_parent(signal.SIGTERM)
    _watch(child, answer_fd, Used(tasks, cpu_s, memory_bytes))


def used(group: int, enough: int) -> Used:
    """Return what the processes of a group use at this moment; counts no more than `enough`."""
    count, ticks, pages = 0, 0, 0
    for name in os.listdir("/proc"):  # noqa: PTH208 - many, often
        if not name.isdigit():
            continue
        try:
            stat = Path("/proc", name, "stat").read_bytes()
        except OSError:
            continue
        fields = stat[stat.rindex(b")") + 2 :].split()
        if int(fields[2]) == group:
            count += int(fields[17])
            ticks += sum(map(int, fields[11:15]))
            pages += int(fields[21])
            if count >= enough:
                break
    return Used(count, ticks / _TICKS, pages * _PAGE_BYTES)


def too_much(now: Used, most: Used) -> str:
    """Return which limit is met, in words, "" for none."""
    if now.tasks > most.tasks:
        return f"it started more than {most.tasks} processes and threads"
    if now.cpu_s > most.cpu_s:
        return f"its processes used more than {most.cpu_s:g} s of the processor"
    if now.memory_bytes > most.memory_bytes:
        return f"its processes held more than {most.memory_bytes >> 20} MiB of memory"
    return ""


def _watch(child: int, answer_fd: int, most: Used) -> NoReturn:
    group = os.getpgrp()
    while True:
        came = signal.sigtimedwait({signal.SIGTERM, signal.SIGCHLD}, _LOOK_S)
        if came is not None and came.si_signo == signal.SIGTERM:
            os.killpg(group, signal.SIGKILL)
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _end_as(os.waitstatus_to_exitcode(status))
        words = too_much(used(group, most.tasks + 1), most)
        if words:
            os.write(answer_fd, b"X" + words.encode())
            os.killpg(group, signal.SIGKILL)


def _end_as(code: int) -> NoReturn:
    if code < 0:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(signal.Signals))
        os.kill(os.getpid(), -code)
        time.sleep(1.0)  # a signal that does not end us ended nobody
    os._exit(abs(code))
