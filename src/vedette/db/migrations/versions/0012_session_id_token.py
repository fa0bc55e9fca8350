"""A session knows the ID token it began with."""

from vedette.db.migrations import run_sql
from vedette.db.migrations.history import REVISIONS

revision = "0012"
down_revision = REVISIONS[REVISIONS.index(revision) - 1]


def upgrade() -> None:
    run_sql("0012_session_id_token.sql")
