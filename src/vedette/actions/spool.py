"""The spool: MIG's tree of files below a folder, a door for signed actions and a mirror of the rows."""

import asyncio
from datetime import datetime

from vedette.actions.spool_files import SpoolFiles
from vedette.actions.spool_mirror import Mirror
from vedette.actions.spool_rules import Spooling
from vedette.actions.spool_take import Door
from vedette.db.queries import Connection


class Spool:
    """The spool in one folder. Of several servers on one folder one serves it, and another when it ends."""

    def __init__(self, spooling: Spooling) -> None:
        self._files = SpoolFiles(spooling.top)
        self._door = Door(self._files)
        self._mirror = Mirror(self._files, spooling.delete_after)
        self._is_ours = False

    async def run_once(self, conn: Connection, *, now: datetime) -> int:
        """Take what was dropped, then let the tree agree with the rows; return how much was done.

        Safe to repeat and to kill anywhere. Raises Unavailable when the folder cannot be used.
        """
        if not await asyncio.to_thread(self._files.take):
            self._is_ours = False
            return 0
        if not self._is_ours:
            await asyncio.to_thread(self._files.sweep)
            self._mirror.forget()
            self._is_ours = True
        taken = await self._door.run_once(conn, self._mirror.stamps, now=now)
        return taken + await self._mirror.run_once(conn, now=now)

    def close(self) -> None:
        """Let another server have the folder."""
        self._files.leave()
        self._is_ours = False
