"""Collectors: which agents are bound to which, and what they relay."""

from vedette.db.migrations import run_sql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_sql("0003_relay.sql")
