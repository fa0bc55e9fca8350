"""One run of PostgreSQL's server process, and what an earlier one may have left behind."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

from vedette.db.cluster import Cluster, environment
from vedette.db.identity import Identity

POLL_S = 0.02
LOG_KEPT_BYTES = 16 * 1024 * 1024
CLEAN_WITHIN_S = 30.0
"""A clean stop that takes longer is not worth the wait: recovery at the next start is sooner."""

READY_LINE = 7
"""Where `postmaster.pid` says how far it is, counted from 0."""


class Postmaster:
    """A server process of ours; made is started."""

    def __init__(self, cluster: Cluster, identity: Identity) -> None:
        self._cluster = cluster
        path = Path(cluster.log)
        if path.exists() and path.stat().st_size > LOG_KEPT_BYTES:
            path.rename(f"{path}.1")
        with path.open("ab") as log:
            os.fchown(log.fileno(), identity.uid, identity.gid)
            self._log_from = log.tell()
            self._child = subprocess.Popen(  # noqa: S603 - our own binary
                [f"{cluster.pg_bin}/postgres", "-D", cluster.pgdata],
                preexec_fn=identity.becomes(),  # noqa: PLW1509 - the keeper has one thread
                cwd="/",
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def is_dead(self) -> bool:
        """Whether it has ended."""
        return self._child.poll() is not None

    def was_killed(self) -> bool:
        """Whether somebody else ended it: kill -9, or the kernel for want of memory."""
        return self._child.poll() == -signal.SIGKILL

    def is_ready(self) -> bool:
        """Whether it takes connections, by its own word."""
        try:
            text = Path(self._cluster.pgdata, "postmaster.pid").read_text(encoding="utf-8")
        except FileNotFoundError:
            return False
        lines = text.splitlines()
        return (
            len(lines) > READY_LINE
            and lines[0] == str(self._child.pid)
            and lines[READY_LINE].strip() == "ready"
        )

    def stop(self) -> None:
        """Stop it, closing every connection, and wait until it has ended.

        A server that is ready stops clean, with a checkpoint. One that is recovering has nothing to
        clean up, and PostgreSQL 18 was seen to wait for ever when told so just then: it is stopped
        at once, which loses nothing; the next start recovers.
        """
        self._child.send_signal(signal.SIGINT if self.is_ready() else signal.SIGQUIT)
        try:
            self._child.wait(CLEAN_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._child.send_signal(signal.SIGQUIT)
            self._child.wait()

    def last_words(self) -> str:
        """Return the first fatal line it wrote, else the last line, else ""."""
        with Path(self._cluster.log).open("rb") as log:
            log.seek(self._log_from)
            lines = log.read().decode(errors="replace").splitlines()
        for line in lines:
            for word in ("FATAL:", "PANIC:"):
                if word in line:
                    return line.partition(word)[2].strip()
        return lines[-1] if lines else ""


def stand_clear(pgdata: Path, run: Path) -> None:
    """Wait for a server that still runs on `pgdata`, and disarm lock files that mislead.

    After a crash the pid in `postmaster.pid` may belong to a stranger, or to a zombie nobody
    buries; PostgreSQL would refuse to start. The file must not be removed: by the shared memory key
    in it PostgreSQL knows whether children of the dead server still write. Our own pid in its first
    line makes it ignore the pid (it never fears its parent) and still look at the key.
    """
    lock = pgdata / "postmaster.pid"
    give_up = time.monotonic() + CLEAN_WITHIN_S
    while (pid := _read_pid(lock)) and pid != os.getpid() and _exists(pid):
        if not _serves(pid, pgdata):
            lines = lock.read_text(encoding="utf-8").splitlines(keepends=True)
            lock.write_text("".join([f"{os.getpid()}\n", *lines[1:]]), encoding="utf-8")
            break
        # Its keeper was killed; it is stopping already, or does not know yet (macOS).
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT if time.monotonic() < give_up else signal.SIGQUIT)
        time.sleep(POLL_S)
    for socket_lock in run.glob(".s.PGSQL.*"):
        socket_lock.unlink(missing_ok=True)


def _serves(pid: int, pgdata: Path) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # A server works inside its data directory.
        return Path(process.cwd()).samefile(pgdata)
    except (psutil.Error, OSError):
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read_pid(lock: Path) -> int | None:
    try:
        return int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
