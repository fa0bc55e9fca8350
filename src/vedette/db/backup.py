"""Backup into one file, and restore from it as a whole or not at all.

PostgreSQL's own custom format, so that `pg_restore` reads it without us. Owners and rights are not
taken from the file: `roles.sql` sets them anew, as after every upgrade.
"""

import os
import subprocess
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO

from vedette.db.binaries import PgBinaries
from vedette.db.migrate import LOCK, Progress, upgrade
from vedette.db.migrations.history import HEAD, REVISIONS
from vedette.db.programs import environment_of
from vedette.errors import Conflict, Invalid, Missing, Unavailable

OUR_SCHEMAS = """
SELECT format('DROP SCHEMA %I CASCADE;', nspname)
FROM pg_namespace
WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')
  AND pg_has_role(nspowner, 'USAGE') \\gexec
"""

# Whoever holds a table longer than this is a server that should be stopped first.
PREAMBLE = f"""
SET lock_timeout = '3s';
SET client_min_messages = warning;
SELECT pg_advisory_xact_lock({LOCK}) \\g /dev/null
{OUR_SCHEMAS}
"""

# Rights are not in the file: forget that they were set, so that the upgrade sets them.
POSTSCRIPT = "\nTRUNCATE vedette.repeatable;\n"


def back_up(dsn: str, binaries: PgBinaries, file: Path) -> None:
    """Write everything into `file`, which appears when complete; only its owner may read it."""
    part = file.with_name(f"{file.name}.part")
    try:
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise Unavailable(f"{file} cannot be written: {error.strerror}") from error
    try:
        _run([binaries.program("pg_dump"), "--format=custom", f"--file={part}"], dsn)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


async def restore(
    dsn: str, binaries: PgBinaries, file: Path, *, progress: Progress | None = None
) -> None:
    """Replace everything by what `file` holds, in one transaction, then upgrade it to this code.

    Raises `Missing` without the file, `Invalid` when it is no backup of ours, `Conflict` when it is
    from a newer version or when a server holds the tables.
    """
    revision = _revision(binaries, file)
    if revision not in REVISIONS:
        raise Conflict(
            f"{file} is at revision {revision}, newer than this vedette ({HEAD})",
            hint="restore it with the version that wrote it, or a newer one",
        )
    _replay(dsn, binaries, file)
    await upgrade(dsn, progress=progress)


def _revision(binaries: PgBinaries, file: Path) -> str:
    if not file.is_file():
        raise Missing(f"there is no file {file}")
    chosen = ["--data-only", "--schema=vedette", "--table=alembic_version", "--file=-"]
    answer = subprocess.run(  # noqa: S603 - our own binary
        [binaries.program("pg_restore"), *chosen, str(file)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = answer.stdout.splitlines()
    for before, line in pairwise(lines):
        if before.startswith("COPY vedette.alembic_version"):
            return line
    raise Invalid(f"{file} is not a backup of Vedette", hint="make one with `vedette db backup`")


def _replay(dsn: str, binaries: PgBinaries, file: Path) -> None:
    reader = subprocess.Popen(  # noqa: S603 - our own binary
        [binaries.program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    psql = [str(binaries.program("psql")), "--no-psqlrc", "--quiet", "--single-transaction"]
    writer = subprocess.Popen(  # noqa: S603 - our own binary
        [*psql, "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-"],
        env=environment_of(dsn),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert reader.stdout is not None
    assert writer.stdin is not None
    assert writer.stderr is not None
    is_whole = _feed(reader, writer.stdin)
    said = writer.stderr.read().decode(errors="replace")
    if writer.wait() != 0:
        raise _refusal(said, file)
    assert is_whole


def _feed(reader: subprocess.Popen[bytes], sink: IO[bytes]) -> bool:
    """Copy the script; only a whole one is followed by the end that lets psql commit."""
    assert reader.stdout is not None
    try:
        sink.write(PREAMBLE.encode())
        sink.write(for_any_server(reader.stdout.read(1 << 16)))
        while chunk := reader.stdout.read(1 << 16):
            sink.write(chunk)
        is_whole = reader.wait() == 0
        # psql would commit what it got so far; an error makes it roll back.
        sink.write((POSTSCRIPT if is_whole else "\nSELECT 1/0;\n").encode())
        sink.close()
    except BrokenPipeError:  # psql gave up; it says why
        reader.kill()
        reader.wait()
        return False
    return is_whole


def for_any_server(beginning: bytes) -> bytes:
    """Return the beginning of a script of pg_restore without the setting that servers before 17 refuse.

    Our programs may be newer than a server of yours; zero is what the setting is anyway.
    """
    return beginning.replace(b"\nSET transaction_timeout = 0;\n", b"\n", 1)


def _refusal(said: str, file: Path) -> Conflict | Invalid:
    if "lock timeout" in said:
        return Conflict(
            "the database is in use; nothing was restored",
            hint="stop the servers that use it first",
        )
    if "division by zero" in said:
        return Invalid(f"{file} is damaged; nothing was restored")
    errors = [line for line in said.splitlines() if "ERROR:" in line or "FATAL:" in line]
    why = (errors or said.splitlines() or ["psql ended without a word"])[0].strip()
    return Invalid(f"{file} cannot be restored: {why}", hint="nothing was changed")


def _run(command: Sequence[Path | str], dsn: str) -> None:
    answer = subprocess.run(  # noqa: S603 - our own binary
        command,
        env=environment_of(dsn),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        lines = answer.stderr.strip().splitlines() or ["ended without a word"]
        hint = None
        if "server version mismatch" in answer.stderr:
            hint = "name the server's own programs with --pg-bin"
        raise Unavailable(f"the backup failed: {lines[0].strip()}", hint=hint)
