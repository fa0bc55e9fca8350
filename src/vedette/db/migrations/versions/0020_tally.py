"""What stands in a namespace is kept by severity as it was counted last."""

from vedette.db.migrations import run_sql

revision = "0020"
down_revision = "0018"


def upgrade() -> None:
    run_sql("0020_tally.sql")
