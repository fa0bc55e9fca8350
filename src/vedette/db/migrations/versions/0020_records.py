"""What we know of services: vulnerabilities, validations, SLO values, deployments."""

from vedette.db.migrations import run_sql
from vedette.db.migrations.history import REVISIONS

revision = "0020"
down_revision = REVISIONS[REVISIONS.index(revision) - 1]


def upgrade() -> None:
    run_sql("0020_records.sql")
