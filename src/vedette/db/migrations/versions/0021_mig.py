"""MIG's schema as a contract: what investigators need for it; endpoints with several agents are told."""

from vedette.db.migrations import run_sql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_sql("0021_mig.sql")
