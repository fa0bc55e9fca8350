"""The first thing in the process of a module that keeps running: limits itself, then keeps it.

Started as a file of its own by `agent/persist.py`. Its argument is JSON; the first line on stdin are
the module's settings, what follows are events for it, and stdout is its line to the agent.
"""

import json
import os
import sys


def main(told: str) -> None:
    """Take the limits on, then keep the module until the agent is gone."""
    said = json.loads(told)
    sys.path[:] = said["path"]
    from vedette.agent.sandboxed import give_up_privileges, limit

    give_up_privileges()
    if os.getppid() != said["parent"]:
        os._exit(1)  # it was killed before we asked to be told
    limit(said["limits"])
    os.umask(0o077)
    os.chdir("/")
    from vedette.agent.persisting import keep

    sys.exit(keep(said["module"], said["root"], partial=said["partial"]))


if __name__ == "__main__":
    main(sys.argv[1])
