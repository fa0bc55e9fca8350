"""What stood behind an action when it was launched is kept with it."""

from vedette.db.migrations import run_sql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_sql("0026_weighed.sql")
