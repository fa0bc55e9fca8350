"""What MIG's clients need of the API: nonces, keys of the API, loaders, manifests and their signatures."""

from vedette.db.migrations import run_sql

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_sql("0022_mig_api.sql")
