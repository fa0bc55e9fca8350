"""Our hold on the embedded PostgreSQL: a connection to its keeper, renewed when that is killed."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from threading import Thread

from vedette.db.binaries import PgBinaries
from vedette.db.cluster import Cluster
from vedette.db.keeper import door_path
from vedette.db.place import Place
from vedette.errors import Conflict, Invalid, Unavailable, VedetteError

# Not structlog: unconfigured, in a short command, it would write into the command's own output.
log = logging.getLogger(__name__)

KNOCK_EVERY_S = 0.02
SAY_SO_AFTER_S = 5.0
STOP_WITHIN_S = 60.0
"""How long the last user waits for PostgreSQL to stop; the keeper goes on by itself."""

TRY_AGAIN_S = 1.0


class Hold:
    """A connection to the keeper.

    wanted: the `HOST:PORT` PostgreSQL shall listen on besides; None takes it as it comes.
    listen: the one it listens on, or "".
    """

    def __init__(self, place: Place, binaries: PgBinaries, wanted: str | None) -> None:
        self._place = place
        self._binaries = binaries
        self._wanted = wanted
        self._keeper: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter
        self.listen = ""

    async def take(self) -> None:
        """Return when PostgreSQL is ready; start the keeper if there is none."""
        while True:
            if await self._try():
                return
            await asyncio.sleep(KNOCK_EVERY_S)

    async def stay(self) -> None:
        """Hold on for ever: when the keeper is killed, start the next one."""
        while True:
            if await self._next_line():
                continue  # PostgreSQL was restarted and is ready again
            self._writer.close()
            log.warning("the keeper of the embedded PostgreSQL is gone, starting another")
            try:
                await self.take()
            except (VedetteError, OSError) as error:
                log.warning("the embedded PostgreSQL does not come back: %s", error)
                await asyncio.sleep(TRY_AGAIN_S)
            else:
                log.warning("the embedded PostgreSQL is back")

    async def leave(self) -> None:
        """Let go; if we were the last, wait until PostgreSQL has stopped."""
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S):
                self._writer.write(b"leave\n")
                while await self._next_line() not in {"", "stay"}:
                    continue
        self._writer.close()

    async def _try(self) -> bool:
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(
                door_path(self._place.run)
            )
        except (FileNotFoundError, ConnectionRefusedError):
            await asyncio.to_thread(self._start_keeper)
            return False
        word, _, rest = (await self._first_line()).partition(" ")
        if word == "ready" and (self._wanted or rest) == rest:
            self.listen = rest
            return True
        self._writer.close()
        if word == "ready":
            raise Conflict(
                f"the embedded PostgreSQL in {self._place.top} already runs "
                + (f"listening on {rest}" if rest else "without --db-listen"),
                hint="stop the other vedette that uses it first",
            )
        if word == "failed":
            raise _failure(rest, self._place)
        return False  # it is just stopping

    async def _first_line(self) -> str:
        reading = asyncio.ensure_future(self._next_line())
        try:
            # After a crash it recovers as long as it takes; let the waiting be seen.
            while not (await asyncio.wait({reading}, timeout=SAY_SO_AFTER_S))[0]:
                last = _last_line(self._place.log)
                log.warning("waiting for the embedded PostgreSQL, which says: %s", last)
            return reading.result()
        finally:
            reading.cancel()

    async def _next_line(self) -> str:
        try:
            return (await self._reader.readline()).decode(errors="replace").strip()
        except ConnectionResetError:
            return ""

    def _start_keeper(self) -> None:
        """Start the keeper unless another process is just doing it, or one is just stopping."""
        place = self._place
        if self._keeper is not None and self._keeper.poll():
            raise Unavailable(
                "the keeper of the embedded PostgreSQL ended: " + _last_line(place.keeper_log),
                hint=f"see {place.keeper_log}",
            )
        lock = place.take_lock()
        if lock is None:
            return
        try:
            if self._wanted:
                _refuse_taken_port(self._wanted)
            cluster = Cluster(
                pg_bin=str(self._binaries.folder),
                pgdata=str(place.pgdata),
                run=str(place.run),
                log=str(place.log),
                password_file=str(place.write_word("postgres")),
                listen=self._wanted or "",
                major=self._binaries.major(),
            )
            place.keeper_log.touch(mode=0o600)
            place.give(place.keeper_log)
            self._keeper = _spawn(cluster, lock, place.keeper_log)
        finally:
            os.close(lock)  # the keeper has a copy of its own


def _spawn(cluster: Cluster, lock: int, log_path: Path) -> subprocess.Popen[bytes]:
    # -P: the working directory must not lend us modules.
    command = [sys.executable, "-P", "-m", "vedette.db.keeper"]
    with log_path.open("wb") as log_file:
        keeper = subprocess.Popen(  # noqa: S603 - ourselves
            [*command, json.dumps(asdict(cluster)), str(lock)],
            pass_fds=[lock],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=log_file,
            start_new_session=True,
        )
    # It may end before us, and nobody else would bury it.
    Thread(target=keeper.wait, name="keeper", daemon=True).start()
    return keeper


def _failure(reason: str, place: Place) -> Unavailable:
    hint = f"see {place.log}"
    if "No space left on device" in reason:
        hint = f"free some space for {place.top}, or name another directory with --data-dir"
    elif "database files are incompatible" in reason:
        hint = "take a backup with the old release and restore it into a new --data-dir"
    elif "does not run as root" in reason:
        hint = "run as a normal user, or use a server of yours with VEDETTE_DATABASE_URL"
    return Unavailable(f"the embedded PostgreSQL does not start: {reason}", hint=hint)


def _refuse_taken_port(listen: str) -> None:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 2**16:
        raise Invalid(f"{listen!r} is not HOST:PORT", hint="write --db-listen 127.0.0.1:5433")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        with socket.socket(found[0][0], socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found[0][4])
    except OSError as error:
        raise Conflict(
            f"the database cannot listen on {listen}: {error.strerror or error}",
            hint="choose another address with --db-listen",
        ) from error


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return lines[-1].strip() if lines else ""
