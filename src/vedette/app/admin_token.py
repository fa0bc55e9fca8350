"""The first token: made at the first start, kept in the data directory, renewed when it is lost."""

import socket
from hashlib import blake2b
from pathlib import Path

from vedette import clock
from vedette.access.tokens import authenticate, create_token, revoke_token
from vedette.app.data_dir import ADMIN_TOKEN, write_private
from vedette.db.queries import Connection
from vedette.errors import Conflict

BY = "vedette up"


async def keep_admin_token(conn: Connection, directory: Path, *, pepper: bytes) -> Path:
    """Return the file with an admin token that is good; make one when there is none.

    A file that was lost, or that another database made, is replaced and its token revoked. The
    token is named after the machine and the directory: each server of one database has its own.
    """
    path = directory / ADMIN_TOKEN
    now = clock.now()
    if path.exists():
        actor = await authenticate(conn, path.read_text("utf-8").strip(), pepper=pepper, now=now)
        if actor is not None:
            return path
    name = token_name(directory)
    try:
        secret = await create_token(conn, name, ["admin"], pepper=pepper, by=BY, now=now)
    except Conflict:
        await revoke_token(conn, name, now=now, by=BY)
        secret = await create_token(conn, name, ["admin"], pepper=pepper, by=BY, now=now)
    write_private(path, f"{secret}\n")
    return path


def token_name(directory: Path) -> str:
    """Return the name of that directory's admin token, as in `admin@host-1f2e3d4c`."""
    mark = blake2b(str(directory.absolute()).encode(), digest_size=4).hexdigest()
    return f"admin@{socket.gethostname()}-{mark}"
