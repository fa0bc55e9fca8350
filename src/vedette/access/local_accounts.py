"""Accounts for emergencies: made from the command line, good when the provider is away.

Whoever uses one is told so on every page and stands in the audit log as `account:NAME`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from vedette.access.audit import write_audit
from vedette.access.model import Role
from vedette.access.passwords import is_password
from vedette.access.sessions import LOCAL, Q, end_sessions_of
from vedette.db.locks import lock_number
from vedette.db.queries import Connection
from vedette.errors import Conflict, Denied, Missing, Unavailable
from vedette.trust.names import LABEL_LIMIT, checked_name, plain_text

WINDOW = timedelta(minutes=15)
TRIES_OF_ACCOUNT = 10
TRIES_OF_ADDRESS = 20
"""Wrong passwords within `WINDOW`; after so many whoever tries must wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A local account; seen_at: its last sign-in, disabled_at: None while it opens a door."""

    id: int
    name: str
    roles: Sequence[str]
    password: str = field(repr=False)
    made_at: datetime
    seen_at: datetime | None
    disabled_at: datetime | None


async def create_account(
    conn: Connection,
    name: str,
    roles: Sequence[Role],
    password_hash: str,
    *,
    by: str,
    now: datetime,
) -> None:
    """Make an account; raises Invalid for a wrong name, Conflict when someone has it already."""
    name = checked_name(name, field="name of the account")
    async with conn.transaction():
        made = await Q.one(
            conn,
            "insert_person",
            issuer=LOCAL,
            subject=name,
            name=name,
            roles=[role.value for role in roles],
            password=password_hash,
            now=now,
        )
        if made is None:
            raise Conflict(
                f"someone is called {name!r} already",
                hint=f"choose another name, or `vedette accounts reset {name}` if it is an account",
            )
        await _say(conn, "create", name, by, roles=[role.value for role in roles])


async def list_accounts(conn: Connection) -> list[Account]:
    """Return every account, disabled ones among them, by name."""
    return await Q.all(conn, "accounts", row=Account)


async def there_are_accounts(conn: Connection) -> bool:
    """Return whether any account opens a door."""
    return bool(await Q.value(conn, "there_are_accounts"))


async def disable_account(conn: Connection, name: str, *, by: str, now: datetime) -> None:
    """Close the account and end its sessions; raises Missing."""
    async with conn.transaction():
        account = await _called(conn, name)
        await Q.run(conn, "disable_account", id=account.id, now=now)
        ended = await end_sessions_of(conn, account.id)
        await _say(conn, "disable", account.name, by, sessions_ended=len(ended))


async def reset_account(conn: Connection, name: str, password_hash: str, *, by: str) -> None:
    """Give the account a new password, open it again and end its sessions; raises Missing.

    Whoever had to wait for wrong passwords of it waits no longer.
    """
    async with conn.transaction():
        account = await _called(conn, name)
        await Q.run(conn, "reset_account", id=account.id, password=password_hash)
        await Q.run(conn, "forget_wrong_passwords", account=account.name)
        ended = await end_sessions_of(conn, account.id)
        await _say(conn, "reset", account.name, by, sessions_ended=len(ended))


async def check_password(
    conn: Connection, name: str, password: str, *, now: datetime, address: str
) -> Account:
    """Return the account whose name and password these are.

    Raises Denied, the same for a wrong name as for a wrong password, and Unavailable after too many
    of either, by account and by address.
    """
    name = plain_text(name, limit=LABEL_LIMIT)
    await _take_try(conn, name, now=now, address=address)
    account = await Q.one(conn, "account", name=name, row=Account)
    is_right = await is_password(password, account.password if account else None)
    if account is None or not is_right or account.disabled_at is not None:
        await write_audit(
            conn, actor="server", action="account.refuse", object=f"account:{name}", source=address
        )
        raise Denied("that is no name and password of an open account")
    await Q.run(conn, "forget_wrong_passwords", account=name)
    return account


async def _take_try(conn: Connection, name: str, *, now: datetime, address: str) -> None:
    """Count a try before it is made: of many at once none is free."""
    async with conn.transaction():
        await conn.execute("SELECT pg_advisory_xact_lock(%s)", (lock_number(__name__),))
        counted = await Q.one(
            conn, "wrong_passwords", account=name, address=address, since=now - WINDOW
        )
        assert counted is not None, "a count has a row"
        if counted[0] >= TRIES_OF_ACCOUNT or counted[1] >= TRIES_OF_ADDRESS:
            raise Unavailable(
                "too many wrong passwords; nothing is tried for a while",
                hint=f"wait {int(WINDOW.total_seconds() // 60)} minutes, or `vedette accounts reset NAME`",
            )
        await Q.run(conn, "insert_wrong_password", account=name, address=address, now=now)


async def _called(conn: Connection, name: str) -> Account:
    found = await Q.one(conn, "account", name=plain_text(name, limit=LABEL_LIMIT + 1), row=Account)
    if found is None:
        raise Missing(
            f"no account is called {name[:80]!a}", hint="`vedette accounts list` shows them"
        )
    return found


async def _say(conn: Connection, verb: str, name: str, by: str, **detail: object) -> None:
    await write_audit(
        conn, actor=by, action=f"account.{verb}", object=f"account:{name}", detail=detail
    )
