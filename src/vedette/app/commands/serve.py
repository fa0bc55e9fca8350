"""`vedette serve`: a server alone, any number on one database."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vedette.app.log_flags import LogFlags
from vedette.app.options import Listening, Options, database_url, listening, path_of
from vedette.app.settings_cache import CacheFlags, cache_of
from vedette.app.settings_notices import NoticesFlags, notices_of
from vedette.app.settings_records import RecordsFlags, records_of
from vedette.app.settings_reporters import ReporterFlags, reporters_of
from vedette.app.settings_sign_in import SignInFlags, sign_in_of
from vedette.app.spool_flags import SpoolFlags, spooling_of
from vedette.errors import Missing

HERE = Listening()
LOG = LogFlags()
REPORTERS = ReporterFlags()
SIGN_IN = SignInFlags()
CACHE = CacheFlags()
NOTICES = NoticesFlags()
RECORDS = RecordsFlags()
SPOOL = SpoolFlags()


def serve(
    *,
    config: Annotated[
        Path | None,
        Parameter(name=["--config", "-c"], env_var="VEDETTE_CONFIG", help="The settings file."),
    ] = None,
    database_url_flag: Annotated[
        str | None,
        Parameter(
            name="--database-url",
            env_var=["VEDETTE_DATABASE_URL", "DASHDOTDB_DATABASE_URL"],
            help="Where everything is kept: a PostgreSQL of yours, 15 or newer.",
        ),
    ] = None,
    database_url_file: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_DATABASE_URL_FILE",
            help="A file that holds the URL; nobody reads it on the command line.",
        ),
    ] = None,
    seal_key: Annotated[
        Path | None,
        Parameter(
            name="--seal-key-file",
            env_var="VEDETTE_SEAL_KEY_FILE",
            help="The key that seals the database's secrets; default DIR/seal.key.",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_DATA_DIR",
            help="Where to write an admin token and the addresses for the commands of this "
            "machine; default nowhere.",
        ),
    ] = None,
    listen: Listening = HERE,
    reporters: ReporterFlags = REPORTERS,
    sign_in: SignInFlags = SIGN_IN,
    cache: CacheFlags = CACHE,
    notices: NoticesFlags = NOTICES,
    records: RecordsFlags = RECORDS,
    spool: SpoolFlags = SPOOL,
    log: LogFlags = LOG,
) -> int:
    """Start a server on a database of yours.

    Needs a database that is up to date (`vedette db upgrade`) and the seal key of the servers that
    use it already. Ctrl-C (or SIGTERM) stops it, exit code 0; SIGHUP reads the settings file again.
    """
    from vedette.app.program import read_settings, run_program, serve
    from vedette.app.settings import Settings

    settings = read_settings(config)
    said = (settings or Settings()).server
    url = database_url(database_url_flag, database_url_file, said, os.environ)
    if url is None:
        raise Missing(
            "no database is named",
            hint="give --database-url or VEDETTE_DATABASE_URL, or `vedette up`",
        )
    data_dir = path_of(data_dir, "data_dir", said, os.environ)
    sealing = path_of(seal_key, "seal_key_file", said, os.environ)
    sealing = sealing or (data_dir / "seal.key" if data_dir else None)
    if sealing is None:
        raise Missing(
            "no seal key is named",
            hint="give --seal-key-file (made when absent) or VEDETTE_SEAL_KEY_FILE, or --data-dir",
        )
    options = Options(
        **listening(listen, said, os.environ),
        config=config,
        seal_key=sealing,
        data_dir=data_dir,
        reporters=reporters_of(reporters, (settings or Settings()).reporters),
        sign_in=sign_in_of(sign_in, (settings or Settings()).sign_in),
        cache=cache_of(cache, (settings or Settings()).cache),
        notices=notices_of(notices, (settings or Settings()).notices),
        records=records_of(
            records, (settings or Settings()).records, (settings or Settings()).compat
        ),
        spool=spooling_of(spool, said, os.environ),
        log=log.over((settings or Settings()).log),
    )
    return run_program(serve(options, url, settings), options.log)
