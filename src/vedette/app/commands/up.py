"""`vedette up`: everything in one terminal."""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vedette.app.log_flags import LogFlags
from vedette.app.options import Listening, Options, database_url, listening, path_of, resolve
from vedette.app.settings_cache import CacheFlags, cache_of
from vedette.app.settings_notices import NoticesFlags, notices_of
from vedette.app.settings_records import RecordsFlags, records_of
from vedette.app.settings_reporters import ReporterFlags, reporters_of
from vedette.app.settings_sign_in import SignInFlags, sign_in_of
from vedette.app.spool_flags import SpoolFlags, spooling_of
from vedette.cli.where import data_dir as data_dir_of

HERE = Listening()
LOG = LogFlags()
REPORTERS = ReporterFlags()
SIGN_IN = SignInFlags()
CACHE = CacheFlags()
NOTICES = NoticesFlags()
RECORDS = RecordsFlags()
SPOOL = SpoolFlags()


def up(
    *,
    config: Annotated[
        Path | None,
        Parameter(name=["--config", "-c"], env_var="VEDETTE_CONFIG", help="The settings file."),
    ] = None,
    data_dir: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_DATA_DIR",
            help="Where everything is kept; default ./vedette-data if it is there, "
            "else $XDG_STATE_HOME/vedette.",
        ),
    ] = None,
    listen: Listening = HERE,
    agent: Annotated[
        bool | None,
        Parameter(env_var="VEDETTE_AGENT", help="Run an agent on this host; default yes."),
    ] = None,
    database_url_flag: Annotated[
        str | None,
        Parameter(
            name="--database-url",
            env_var=["VEDETTE_DATABASE_URL", "DASHDOTDB_DATABASE_URL"],
            help="A PostgreSQL of yours (15 or newer); default the embedded one.",
            group="Database",
        ),
    ] = None,
    database_url_file: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_DATABASE_URL_FILE",
            help="A file that holds the URL; nobody reads it on the command line.",
            group="Database",
        ),
    ] = None,
    db_listen: Annotated[
        str | None,
        Parameter(
            env_var="VEDETTE_DB_LISTEN",
            help="HOST:PORT where the embedded PostgreSQL listens for Grafana.",
            group="Database",
        ),
    ] = None,
    insecure: Annotated[
        bool | None,
        Parameter(
            env_var="VEDETTE_INSECURE",
            negative="",
            group="Database",
            help="Let --db-listen leave this machine without TLS.",
        ),
    ] = None,
    pg_bin: Annotated[
        Path | None,
        Parameter(
            env_var="VEDETTE_PG_BIN",
            group="Database",
            help="Folder of PostgreSQL's programs; default the wheel's.",
        ),
    ] = None,
    seal_key: Annotated[
        Path | None,
        Parameter(
            name="--seal-key-file",
            env_var="VEDETTE_SEAL_KEY_FILE",
            help="Default DIR/seal.key, made when absent.",
        ),
    ] = None,
    reporters: ReporterFlags = REPORTERS,
    sign_in: SignInFlags = SIGN_IN,
    cache: CacheFlags = CACHE,
    notices: NoticesFlags = NOTICES,
    records: RecordsFlags = RECORDS,
    spool: SpoolFlags = SPOOL,
    log: LogFlags = LOG,
) -> int:
    """Start everything: database, server, one agent.

    Ctrl-C (or SIGTERM) stops all of it, exit code 0; a second Ctrl-C leaves at once. SIGHUP reads
    the settings file again and keeps the old one when the new one is bad.
    """
    # We start a child beside gRPC's threads and use no gRPC in between: nothing to prepare for.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    from vedette.app.program import read_settings, run_program
    from vedette.app.settings import Settings
    from vedette.app.up import Upping, refuse_open_database, up

    settings = read_settings(config)
    said = (settings or Settings()).server
    directory = data_dir_of(path_of(data_dir, "data_dir", said, os.environ))
    db_listen = db_listen or resolve(said.db_listen, os.environ, "server.db_listen")
    refuse_open_database(db_listen, insecure=said.insecure if insecure is None else insecure)
    options = Options(
        **listening(listen, said, os.environ),
        config=config,
        seal_key=path_of(seal_key, "seal_key_file", said, os.environ) or directory / "seal.key",
        data_dir=directory,
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
    upping = Upping(
        options=options,
        data_dir=directory,
        settings=settings,
        database_url=database_url(database_url_flag, database_url_file, said, os.environ),
        db_listen=db_listen,
        pg_bin=path_of(pg_bin, "pg_bin", said, os.environ),
        with_agent=agent if agent is not None else said.agent is not False,
    )
    return run_program(up(upping), options.log)
