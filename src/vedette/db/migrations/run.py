"""Alembic, configured in code: one connection, no file of settings, no environment script."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from vedette.db.pool import parameters


def script_directory() -> ScriptDirectory:
    """Return Alembic's view of `versions/`."""
    return ScriptDirectory(str(Path(__file__).parent))


def upgrade_tables(dsn: str, progress: Callable[[str], None], *, to: str = "head") -> None:
    """Run what is pending up to that revision, each in its own transaction.

    The caller holds the lock.
    """
    script = script_directory()

    def steps(revision: Any, _: MigrationContext) -> Any:  # noqa: ANN401 - Alembic's own types
        return script._upgrade_revs(to, revision)  # noqa: SLF001 - what its command does

    def done(ctx: MigrationContext, step: MigrationInfo, *_: object, **__: object) -> None:
        # Alembic calls it by name.
        doc = script.get_revision(step.up_revision_id or "").doc
        progress(f"{step.up_revision_id} {doc}")

    environment = EnvironmentContext(Config(), script, fn=steps, destination_rev=to)
    with environment, _engine(dsn).connect() as connection:
        environment.configure(
            connection=connection,
            version_table="alembic_version",
            version_table_schema="vedette",
            transaction_per_migration=True,
            on_version_apply=done,
        )
        environment.run_migrations()


def _engine(dsn: str) -> Any:  # noqa: ANN401
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(**parameters(dsn, name="vedette upgrade")),
        poolclass=NullPool,
    )
