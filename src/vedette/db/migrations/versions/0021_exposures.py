"""What stands open and where, in what order to mend it, and what of it is decided."""

from vedette.db.migrations import run_sql
from vedette.db.migrations.history import REVISIONS

revision = "0021"
down_revision = REVISIONS[REVISIONS.index(revision) - 1]


def upgrade() -> None:
    run_sql("0021_exposures.sql")
