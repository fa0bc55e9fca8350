"""The first thing in an operation's process: limits itself before anything of a module is imported.

Started as a file of its own by `agent/operation.py`, often without site-packages. Its argument is
JSON: `limits` of the kernel, `path` to import from, `parent`, and `answer`, the number of a pipe.
What is asked for stands on stdin.
"""

import json
import os
import sys

_NICE = 10
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30}
_IOPRIO_IDLE = 3 << 13


def main(told: str) -> None:
    """Take the limits on, then run what stands on stdin."""
    said = json.loads(told)
    sys.path[:] = said["path"]
    from vedette.agent.sandboxed import give_up_privileges, limit

    give_up_privileges()
    if os.getppid() != said["parent"]:
        os._exit(1)  # it was killed before we asked to be told
    limit(said["limits"])
    _step_back()
    os.umask(0o077)
    os.chdir("/")
    os.set_inheritable(said["answer"], False)
    from vedette.agent.operating import operate

    operate(said["answer"])


def _step_back() -> None:
    """Let everything else on the host go first, on the processor and on the disk."""
    os.nice(_NICE)
    number = _IOPRIO_SET.get(os.uname().machine) if sys.platform.startswith("linux") else None
    if number is not None:
        import ctypes

        ctypes.CDLL(None).syscall(
            number, 1, 0, _IOPRIO_IDLE
        )  # refused in some containers, and no matter


if __name__ == "__main__":
    main(sys.argv[1])
