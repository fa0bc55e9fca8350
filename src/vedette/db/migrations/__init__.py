"""The tables' history: a numbered SQL file a step, and a revision of Alembic that runs it.

Steps only go forward: a way back that drops columns loses what was written since. To go back,
restore the backup.
"""

from pathlib import Path
from typing import Any, cast

import psycopg

VERSIONS = Path(__file__).parent / "versions"


def run_sql(file_name: str) -> None:
    """Run the statements of that file in the revision's transaction."""
    # Imported here: the everyday check imports this package too, and Alembic costs a second.
    from alembic import op

    # Past SQLAlchemy: without parameters psycopg sends the file whole, per cent signs and all.
    driver = cast("psycopg.Connection[Any]", op.get_bind().connection.dbapi_connection)
    driver.execute(VERSIONS.joinpath(file_name).read_bytes())
