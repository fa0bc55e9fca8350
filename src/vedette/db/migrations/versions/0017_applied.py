"""A large body that comes again is known by its bytes; a look without change is a smaller row."""

from vedette.db.migrations import run_sql

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_sql("0017_applied.sql")
