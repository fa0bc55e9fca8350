"""The house: who may do what, what there is, how it is."""

from vedette.db.migrations import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_sql("0001_house.sql")
