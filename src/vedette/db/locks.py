"""Doing something alone, however many servers there are."""

from hashlib import blake2b
from typing import Any

from psycopg import AsyncConnection


def lock_number(name: str) -> int:
    """Return the advisory lock of that name: the same in every process and release."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True)


async def alone(conn: AsyncConnection[Any], name: str) -> bool:
    """Take the lock of that name until the transaction ends; False when another holds it.

    Call it inside `async with conn.transaction()`; outside of one the lock is gone at once.
    """
    cursor = await conn.execute("SELECT pg_try_advisory_xact_lock(%s)", (lock_number(name),))
    row = await cursor.fetchone()
    assert row is not None
    return bool(row[0])
