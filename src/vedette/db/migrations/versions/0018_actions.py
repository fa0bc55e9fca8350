"""Signed actions, their commands and results; the trust bundle; what agents announce of themselves."""

from vedette.db.migrations import run_sql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_sql("0018_actions.sql")
