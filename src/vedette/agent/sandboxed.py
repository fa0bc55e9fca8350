"""What stands between the agent and a program it runs: limits itself, then becomes that program.

Started as a file of its own by `agent/sandbox.py`, in an interpreter without site-packages, so it
imports nothing of ours and little of Python's. Why not `preexec_fn`: it runs Python between fork and
exec in a process of many threads, which may never return.

Its arguments are the number of a pipe and JSON: `command`, `limits` and `environment`. The pipe
closes with the exec; what went wrong before that is written there.
"""

import os
import resource
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_SIGKILL = 9


def become(said: dict) -> None:  # type: ignore[type-arg]  # typing costs 10 ms a look
    """Take the limits on and become the program; returns only by raising."""
    give_up_privileges()
    limit(said["limits"])
    os.umask(0o077)
    os.chdir("/")
    command = said["command"]
    os.execve(command[0], command, said["environment"])  # noqa: S606 - without a shell, as it should


def limit(limits: dict[str, int]) -> None:
    """Take on the kernel's limits, by their names in `resource`."""
    for name, value in limits.items():
        kind = getattr(resource, name)
        # What the host's owner gave the agent is never raised.
        hard = resource.getrlimit(kind)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))


def give_up_privileges() -> None:
    """Let no setuid program give back what we gave up, and nothing outlive an agent that was killed."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    die_with_parent(_SIGKILL)


def die_with_parent(number: int) -> None:
    """Ask the kernel for this signal when the parent ends; only Linux has it."""
    _prctl(_PR_SET_PDEATHSIG, number)


def _prctl(option: int, value: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl is refused")


def main(status_fd: int, asked: str) -> None:
    """Become what is asked for, or say on the pipe why not."""
    import json  # not above: the process of an operation takes its limits from here, and is told no JSON

    os.set_inheritable(status_fd, False)
    try:
        become(json.loads(asked))
    except (OSError, ValueError) as fault:
        words = getattr(fault, "strerror", None) or str(fault)
        os.write(status_fd, words.encode()[:512])
    os._exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
