"""A component may publish measurements of its targets."""

from vedette.db.migrations import run_sql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_sql("0010_published_measurements.sql")
