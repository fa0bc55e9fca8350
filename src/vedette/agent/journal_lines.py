"""The journal as its owner reads it: on the host, without a server, while the agent runs or not."""

import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from vedette.agent import journal_sql as sql
from vedette.agent.journal import FILE, at, microseconds
from vedette.errors import Missing, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An action as one command brought it.

    digest: hex SHA-256 of what was signed. status: waiting or running until it has ended. told: the
    server has the answer.
    """

    command: int
    status: str
    reason: str
    name: str
    modules: tuple[str, ...]
    signed_by: tuple[str, ...]
    target: str
    received_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime
    took_ms: int
    message: str
    digest: str
    told: bool


def read_lines(directory: Path, *, since: datetime, command: int | None = None) -> list[Line]:
    """Return the lines since then, oldest first; raises Unavailable when they cannot be read.

    Changes nothing, and a host that was never asked anything has none.
    """
    path = directory / FILE
    try:
        if not directory.is_dir():
            raise Missing(f"{directory} is no folder", hint="--data-dir names the agent's")
        if not path.exists():
            return []
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        try:
            found = connection.execute(
                sql.LINES, (microseconds(since), command, command)
            ).fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as fault:
        raise Unavailable(
            f"the journal {path} cannot be read: {fault}", hint="it belongs to the agent's user"
        ) from None
    return [_line(*row) for row in found]


def _line(
    number: int, command: int, digest: str, name: str, target: str, modules: str, signed_by: str,
    expires_us: int, received_us: int, began_us: int | None, ended_us: int | None,
    status: str, reason: str, message: str, took_ms: int, told: int,
) -> Line:  # fmt: skip
    texts: Any = msgspec.json.Decoder(tuple[str, ...])
    return Line(
        command=command,
        status=status or ("waiting" if began_us is None else "running"),
        reason=reason,
        name=name,
        modules=texts.decode(modules),
        signed_by=texts.decode(signed_by),
        target=target,
        received_at=at(received_us),
        began_at=None if began_us is None else at(began_us),
        ended_at=None if ended_us is None else at(ended_us),
        expires_at=at(expires_us),
        took_ms=took_ms,
        message=message,
        digest=digest,
        told=bool(told),
    )
