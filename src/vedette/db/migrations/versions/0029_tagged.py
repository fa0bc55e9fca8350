"""An image without a digest is its name and tag."""

from vedette.db.migrations import run_sql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run_sql("0029_tagged.sql")
