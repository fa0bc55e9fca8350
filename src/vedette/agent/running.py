"""What an agent says of itself in its folder, so that others of its host know it without running it."""

import os
from pathlib import Path

import msgspec

from vedette.agent.ancestry import started
from vedette.agent.opener import DIRECT, Opener
from vedette.errors import Denied

RUNNING = "running.json"
RETIRED = "retired.json"
_LOCK = ("spool", "lock")


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's process. started: in the kernel's ticks, so that no later process is taken for it."""

    pid: int
    started: int
    version: str


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which agent is to be retired, as the module found it; what it says is looked at again."""

    pid: int
    started: int
    version: str
    data_dir: str


def say_running(data_dir: Path, version: str) -> None:
    """Write what others may know of this agent; raise `Denied` when it was retired."""
    from vedette.agent.identity import write_private

    mark = data_dir / RETIRED
    if os.path.lexists(mark):
        raise Denied(
            f"the agent of {data_dir} was retired", hint=f"to let it run again, remove {mark}"
        )
    pid = os.getpid()
    running = Running(pid=pid, started=started(Path("/proc"), pid), version=version)
    write_private(data_dir / RUNNING, msgspec.json.encode(running))


def find_agent(proc: Path, pid: int, opener: Opener = DIRECT) -> tuple[Path, Running] | None:
    """Return the folder of the agent that this process is, and what it says; None where it is none.

    An agent holds its spool's lock open, and beside the spool stands what it says of itself.
    """
    began = started(proc, pid)
    for path in _open_files(proc / str(pid) / "fd", opener):
        if path.parts[-2:] != _LOCK:
            continue
        data_dir = path.parent.parent
        try:
            said = msgspec.json.decode((data_dir / RUNNING).read_bytes(), type=Running)
        except (OSError, msgspec.MsgspecError):
            continue
        if (said.pid, said.started) == (pid, began):
            return data_dir, said
    return None


def _open_files(folder: Path, opener: Opener) -> list[Path]:
    try:
        return [Path(os.fsdecode(one)) for one in opener.links(str(folder))]
    except OSError:
        return []
