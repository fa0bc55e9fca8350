"""What of records is shown as Dash.DB shows it."""

from vedette.db.migrations import run_sql
from vedette.db.migrations.history import REVISIONS

revision = "0026"
down_revision = REVISIONS[REVISIONS.index(revision) - 1]


def upgrade() -> None:
    run_sql("0026_records_compat.sql")
