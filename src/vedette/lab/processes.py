"""Programs that run on after us: started apart, found again by number and age, ended."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from vedette.db.identity import Identity
from vedette.errors import Denied, Unavailable
from vedette.lab.model import Command, Process

POLL_S = 0.05
GRACE_S = 10.0
"""How long a program may take to end after its farewell."""

LONGEST_RUN_S = 120.0
SAME_START_S = 0.1
"""The kernel tells a process's start in hundredths of a second."""

_OWN = ("VEDETTE_", "PG", "LC_")
"""Variables that would change what a program does, or tell it what it need not know."""


def launch(command: Command, folder: Path, identity: Identity) -> Process:
    """Start a program in a session of its own; what it says goes to the folder's `log`."""
    with (folder / "log").open("ab") as log:
        try:
            child = subprocess.Popen(  # noqa: S603 - a program that the operator named by its kind
                list(command.words),
                cwd=folder,
                env=environment(command.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=identity.becomes(outlives_us=True),  # noqa: PLW1509 - we have one thread
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise _not_run(command.words[0], error) from None
    with contextlib.suppress(psutil.NoSuchProcess):
        return Process(child.pid, psutil.Process(child.pid).create_time(), command.farewell)
    return Process(child.pid, 0.0, command.farewell)


def run(words: Sequence[str], folder: Path, identity: Identity) -> None:
    """Run a program to its end; raise `Unavailable` in its last words when that is no good one."""
    try:
        ended = subprocess.run(  # noqa: S603 - as above
            list(words),
            cwd=folder,
            env=environment({}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=identity.becomes(),
            timeout=LONGEST_RUN_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{words[0]} does not end") from None
    except (OSError, subprocess.SubprocessError) as error:
        raise _not_run(words[0], error) from None
    if ended.returncode != 0:
        words_said = ended.stdout.decode(errors="replace").strip().splitlines()
        last = words_said[-1].strip() if words_said else f"exit code {ended.returncode}"
        raise Unavailable(f"{Path(words[0]).name}: {last[:300]}")


def environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return our environment without what is not the program's business, and `more`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_OWN)}
    return {**kept, "LC_ALL": "C", **more}


def is_running(process: Process) -> bool:
    """Say whether that very process runs still; a later one of its number is a stranger."""
    try:
        found = psutil.Process(process.pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(found.create_time() - process.began) < SAME_START_S
    except psutil.Error:
        return False


def end(processes: Sequence[Process]) -> None:
    """Ask each to end, wait, and kill what is left of their sessions; safe to repeat.

    Raises `Denied` when they belong to another user, `Unavailable` when the kernel keeps one.
    """
    for process in processes:
        if is_running(process):
            _signal(process.pid, process.farewell)
    give_up = time.monotonic() + GRACE_S
    polite = [process for process in processes if process.farewell != signal.SIGKILL]
    while any(map(is_running, polite)) and time.monotonic() < give_up:
        time.sleep(POLL_S)
    give_up = time.monotonic() + GRACE_S
    while left := [pid for process in processes for pid in _left_of(process)]:
        if time.monotonic() > give_up:
            raise Unavailable(f"process {left[0]} of the lab does not end though it was killed")
        for pid in left:
            _signal(pid, signal.SIGKILL)
        time.sleep(POLL_S)


def _left_of(process: Process) -> Iterator[int]:
    # The kernel gives no process the number of a session that somebody is still in: if the leader is
    # gone and no stranger has its number, the session is still ours.
    if psutil.pid_exists(process.pid) and not is_running(process) and not _is_zombie(process.pid):
        return
    for pid in psutil.pids():
        with contextlib.suppress(OSError):
            if os.getsid(pid) == process.pid and not _is_zombie(pid):
                yield pid


def _is_zombie(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return True


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        raise Denied(
            f"process {pid} of the lab belongs to another user", hint="stop it as that user"
        ) from None


def _not_run(program: str, error: Exception) -> Unavailable:
    return Unavailable(f"{program} cannot be run: {error}")
