"""Telling systemd how we are (sd_notify(3)): READY, STATUS, WATCHDOG, STOPPING; else silent."""

import os
import socket
from contextlib import suppress


class Notify:
    """The socket of `NOTIFY_SOCKET`, or nothing.

    watchdog_s: how often systemd wants to hear from us, None when it does not.
    """

    def __init__(self, environment: dict[str, str] | None = None) -> None:
        given = os.environ if environment is None else environment
        self._address = given.get("NOTIFY_SOCKET", "")
        every_us = given.get("WATCHDOG_USEC", "")
        for_us = given.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # Half of what is allowed, as sd_watchdog_enabled(3) advises.
        self.watchdog_s = int(every_us) / 2e6 if every_us.isdigit() and for_us else None

    def say(self, *lines: str) -> None:
        """Send the lines, as in `READY=1`; a service manager that is away is not our business."""
        if not self._address:
            return
        # A leading @ names a socket in the abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
            wire.sendto("\n".join(lines).encode(), address)
