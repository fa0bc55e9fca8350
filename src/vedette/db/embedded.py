"""The embedded PostgreSQL: one a data directory, started by whoever comes first, shared by all.

Every process that uses it holds a connection to the keeper (see `keeper`), which starts PostgreSQL,
restarts it after a crash and stops it when the last one has left. So it does not matter in which
order commands end or are killed, and nothing is left running.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from vedette.db.binaries import PgBinaries, find_binaries
from vedette.db.cluster import SOCKET_PORT
from vedette.db.create import APP, make_database
from vedette.db.hold import Hold
from vedette.db.place import Place, prepare

DATABASE = "vedette"


@dataclass(frozen=True, slots=True)
class Running:
    """An embedded PostgreSQL that is up.

    listen: `HOST:PORT` it also listens on, or "".
    binaries: its programs (`psql`, `pg_dump` …), of its own version.
    """

    place: Place
    binaries: PgBinaries
    listen: str

    def dsn(self, role: str = APP, dbname: str = DATABASE) -> str:
        """Return the DSN of that role by the private socket.

        It names the file of the passwords, not the password: it may be logged.
        """
        return (
            f"postgresql://{role}@/{dbname}?host={quote(str(self.place.run), safe='')}"
            f"&port={SOCKET_PORT}&passfile={quote(str(self.place.passwords), safe='')}"
        )

    def network_dsn(self, role: str) -> str | None:
        """Return the DSN of that role by network, password included; None if it does not listen."""
        if not self.listen:
            return None
        return f"postgresql://{role}:{quote(self.password(role))}@{self.listen}/{DATABASE}"

    def password(self, role: str) -> str:
        """Return the password of that role."""
        return self.place.read_passwords()[role]


@asynccontextmanager
async def embedded(
    data_dir: Path, *, pg_bin: Path | None = None, listen: str | None = None
) -> AsyncIterator[Running]:
    """Use the embedded PostgreSQL of that data directory until the block ends.

    listen: `HOST:PORT` for Grafana and other servers, with scram-sha-256 and without TLS; None
    takes it as it comes.

    Raises `Denied`, `Unavailable`, `Conflict` or `Missing` naming the way out.
    """
    place = prepare(data_dir)
    binaries = find_binaries(pg_bin)
    hold = Hold(place, binaries, listen)
    await hold.take()
    staying = asyncio.create_task(hold.stay(), name="embedded PostgreSQL")
    try:
        running = Running(place, binaries, hold.listen)
        await make_database(running.dsn, DATABASE, place.read_passwords())
        yield running
    finally:
        staying.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await staying
        await hold.leave()
