"""The first thing in an operation's process: limits itself before anything of a module is imported.

Started as a file of its own by `agent/operation.py`, often without site-packages. Its argument is
JSON: `limits` of the kernel, `path` to import from, `parent`, and `answer`, the number of a pipe.
What is asked for stands on stdin.
"""

import json
import os
import sys


def main(told: str) -> None:
    """Take the limits on, then run what stands on stdin."""
    said = json.loads(told)
    sys.path[:] = said["path"]
    from vedette.agent.sandboxed import give_up_privileges, limit

    give_up_privileges()
    if os.getppid() != said["parent"]:
        os._exit(1)  # it was killed before we asked to be told
    limit(said["limits"])
    os.umask(0o077)
    os.chdir("/")
    os.set_inheritable(said["answer"], False)
    from vedette.agent.operating import operate

    operate(said["answer"])


if __name__ == "__main__":
    main(sys.argv[1])
