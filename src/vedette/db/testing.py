"""Databases for tests: one migrated template a cluster, a clone for whoever needs one.

A transaction rolled back costs a millisecond, a clone 60, a migration 300: in that order.
"""

from pathlib import Path
from secrets import token_hex

from psycopg import conninfo, sql

from vedette.db.create import APP, LOGINS, OWNER, create
from vedette.db.locks import lock_number
from vedette.db.migrate import upgrade
from vedette.db.pool import as_role, as_url, connect, normalise_dsn

TEMPLATE = "vedette_template"

UNSAFE = {
    # Nobody keeps what a test writes.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "512MB",
    "shared_buffers": "64MB",  # DROP DATABASE looks through all of them
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
}


def write_unsafe_settings(data_dir: Path) -> None:
    """Make the embedded server of that data directory fast and forgetful."""
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lines = "".join(f"{name} = {value}\n" for name, value in UNSAFE.items())
    data_dir.joinpath("postgresql.conf").write_text(lines, encoding="utf-8")


def dsn_for(admin: str, *, dbname: str, role: str | None = None, password: str = "") -> str:
    """Return the administrator's DSN with another database, and another role if given."""
    parts = conninfo.conninfo_to_dict(normalise_dsn(admin))
    url = as_url({**{k: v for k, v in parts.items() if v}, "dbname": dbname})
    return url if role is None else as_role(url, role, password or None)


async def make_template(admin: str, passwords: dict[str, str]) -> None:
    """Make roles and the migrated template, unless there; several processes may call it at once."""
    async with await connect(admin) as conn:
        await conn.execute("SELECT pg_advisory_lock(%s)", (lock_number(TEMPLATE),))
        inside = dsn_for(admin, dbname=TEMPLATE)
        await create(conn, inside, TEMPLATE, passwords)
        # By the owner, as in life; an administrator's rights would hide what is missing.
        owner = dsn_for(admin, dbname=TEMPLATE, role=OWNER, password=passwords.get(OWNER, ""))
        await upgrade(owner)


async def clone(admin: str, name: str | None = None) -> str:
    """Make a database from the template and return its name."""
    name = name or f"vedette_test_{token_hex(6)}"
    async with await connect(admin) as conn:
        await conn.execute("SELECT pg_advisory_lock(%s)", (lock_number(TEMPLATE),))
        await conn.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER {}").format(
                sql.Identifier(name), sql.Identifier(TEMPLATE), sql.Identifier(OWNER)
            )
        )
        # A clone takes the owner's rights on the database anew, not those of the template.
        for statement in (
            "REVOKE ALL ON DATABASE {} FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {{}} TO {', '.join(LOGINS)}",
            f"GRANT TEMPORARY ON DATABASE {{}} TO {APP}",
        ):
            await conn.execute(sql.SQL(statement).format(sql.Identifier(name)))
    return name


async def drop(admin: str, name: str) -> None:
    """Drop a clone, closing what still uses it."""
    async with await connect(admin) as conn:
        await conn.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )
