"""`vedette db`: make, upgrade, look into, back up the database."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

from cyclopts import App, Parameter

from vedette.app.commands._database import Database, Which, open_database
from vedette.app.commands._results import Format
from vedette.errors import Invalid

HERE = Which()

app = App(name="db", help="Look after the database.")

T = TypeVar("T")

Yes = Annotated[bool, Parameter(negative="", help="Do it without asking.")]


@app.command
def upgrade(*, which: Which = HERE) -> None:
    """Bring tables, functions and rights up to date; keeps what is there."""

    async def work(database: Database) -> None:
        from vedette.db import migrate

        before = await migrate.upgrade(database.dsn(), progress=_tell)
        _say(f"at revision {before.head}" + (", nothing to do" if before.is_current else ""))

    _with_database(which, work)


@app.command
def check(*, which: Which = HERE) -> int:
    """Say whether the database fits this version; exit code 7 when it does not."""

    async def work(database: Database) -> int:
        from vedette.db import migrate

        found = await migrate.check(database.dsn())
        if found.is_current:
            _say(f"at revision {found.head}, up to date")
            return 0
        _say(f"at revision {found.revision or 'none'}; `vedette db upgrade` will apply:")
        for step in (*found.pending, *found.changed):
            _say(f"  {step}")
        return 7

    return _with_database(which, work)


@app.command
def reset(*, yes: Yes = False, which: Which = HERE) -> None:
    """Throw away everything and make the tables anew."""
    if not yes:
        raise Invalid("this deletes everything in the database", hint="add --yes if you mean it")

    async def work(database: Database) -> None:
        from vedette.db import migrate

        _say("(re)Creating tables")
        await migrate.reset(database.dsn(), progress=_first_functions())

    _with_database(which, work)


@app.command
def stamp(revision: str, /, *, which: Which = HERE) -> None:
    """Say that the tables are at REVISION (or `head`) without running anything."""

    async def work(database: Database) -> None:
        from vedette.db import migrate

        await migrate.stamp(database.dsn(), revision)

    _with_database(which, work)


@app.command
def backup(file: Path, /, *, which: Which = HERE) -> None:
    """Write everything into FILE; it also holds the sealed secrets, but not the seal's key."""

    async def work(database: Database) -> None:
        from vedette.db.backup import back_up

        await asyncio.to_thread(back_up, database.dsn(), database.binaries, file)
        _tell(f"wrote {file}")

    _with_database(which, work)


@app.command
def restore(file: Path, /, *, which: Which = HERE) -> None:
    """Replace everything by what FILE holds, as a whole or not at all, and upgrade it."""

    async def work(database: Database) -> None:
        from vedette.db.backup import restore as restore_backup

        await restore_backup(database.dsn(), database.binaries, file, progress=_tell)
        _tell(f"restored {file}")

    _with_database(which, work)


@app.command
def psql(
    *arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)],
    role: str | None = None,
    which: Which = HERE,
) -> int:
    """Open psql on the database; what follows is psql's own."""

    async def work(database: Database) -> int:
        import signal
        import subprocess

        from vedette.db.programs import environment_of

        await database.hold_role(role)
        # Ctrl-C is psql's: it stops a query, not us.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        program = database.binaries.program("psql")
        return await asyncio.to_thread(
            subprocess.call, [program, *arguments], env=environment_of(database.dsn(role))
        )

    return _with_database(which, work)


@app.command
def sql(
    statements: str,
    /,
    *,
    role: str | None = None,
    output: Annotated[Format, Parameter(name=["--output", "-o"])] = "table",
    header: Annotated[bool, Parameter(negative="--no-header")] = True,
    which: Which = HERE,
) -> None:
    """Run 'SQL; SQL' and print the last result.

    Parameters
    ----------
    statements:
        One or more statements; together they are one transaction.
    role:
        Whom to log in as; default vedette_owner, on a server of yours whoever the URL names.
    output:
        How to print it.
    header:
        Whether the names of the columns come first.
    """

    async def work(database: Database) -> None:
        from vedette.app.commands._results import print_result
        from vedette.db.ask import ask

        await database.hold_role(role)
        result = await ask(database.dsn(role), statements)
        print_result(result, output, header=header, out=sys.stdout)

    _with_database(which, work)


@app.command
def grafana(
    *,
    rotate: Annotated[bool, Parameter(negative="", help="Give the role a new password.")] = False,
    which: Which = HERE,
) -> None:
    """Print the DSN of the role for Grafana, which reads the schema `grafana` and nothing else."""

    async def work(database: Database) -> None:
        from vedette.db.external import grafana_dsn

        dsn, remark = await grafana_dsn(database.url, database.running, rotate=rotate)
        _say(dsn)
        if remark:
            _tell(remark)

    _with_database(which, work)


@app.command
def reseal(
    *,
    new_seal_key_file: Annotated[
        Path, Parameter(help="File of the key that seals from now on; made when absent.")
    ],
    seal_key_file: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_SEAL_KEY_FILE",
            help="File of the key that has sealed until now; default DIR/seal.key.",
        ),
    ] = None,
    which: Which = HERE,
) -> None:
    """Change the key that seals the secrets in the database: all of them or none.

    Servers that run go on; at their next start they need the new file.
    """
    from vedette.cli.where import data_dir
    from vedette.trust.seal import Seal

    old_file = seal_key_file or data_dir(which.data_dir) / "seal.key"
    old, new = Seal.from_file(old_file), Seal.load_or_make(new_seal_key_file)
    if old.key_id == new.key_id:
        raise Invalid(
            f"{new_seal_key_file} holds the key of {old_file}", hint="name a file that is not there"
        )

    async def work(database: Database) -> None:
        from vedette.access.secrets import reseal as reseal_secrets
        from vedette.app.serve import refuse_other_schema
        from vedette.db.pool import connect

        await refuse_other_schema(database.dsn())
        async with await connect(database.dsn()) as conn:
            count = await reseal_secrets(conn, new.over(old))
        _say(f"{count} secrets are sealed with key {new.key_id}")
        _tell(
            f"next: give every server {new_seal_key_file} as --seal-key-file, or in place of {old_file}"
        )

    _with_database(which, work)


@app.command
def create(*, admin_url: str, database: str = "vedette", dry_run: bool = False) -> None:
    """Make database, roles and rights on a server of yours; `deploy/createdb.sh` does the same.

    Parameters
    ----------
    admin_url:
        URL of a role that may create databases and roles.
    database:
        What to call the database.
    dry_run:
        Print the SQL, do nothing.
    """
    from vedette.db.external import create_external, script

    if dry_run:
        _say(script(database))
        return
    for role, dsn in asyncio.run(create_external(admin_url, database)).items():
        _say(f"{role}: {dsn}")
    _tell("next: `vedette db upgrade` with the URL of vedette_owner")


def _with_database(which: Which, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        async with open_database(which) as database:
            return await work(database)

    return asyncio.run(run())


def _first_functions() -> Callable[[str], None]:
    # Several rooms have functions; the words are for people, and once.
    told = False

    def tell(step: str) -> None:
        nonlocal told
        if step.endswith("/functions.sql") and not told:
            _say("(re)Creating stored procedures")
            told = True

    return tell


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
