"""Running PostgreSQL's own programs (`psql`, `pg_dump` …) against a DSN."""

import os

from psycopg import conninfo, pq

from vedette.db.pool import normalise_dsn


def environment_of(dsn: str) -> dict[str, str]:
    """Return the environment in which libpq's programs connect to that DSN.

    A password on a command line is seen by every user of the machine; in the environment it is not.
    """
    variables = {
        option.keyword.decode(): option.envvar.decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar
    }
    named = {variables[key]: str(value) for key, value in _parts(dsn).items() if key in variables}
    own = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**own, "PGAPPNAME": "vedette db", "PGTZ": "UTC", **named}


def _parts(dsn: str) -> dict[str, object]:
    return dict(conninfo.conninfo_to_dict(normalise_dsn(dsn)))
