"""`vedette accounts`: accounts for emergencies, when the provider is away. They are made here alone."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

from cyclopts import App, Parameter

from vedette.app.commands._database import Which, open_database
from vedette.cli.output import Format, Listing, show
from vedette.errors import Invalid, Missing

if TYPE_CHECKING:
    from vedette.db.queries import Connection

HERE = Which()
ACCOUNTS = Listing("accounts", ("name", "roles", "made_at", "seen_at", "disabled_at"), "name")
T = TypeVar("T")

app = App(name="accounts", help="Accounts for emergencies, when the provider is away.")

PasswordFile = Annotated[
    Path | None, Parameter(help="File with the password; default it is asked for, twice.")
]


@app.command
def create(
    name: str,
    /,
    *,
    role: Annotated[
        list[str], Parameter(negative="", help="viewer, operator, investigator or admin.")
    ],
    password_file: PasswordFile = None,
    which: Which = HERE,
) -> None:
    """Make an account; whoever uses it is told so on every page and noted in the audit log."""
    from vedette import clock
    from vedette.access.local_accounts import create_account
    from vedette.access.model import roles_of
    from vedette.access.passwords import hash_password

    roles = roles_of(word for words in role for word in words.split(","))
    hashed = hash_password(_password(password_file))

    async def work(conn: "Connection") -> None:
        await create_account(conn, name, roles, hashed, by=_by(), now=clock.now())

    _with_connection(which, work)


@app.command(name="list")
def list_accounts(*, output: Format = "table", which: Which = HERE) -> None:
    """List the accounts with their last sign-in."""
    from vedette.access import local_accounts

    async def work(conn: "Connection") -> list[local_accounts.Account]:
        return await local_accounts.list_accounts(conn)

    rows = [
        {
            "name": each.name,
            "roles": list(each.roles),
            "made_at": _stamp(each.made_at),
            "seen_at": _stamp(each.seen_at),
            "disabled_at": _stamp(each.disabled_at),
        }
        for each in _with_connection(which, work)
    ]
    show(rows, ACCOUNTS, output)


@app.command
def disable(name: str, /, *, which: Which = HERE) -> None:
    """Close an account and end its sessions at once, on every server."""
    from vedette import clock
    from vedette.access.local_accounts import disable_account

    async def work(conn: "Connection") -> None:
        await disable_account(conn, name, by=_by(), now=clock.now())

    _with_connection(which, work)


@app.command
def reset(name: str, /, *, password_file: PasswordFile = None, which: Which = HERE) -> None:
    """Give an account a new password, open it again, and end its sessions."""
    from vedette.access.local_accounts import reset_account
    from vedette.access.passwords import hash_password

    hashed = hash_password(_password(password_file))

    async def work(conn: "Connection") -> None:
        await reset_account(conn, name, hashed, by=_by())

    _with_connection(which, work)


def _with_connection(which: Which, work: Callable[["Connection"], Awaitable[T]]) -> T:
    from vedette.db.pool import connect

    async def run() -> T:
        async with open_database(which) as database:
            conn = await connect(database.dsn())
            async with conn:
                return await work(conn)

    return asyncio.run(run())


def _password(path: Path | None) -> str:
    from vedette.access.passwords import checked_password

    if path is not None:
        try:
            return checked_password(path.read_text("utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            raise Missing(f"--password-file {path} cannot be read: {error}") from None
    if not sys.stdin.isatty():
        raise Invalid("there is no terminal to ask for a password at", hint="give --password-file")
    password = checked_password(getpass.getpass("Password: "))
    if getpass.getpass("Once more: ") != password:
        raise Invalid("the two passwords differ", hint="try again")
    return password


def _stamp(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _by() -> str:
    return f"{getpass.getuser()} at the command line"
