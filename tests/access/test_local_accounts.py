"""Accounts for emergencies: their passwords, how often one may try, and their end."""

import asyncio
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from tests.factories import NOON

from vedette.access import local_accounts as accounts
from vedette.access.model import Role
from vedette.access.passwords import checked_password, hash_password, is_password, matches
from vedette.access.sessions import begin_session, whose
from vedette.db.pool import connect
from vedette.errors import Conflict, Denied, Invalid, Missing, Unavailable

PASSWORD = "a horse that counts to nine"
HASH = hash_password(PASSWORD)
CHEAP = Argon2id(
    salt=b"s" * 16, length=32, iterations=1, lanes=1, memory_cost=8
).derive_phc_encoded(PASSWORD.encode())
"""The same password, for tests of many tries: the hash says what one costs."""
PEPPER = b"p" * 32


async def create(conn, name="ada"):
    await accounts.create_account(conn, name, [Role.ADMIN], CHEAP, by="root", now=NOON)


async def check(conn, name="ada", password=PASSWORD, *, now=NOON, address="10.0.0.1"):
    return await accounts.check_password(conn, name, password, now=now, address=address)


def test_a_hash_says_how_it_was_made_and_is_never_the_same():
    assert HASH.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert hash_password(PASSWORD) != HASH
    assert matches(PASSWORD, HASH)
    assert not matches(PASSWORD + " ", HASH)


@pytest.mark.parametrize("text", ["", "short", "x" * 11, "x" * 1_001])
def test_what_is_too_short_or_absurd_is_no_password(text):
    with pytest.raises(Invalid, match="12 to 1000"):
        checked_password(text)


async def test_nobodys_password_is_never_right():
    assert not await is_password("", None)
    assert not await is_password(PASSWORD, None)


async def test_name_and_password_open_the_door(conn):
    await create(conn)
    assert (await check(conn)).name == "ada"
    for name, password in (("ada", "x"), ("bob", PASSWORD), ("", ""), ("a\0", "\ud800")):
        with pytest.raises(Denied, match="no name and password"):
            await check(conn, name, password)


async def test_a_name_is_given_once(conn):
    await create(conn)
    with pytest.raises(Conflict):
        await create(conn)
    with pytest.raises(Invalid):
        await create(conn, "a/b")


async def test_a_disabled_account_is_closed_and_its_sessions_over_until_it_is_reset(conn):
    await create(conn)
    account = await check(conn)
    secret = await begin_session(
        conn, account.id, kind="browser", rules="", pepper=PEPPER, now=NOON, by="account:ada"
    )
    assert (await whose(conn, secret, pepper=PEPPER, now=NOON)).name == "account:ada"
    await accounts.disable_account(conn, "ada", by="root", now=NOON)
    assert await whose(conn, secret, pepper=PEPPER, now=NOON) is None
    assert not await accounts.there_are_accounts(conn)
    with pytest.raises(Denied):
        await check(conn)
    await accounts.reset_account(conn, "ada", HASH, by="root")
    assert (await check(conn)).name == "ada"


async def test_too_many_wrong_passwords_of_an_account_make_it_wait_until_reset_or_time(conn):
    await create(conn)
    for nth in range(accounts.TRIES_OF_ACCOUNT):
        with pytest.raises(Denied):
            await check(conn, password="x", address=f"10.0.0.{nth}")
    with pytest.raises(Unavailable, match="too many wrong passwords"):
        await check(conn)
    assert (await check(conn, now=NOON + accounts.WINDOW)).name == "ada"
    for nth in range(accounts.TRIES_OF_ACCOUNT):
        with pytest.raises(Denied):
            await check(conn, password="x", address=f"10.0.0.{nth}")
    await accounts.reset_account(conn, "ada", HASH, by="root")
    assert (await check(conn)).name == "ada"


async def test_too_many_wrong_passwords_of_an_address_make_it_wait_and_nobody_else(
    conn, monkeypatch
):
    monkeypatch.setattr(accounts, "TRIES_OF_ADDRESS", 3)
    await create(conn)
    for nth in range(3):
        with pytest.raises(Denied):
            await check(conn, f"guess-{nth}", "x")
    with pytest.raises(Unavailable):
        await check(conn)
    assert (await check(conn, address="10.0.0.2")).name == "ada"


async def test_of_many_tries_at_once_no_more_are_made(fresh_app_url, monkeypatch):
    monkeypatch.setattr(accounts, "TRIES_OF_ACCOUNT", 2)
    conns = [await connect(fresh_app_url) for _ in range(4)]
    try:
        tried = await asyncio.gather(
            *(check(each, password="x") for each in conns), return_exceptions=True
        )
    finally:
        for each in conns:
            await each.close()
    assert sorted(type(each).__name__ for each in tried) == [
        "Denied",
        "Denied",
        "Unavailable",
        "Unavailable",
    ]


async def test_what_is_done_to_accounts_is_noted_without_their_passwords(conn):
    await create(conn)
    with pytest.raises(Denied):
        await check(conn, password="a wrong password")
    await accounts.disable_account(conn, "ada", by="root", now=NOON + timedelta(minutes=1))
    rows = await (
        await conn.execute("SELECT action, object, detail::text FROM access.audit ORDER BY id")
    ).fetchall()
    assert [row[0] for row in rows] == ["account.create", "account.refuse", "account.disable"]
    assert {row[1] for row in rows} == {"account:ada"}
    assert "wrong password" not in str(rows)
    assert "argon2" not in str(rows)
    assert "argon2" not in repr(await accounts.list_accounts(conn))


async def test_an_account_that_is_not_there_is_said(conn):
    for name in ("bob", "a\0b"):
        with pytest.raises(Missing):
            await accounts.disable_account(conn, name, by="root", now=NOON)
