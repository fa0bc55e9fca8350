"""What is told of incidents goes out as mail."""

from vedette.db.migrations import run_sql
from vedette.db.migrations.history import REVISIONS

revision = "0014"
down_revision = REVISIONS[REVISIONS.index(revision) - 1]


def upgrade() -> None:
    run_sql("0014_notices.sql")
