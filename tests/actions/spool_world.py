"""A process that serves a spool until it is killed at the nth thing it does to the file system: kill -9, between steps.

python spool_world.py DSN DIR NOW NTH    NTH 0: nothing is killed
"""

import asyncio
import os
import signal
import sys
from datetime import datetime
from pathlib import Path

from vedette.actions.spool import Spool
from vedette.actions.spool_rules import Spooling
from vedette.db.pool import connect

CHANGES = ("os.rename", "os.remove", "os.link", "os.mkdir")


def die_at(nth):
    done = 0

    def hook(event, _):
        nonlocal done
        done += event in CHANGES
        if event in CHANGES and done == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


async def main(dsn, top, now, nth):
    async with await connect(dsn) as conn:
        die_at(int(nth))
        await Spool(Spooling(Path(top))).run_once(conn, now=datetime.fromisoformat(now))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
