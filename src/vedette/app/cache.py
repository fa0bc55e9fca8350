"""The server's keeper of pages, made as the settings say."""

from datetime import timedelta

from psycopg_pool import AsyncConnectionPool

from vedette import __version__, clock
from vedette.app.settings_cache import Cache, Store
from vedette.web.feeds.outside import Outside
from vedette.web.kept import Keeper
from vedette.web.shelf import NO_SHELF, RedisShelf
from vedette.web.theme import Theme


def keeper_of(
    cache: Cache, pool: AsyncConnectionPool, *, seal: bytes, theme: Theme, outside: Outside
) -> Keeper:
    """Return what keeps the pages of a server; seal: a secret of all servers of the database."""
    if cache.store is Store.NULL:
        return Keeper(clock.now, kept_for=timedelta(0))
    shelf = NO_SHELF
    if cache.store is Store.REDIS:
        shelf = RedisShelf(
            cache.redis,
            pool,
            password=cache.password,
            prefix=cache.prefix,
            seal=seal,
            dressed=f"{__version__} {theme} {outside}",
        )
    return Keeper(clock.now, kept_for=cache.kept_for, shelf=shelf)
