"""Making the local agent one of ours: a join token it finds in its folder, once a database."""

import shutil
import sys
from pathlib import Path

import msgspec

from vedette import clock
from vedette.access.joining import create_join_token
from vedette.agent.identity import IdentityFiles
from vedette.agent.identity import write_private as write_bytes
from vedette.app.agent_rules import AGENT_YAML
from vedette.app.data_dir import write_private
from vedette.app.serve import Server
from vedette.app.settings import LOCAL_AGENT
from vedette.db.queries import Connection
from vedette.errors import Missing
from vedette.fleet.reads import agent
from vedette.trust.keys import key_fingerprint

JOIN_FILE = "join.token"
OURS = (AGENT_YAML, "own-postgresql.password")
"""What stays when an identity of another database is thrown away."""


async def ready_to_start(server: Server, folder: Path) -> None:
    """Leave in the folder what the agent needs to start: an identity that holds, or a join token.

    An identity that this database does not know (it was made anew, or the agent was revoked) goes,
    and with it a spool whose targets are not ours.
    """
    identity = IdentityFiles(folder)
    async with server.pool.connection() as conn:
        if identity.exists and await _is_known(conn, server, folder):
            _point_to(identity, str(server.grpc.from_here))
            return
        _forget(folder)
        token = await create_join_token(
            conn,
            pepper=server.secrets.pepper,
            by="vedette up",
            now=clock.now(),
            agent_name=LOCAL_AGENT,
        )
    write_private(folder / JOIN_FILE, f"{token}\n")


def arguments(server: Server, folder: Path) -> list[str]:
    """Return the command line of the local agent; nothing of it is left to the environment of `up`.

    It logs as the server does, into a file of its own beside the server's: `vedette-agent.log`.
    """
    log = server.options.log
    said = {
        "format": log.format or ("text" if sys.stderr.isatty() and not log.file else "json"),
        "level": log.level,
        "file": log.file and _beside(Path(log.file)),
        "file-size": log.file_size,
        "file-keep": log.file_keep,
    }
    return [
        "agent",
        f"--data-dir={folder}",
        f"--server={server.grpc_clients.from_here}",
        f"--ca-fingerprint={server.secrets.authority.fingerprint}",
        f"--join-file={folder / JOIN_FILE}",
        f"--name={LOCAL_AGENT}",
        f"--config={folder / AGENT_YAML}",
        *(f"--log-{flag}={value}" for flag, value in said.items() if value is not None),
    ]


def _beside(file: Path) -> Path:
    return file.absolute().with_name(f"{file.stem}-agent{file.suffix}")


async def _is_known(conn: Connection, server: Server, folder: Path) -> bool:
    try:
        if (folder / "authority.pem").read_bytes() != server.secrets.authority.pem:
            return False
        known = await agent(conn, LOCAL_AGENT)
        return (
            known.revoked_at is None
            and key_fingerprint((folder / "agent.pem").read_bytes()) == known.key_fingerprint
        )
    except (OSError, Missing):
        return False


def _point_to(identity: IdentityFiles, address: str) -> None:
    # It remembers where it was enrolled; `--grpc` may have changed since.
    held = identity.held
    if held.address != address:
        moved = msgspec.structs.replace(held, address=address)
        write_bytes(identity.directory / "identity.json", msgspec.json.encode(moved))


def _forget(folder: Path) -> None:
    for part in folder.iterdir():
        if part.name in OURS:
            continue
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink()
