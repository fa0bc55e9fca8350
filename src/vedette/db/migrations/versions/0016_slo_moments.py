"""Values of a moment are found by the number that the moment has for dashboards."""

from vedette.db.migrations import run_sql

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_sql("0016_slo_moments.sql")
