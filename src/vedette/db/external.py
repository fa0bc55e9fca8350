"""A server of yours: making the database there, and the DSN to give to Grafana."""

import secrets

from psycopg import conninfo

from vedette.db.create import (
    GRAFANA,
    INSIDE,
    LOGINS,
    ROLES,
    create,
    database_statement,
    password_statement,
    set_password,
)
from vedette.db.embedded import Running
from vedette.db.pool import as_role, as_url, connect, normalise_dsn
from vedette.db.trouble import refuse_old_server
from vedette.errors import Missing

NO_NETWORK = (
    "the embedded database speaks only its private socket; "
    "start `vedette up --db-listen 127.0.0.1:5433` for Grafana"
)


async def create_external(admin_url: str, database: str) -> dict[str, str]:
    """Make database, roles and rights as that administrator; return role → DSN.

    Safe to repeat: a role that exists keeps its password, which its DSN then lacks.
    """
    parts = conninfo.conninfo_to_dict(normalise_dsn(admin_url))
    inside = as_url({**{k: v for k, v in parts.items() if v}, "dbname": database})
    async with await connect(admin_url) as admin:
        refuse_old_server(admin.info.server_version, admin_url)
        found = await admin.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", (list(LOGINS),)
        )
        known = {role for (role,) in await found.fetchall()}
        words = {role: secrets.token_urlsafe(32) for role in LOGINS if role not in known}
        await create(admin, inside, database, words)
    return {role: as_role(inside, role, words.get(role)) for role in LOGINS}


def script(database: str) -> str:
    """Return the SQL that `create_external` runs, each password as `…`."""
    passwords = "".join(f"{password_statement(role, '…').as_string()};\n" for role in LOGINS)
    made = f'{database_statement(database).as_string()};\n\\connect "{database}"\n'
    return f"{ROLES}{passwords}{made}{INSIDE}".rstrip()


async def grafana_dsn(url: str, running: Running | None, *, rotate: bool) -> tuple[str, str]:
    """Return the DSN for Grafana, password included, and a remark or "".

    On a server of yours the password is known only when it is just made: `rotate`.
    """
    if running is None:
        if not rotate:
            raise Missing(
                f"the password of {GRAFANA} is known to nobody but its server",
                hint="make a new one with --rotate, using the URL of an administrator",
            )
        word = secrets.token_urlsafe(32)
        async with await connect(url) as admin:
            await set_password(admin, GRAFANA, word)
        return as_role(url, GRAFANA, word), ""
    if rotate:
        word = secrets.token_urlsafe(32)
        async with await connect(running.dsn("postgres", "postgres")) as admin:
            await set_password(admin, GRAFANA, word)
        running.place.write_passwords({**running.place.read_passwords(), GRAFANA: word})
    by_network = running.network_dsn(GRAFANA)
    if by_network is not None:
        return by_network, ""
    word = running.password(GRAFANA)
    parts = conninfo.conninfo_to_dict(running.dsn(GRAFANA))
    parts.pop("passfile")
    return as_url({**parts, "password": word}), NO_NETWORK
