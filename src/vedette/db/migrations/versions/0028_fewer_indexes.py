"""Packages and advisories have an index less each."""

from vedette.db.migrations import run_sql

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    run_sql("0028_fewer_indexes.sql")
