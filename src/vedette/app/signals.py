"""Signals as events: the first Ctrl-C stops clean, the second leaves at once, SIGHUP reads again."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

EXIT_FORCED = 130


class Stop(asyncio.Event):
    """Set by the first SIGINT or SIGTERM."""

    def install(self, *, hang_up: Callable[[], None]) -> None:
        """Take the signals of this process; `hang_up` is called at SIGHUP."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._told)
        loop.add_signal_handler(signal.SIGHUP, hang_up)

    def _told(self) -> None:
        if self.is_set():
            # The keeper of the database and the agent notice by themselves that we are gone.
            os._exit(EXIT_FORCED)
        self.set()
        if sys.stderr.isatty():
            sys.stderr.write("\nstopping; Ctrl-C again leaves at once\n")
