"""Values of a moment are found by the number that the moment has for dashboards."""

from vedette.db.migrations import run_sql
from vedette.db.migrations.history import REVISIONS

revision = "0027"
down_revision = REVISIONS[REVISIONS.index(revision) - 1]


def upgrade() -> None:
    run_sql("0027_slo_moments.sql")
