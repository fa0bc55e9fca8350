"""Actions are tied to the incident they were launched for."""

from vedette.db.migrations import run_sql

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_sql("0023_for_incident.sql")
