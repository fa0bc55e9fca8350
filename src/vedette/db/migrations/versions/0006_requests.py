"""The operator's own requests, filters and thresholds of targets."""

from vedette.db.migrations import run_sql

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_sql("0006_requests.sql")
