"""Agents that answer what nobody can take are counted, and sent no more orders."""

from vedette.db.migrations import run_sql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_sql("0025_quarantine.sql")
