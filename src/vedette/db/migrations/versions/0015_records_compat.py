"""What of records is shown as Dash.DB shows it."""

from vedette.db.migrations import run_sql

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_sql("0015_records_compat.sql")
