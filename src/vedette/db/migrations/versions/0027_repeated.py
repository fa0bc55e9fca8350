"""Answers kept for Idempotency-Key are for every room."""

from vedette.db.migrations import run_sql

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run_sql("0027_repeated.sql")
