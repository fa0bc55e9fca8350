"""A data directory of PostgreSQL: made once, configured anew at every start."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from vedette.db.identity import Identity

SUPERUSER = "postgres"
SOCKET_PORT = "5432"
"""What the socket is called by; nothing listens on it."""

MIB = 1024 * 1024
LEAST_BUFFERS = 64 * MIB
MOST_BUFFERS = 512 * MIB

SETTINGS: dict[str, str] = {
    # Acknowledged means durable: synchronous_commit stays on. One fdatasync serves a whole batch.
    "synchronous_commit": "on",
    # A checkpoint writes every page anew into the log on first touch: make them rare. The price is
    # recovery after a crash, which replays at most this much (about 10 s a GiB).
    "max_wal_size": "2GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "wal_buffers": "16MB",
    # The ingest path writes in batches of thousands; the default 4 MB is too little for its sorts.
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    # Everything we keep is on one fast disk, not on spinning ones.
    "random_page_cost": "1.1",
    "max_connections": "100",
    # The states are rewritten all the time: look at them often, they are small.
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_checkpoints": "off",
    # While it recovers we wait as long as it says it is getting on.
    "log_startup_progress_interval": "2s",
}
"""Settings of the embedded server; a file `postgresql.conf` in the data directory wins."""

CONF = """\
# Written at every start. Put your own settings into {mine}: they win.
{settings}
include_if_exists = '{mine}'
"""

HBA = """\
# Written at every start. The socket's folder lets only its owner in; the password is asked anyway.
local all all scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What the keeper must know; it travels as JSON on a command line, so it holds no secret.

    pgdata: PostgreSQL's own folder.
    run: the folder of the sockets, 0700.
    password_file: the superuser's password, alone in a file; needed when `pgdata` is first made.
    listen: `HOST:PORT`, or "" for the socket alone.
    major: PostgreSQL's version; the settings of `initdb` depend on it.
    """

    pg_bin: str
    pgdata: str
    run: str
    log: str
    password_file: str
    listen: str
    major: int

    @property
    def is_made(self) -> bool:
        """Whether the data directory exists; it appears whole or not at all."""
        return Path(self.pgdata, "PG_VERSION").exists()


def make(cluster: Cluster, identity: Identity) -> None:
    """Run initdb beside the final place and move the result there; raise RuntimeError in its words.

    An interrupted initdb leaves a folder that the next one throws away.
    """
    new = Path(f"{cluster.pgdata}.new")
    if new.exists():
        rmtree(new)
    new.mkdir(mode=0o700)
    os.chown(new, identity.uid, identity.gid)
    os.chown(cluster.password_file, identity.uid, identity.gid)
    answer = subprocess.run(  # noqa: S603 - our own binary
        [
            f"{cluster.pg_bin}/initdb",
            f"--pgdata={new}",
            f"--username={SUPERUSER}",
            f"--pwfile={cluster.password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-instructions",
            *_locale(cluster.major),
            *_sync(cluster),
        ],
        preexec_fn=identity.becomes(),
        cwd="/",
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        rmtree(new)
        raise RuntimeError(_last_words(answer.stderr) or f"initdb ended with {answer.returncode}")
    new.rename(cluster.pgdata)


def configure(cluster: Cluster, identity: Identity) -> None:
    """Write the server's configuration; the operator's own file is included last."""
    settings = {**SETTINGS, "shared_buffers": f"{_buffers() // MIB}MB", **_addresses(cluster)}
    mine = Path(cluster.pgdata).parent / "postgresql.conf"
    lines = "\n".join(f"{name} = '{_quoted(value)}'" for name, value in settings.items())
    conf = CONF.format(settings=lines, mine=_quoted(str(mine)))
    for name, text in (("postgresql.conf", conf), ("pg_hba.conf", HBA + _doors(cluster.listen))):
        path = Path(cluster.pgdata, name)
        path.write_text(text, encoding="utf-8")
        os.chown(path, identity.uid, identity.gid)
    name_socket(cluster)


def hand_over(cluster: Cluster, identity: Identity) -> None:
    """Give our folders to the user PostgreSQL runs as, where root steps back for one."""
    if identity.uid == os.geteuid():
        return
    top = Path(cluster.pgdata).parent
    if top.stat().st_uid != identity.uid:
        top.chmod(0o711)  # ours, made by us: that user must pass through it
    for path in (cluster.run, str(Path(cluster.log).parent)):
        os.chown(path, identity.uid, identity.gid)


def name_socket(cluster: Cluster) -> None:
    """Make the socket answer to one name.

    PostgreSQL has one port for network and socket, and the socket is named after it. A link keeps
    every DSN the same, whatever `--db-listen` says.
    """
    port = cluster.listen.rpartition(":")[2]
    name = Path(cluster.run, f".s.PGSQL.{SOCKET_PORT}")
    if port and port != SOCKET_PORT:
        name.unlink(missing_ok=True)
        name.symlink_to(f".s.PGSQL.{port}")


def environment() -> dict[str, str]:
    """Return the environment for the programs: ours, without what would change their meaning."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PG", "LC_"))} | {
        "LC_ALL": "C"
    }


def _locale(major: int) -> list[str]:
    # The built-in provider sorts alike on every machine and release of libc.
    if major >= 17:
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C"]


def _sync(cluster: Cluster) -> list[str]:
    mine = Path(cluster.pgdata).parent / "postgresql.conf"
    if mine.exists() and re.search(r"^\s*fsync\s*=?\s*off", mine.read_text("utf-8"), re.MULTILINE):
        return ["--no-sync"]  # who gives up durability shall not wait for it here either
    # One syncfs instead of a thousand fsyncs: as durable, and 1 to 2 s faster on a busy disk.
    if cluster.major >= 17 and sys.platform == "linux":
        return ["--sync-method=syncfs"]
    return []


def _buffers() -> int:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(LEAST_BUFFERS, min(memory // 8, MOST_BUFFERS))


def _addresses(cluster: Cluster) -> dict[str, str]:
    host, _, port = cluster.listen.rpartition(":")
    return {
        "unix_socket_directories": cluster.run,
        "unix_socket_permissions": "0700",
        "listen_addresses": host.strip("[]"),
        "port": port or SOCKET_PORT,
    }


def _doors(listen: str) -> str:
    # The superuser never comes by network. Even without TLS scram keeps the password off the wire.
    if not listen:
        return ""
    roles = "vedette_grafana,vedette_mig,vedette_app,vedette_owner"
    return f"host vedette {roles} all scram-sha-256\n"


def _quoted(value: str) -> str:
    return value.replace("'", "''")


def _last_words(text: str) -> str:
    lines = [line for line in text.splitlines() if "error:" in line or "FATAL" in line]
    return (lines or text.strip().splitlines() or [""])[-1].strip()
