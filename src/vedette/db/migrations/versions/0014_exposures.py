"""What stands open and where, in what order to mend it, and what of it is decided."""

from vedette.db.migrations import run_sql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_sql("0014_exposures.sql")
