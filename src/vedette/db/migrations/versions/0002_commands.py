"""Commands of connectors: who asked what of which target, and what came back."""

from vedette.db.migrations import run_sql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_sql("0002_commands.sql")
