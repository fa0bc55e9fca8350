"""The keeper: the small process that owns the embedded PostgreSQL while anybody uses it.

`python -m vedette.db.keeper CLUSTER LOCK_FD`, started by `vedette.db.hold`, never by hand. It holds
the lock that elects it and listens on a socket. Each process that uses the database holds one
connection to that socket for as long as it does; the kernel closes it even when the process is
killed. When the last one is gone the keeper stops PostgreSQL and ends. When PostgreSQL dies the
keeper starts it again; when the keeper dies PostgreSQL stops, and whoever still uses it starts the
next keeper. Nobody's Ctrl-C reaches either of them: they have a session of their own.

It says, a line each: `ready LISTEN`, `failed REASON`, `stay` (others use it still).
It hears `leave`.
"""

import contextlib
import json
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path

from vedette.db import cluster as clusters
from vedette.db.cluster import Cluster
from vedette.db.identity import Identity, choose_identity
from vedette.db.postmaster import Postmaster, stand_clear

POLL_S = 0.02
"""How often to look whether PostgreSQL is ready, while it starts."""

NOBODY_CAME_S = 30.0
"""Whoever started the keeper connects at once; if nobody does, it was killed."""

LONGEST_PAUSE_S = 5.0
STILL_DYING = "pre-existing shared memory block"
"""Said while processes of a killed server are still going away."""

STILL_DYING_S = 60.0


def door_path(run: Path) -> str:
    """Return where the keeper of that run folder listens."""
    return str(run / "keeper")


class Keeper:
    """One PostgreSQL, started and restarted for as long as somebody holds a connection."""

    def __init__(self, cluster: Cluster, lock: int) -> None:
        self.cluster = cluster
        self.lock = lock
        self.identity: Identity | None = None
        self.server: Postmaster | None = None
        self.is_ready = False
        self.was_ready = False
        self.is_stopping = False
        self.had_user = False
        self.started_at = time.monotonic()
        self.start_again_at = 0.0
        self.pause_s = 0.1
        self.users: set[socket.socket] = set()
        self.selector = selectors.DefaultSelector()
        self.door = self._open_door()
        self.bell = self._hang_bell()

    def run(self) -> None:
        """Keep PostgreSQL until nobody uses it, then stop it."""
        try:
            self._make()
            while not self._is_over():
                self._keep_server()
                self._attend()
        except (RuntimeError, OSError) as error:
            self._confess(f"failed {' '.join(str(error).split())}")
        finally:
            # The door goes first: a newcomer finds nobody and starts the next keeper after us.
            Path(door_path(Path(self.cluster.run))).unlink(missing_ok=True)
            self.door.close()
            if self.server is not None:
                self.server.stop()
            # The lock goes before the connections, so that whoever waits on one finds it free.
            os.close(self.lock)

    def _open_door(self) -> socket.socket:
        path = door_path(Path(self.cluster.run))
        Path(path).unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        door.bind(path)
        Path(path).chmod(0o600)
        door.listen(64)
        door.setblocking(False)
        self.selector.register(door, selectors.EVENT_READ)
        return door

    def _hang_bell(self) -> tuple[socket.socket, socket.socket]:
        # A signal rings it: PostgreSQL died, or we are told to stop. So an idle keeper sleeps.
        bell, cord = socket.socketpair()
        bell.setblocking(False)
        cord.setblocking(False)
        signal.set_wakeup_fd(cord.fileno(), warn_on_full_buffer=False)
        self.selector.register(bell, selectors.EVENT_READ)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        return bell, cord

    def _stop(self, *_: object) -> None:
        self.is_stopping = True

    def _make(self) -> None:
        cluster = self.cluster
        self.identity = choose_identity(Path(cluster.pg_bin, "postgres"), Path(cluster.pgdata))
        clusters.hand_over(cluster, self.identity)
        if not cluster.is_made:
            clusters.make(cluster, self.identity)
        Path(cluster.password_file).unlink(missing_ok=True)
        stand_clear(Path(cluster.pgdata), Path(cluster.run))
        clusters.configure(cluster, self.identity)

    def _is_over(self) -> bool:
        if self.is_stopping:
            return True
        if self.had_user:
            return not self.users
        return time.monotonic() - self.started_at > NOBODY_CAME_S

    def _keep_server(self) -> None:
        if self.server is None:
            if time.monotonic() >= self.start_again_at:
                assert self.identity is not None
                self.server = Postmaster(self.cluster, self.identity)
        elif self.server.is_dead():
            self._bury(self.server)
        elif not self.is_ready and self.server.is_ready():
            self.is_ready = self.was_ready = True
            self.pause_s = 0.1
            for user in self.users:
                self._tell(user, self._ready_line())

    def _bury(self, server: Postmaster) -> None:
        words = server.last_words()
        self.server, self.is_ready = None, False
        is_young = time.monotonic() - self.started_at < STILL_DYING_S
        may_pass = is_young and (STILL_DYING in words or server.was_killed())
        # Before it was ever ready, trying again would only repeat the same words, but for those that
        # pass. Afterwards it is tried for ever: a full disk, say, is emptied some time.
        if not self.was_ready and not may_pass:
            raise RuntimeError(words or "PostgreSQL ended without a word")
        stand_clear(Path(self.cluster.pgdata), Path(self.cluster.run))
        clusters.name_socket(self.cluster)
        self.start_again_at = time.monotonic() + self.pause_s
        self.pause_s = min(self.pause_s * 2, LONGEST_PAUSE_S)

    def _attend(self) -> None:
        wait_s = None if self.is_ready and self.had_user else POLL_S
        for key, _ in self.selector.select(wait_s):
            if key.fileobj is self.door:
                self._welcome()
            elif key.fileobj is self.bell[0]:
                self.bell[0].recv(64)
            else:
                assert isinstance(key.fileobj, socket.socket)
                self._hear(key.fileobj)

    def _welcome(self) -> None:
        with contextlib.suppress(BlockingIOError):
            user, _ = self.door.accept()
            user.setblocking(False)
            self.selector.register(user, selectors.EVENT_READ)
            self.users.add(user)
            self.had_user = True
            if self.is_ready:
                self._tell(user, self._ready_line())

    def _hear(self, user: socket.socket) -> None:
        try:
            said = user.recv(64)
        except OSError:
            said = b""
        if said and len(self.users) == 1:
            # The last one waits on this connection until PostgreSQL has stopped.
            self.is_stopping = True
            return
        if said:
            self._tell(user, "stay")
        self.selector.unregister(user)
        self.users.discard(user)
        user.close()

    def _confess(self, line: str) -> None:
        # Whoever started us may still be on the way to the door.
        self.selector.unregister(self.bell[0])
        if not self.had_user:
            self.selector.select(NOBODY_CAME_S)
        before = -1
        while before < len(self.users):
            before = len(self.users)
            self._welcome()
        for user in self.users:
            self._tell(user, line)

    def _ready_line(self) -> str:
        return f"ready {self.cluster.listen}"

    def _tell(self, user: socket.socket, line: str) -> None:
        with contextlib.suppress(OSError):
            user.send(f"{line}\n".encode())


def main() -> None:
    """Keep the cluster described in the first argument; the second is the lock we were given."""
    os.umask(0o077)
    cluster = Cluster(**json.loads(sys.argv[1]))
    Keeper(cluster, int(sys.argv[2])).run()


if __name__ == "__main__":
    main()
