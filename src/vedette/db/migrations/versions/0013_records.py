"""What we know of services: vulnerabilities, validations, SLO values, deployments."""

from vedette.db.migrations import run_sql

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_sql("0013_records.sql")
