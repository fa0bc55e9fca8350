"""Roll-ups of measurements and states for years, and repacked days."""

from vedette.db.migrations import run_sql

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_sql("0004_rollups.sql")
