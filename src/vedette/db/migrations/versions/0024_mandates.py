"""Actions that people signed once to be run again and again: mandates, and their runs."""

from vedette.db.migrations import run_sql

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_sql("0024_mandates.sql")
