"""A session knows the ID token it began with."""

from vedette.db.migrations import run_sql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_sql("0011_session_id_token.sql")
