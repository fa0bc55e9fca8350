"""Tokens are shown once, work while they live, and end at once."""

import asyncio
from datetime import timedelta

import psycopg
import pytest

from factories import NOON, at
from vedette.access.audit import write_audit
from vedette.access.joining import JoinRefused, create_join_token, redeem_join_token
from vedette.access.model import Actor, Scope, scopes_of
from vedette.access.tokens import authenticate, create_token, list_tokens, revoke_token
from vedette.errors import Conflict, Invalid, Missing

PEPPER = b"p" * 32


async def make(conn, name="ci", scopes=("read",), **more):
    return await create_token(conn, name, scopes, pepper=PEPPER, by="ann", now=NOON, **more)


async def who(conn, secret, *, now=NOON, pepper=PEPPER):
    return await authenticate(conn, secret, pepper=pepper, now=now)


async def join_token(conn, **more):
    return await create_join_token(conn, pepper=PEPPER, by="ann", now=NOON, **more)


async def redeem(conn, secret, *, now=NOON, used_by="key:1"):
    return await redeem_join_token(conn, secret, pepper=PEPPER, used_by=used_by, now=now)


async def test_a_token_says_who_it_is_and_what_it_may(conn):
    secret = await make(conn, scopes=["records:write", "records:read"])
    actor = await who(conn, secret)
    assert actor == Actor("token:ci", frozenset({Scope.RECORDS_READ, Scope.RECORDS_WRITE}))
    assert actor.may("records:read")
    assert not actor.may("read")


async def test_the_secret_is_nowhere_in_the_database(conn):
    secret = await make(conn)
    rows = await (await conn.execute("SELECT t::text FROM access.token AS t")).fetchall()
    rows += await (await conn.execute("SELECT a::text FROM access.audit AS a")).fetchall()
    assert secret[4:] not in str(rows)


async def test_without_the_pepper_a_dump_says_nothing(conn):
    secret = await make(conn)
    assert await who(conn, secret, pepper=b"q" * 32) is None


@pytest.mark.parametrize(
    "secret", ["", "vdt_", "vdt_" + "a" * 43, "vdt_" + "a" * 43 + "\n", "x" * 10_000, "vdj_é", "\0"]
)
async def test_what_is_no_token_of_ours_is_nobody(conn, secret):
    assert await who(conn, secret) is None


async def test_a_token_ends_when_it_expires(conn):
    secret = await make(conn, expires_at=at("13:00"))
    assert await who(conn, secret, now=at("12:59"))
    assert await who(conn, secret, now=at("13:00")) is None


async def test_a_revoked_token_is_nobody_and_its_name_is_free(conn):
    secret = await make(conn)
    await revoke_token(conn, "ci", now=NOON, by="ann")
    assert await who(conn, secret) is None
    assert await list_tokens(conn) == []
    assert await make(conn) != secret


async def test_a_name_in_use_is_refused_until_its_token_expires(conn):
    await make(conn, expires_at=at("13:00"))
    with pytest.raises(Conflict, match="vedette tokens revoke ci"):
        await make(conn)
    await create_token(conn, "ci", ["read"], pepper=PEPPER, by="ann", now=at("13:01"))


@pytest.mark.parametrize(
    ("name", "scopes", "more", "complaint"),
    [
        ("a\n", ["read"], {}, "name of the token"),
        ("../x", ["read"], {}, "name of the token"),
        ("x" * 10_000, ["read"], {}, "name of the token"),
        ("ci", [], {}, "at least one scope"),
        ("ci", ["root"], {}, "no scope called 'root'"),
        ("ci", ["READ"], {}, "one of admin, read"),
        ("ci", ["read"], {"expires_at": NOON - timedelta(seconds=1)}, "expired already"),
    ],
)
async def test_a_token_that_makes_no_sense_is_refused(conn, name, scopes, more, complaint):
    with pytest.raises(Invalid) as refusal:
        await make(conn, name, scopes, **more)
    assert complaint in str(refusal.value)


@pytest.mark.parametrize("name", ["nobody", "a\0b", "' OR true --", "x" * 10_000])
async def test_revoking_what_is_not_there_says_so(conn, name):
    with pytest.raises(Missing, match="no token is called"):
        await revoke_token(conn, name, now=NOON, by="ann")


async def test_its_last_use_is_noted_at_most_once_a_minute(conn):
    secret = await make(conn)
    for clock in ("12:00:00", "12:00:59", "12:01:00", "12:01:30"):
        await who(conn, secret, now=at(clock))
    [token] = await list_tokens(conn)
    assert token.last_used_at == at("12:01:00")


async def test_servers_hear_of_a_revoked_token(fresh_app_url):
    async with await psycopg.AsyncConnection.connect(fresh_app_url, autocommit=True) as conn:
        await make(conn)
        [token] = await list_tokens(conn)
        await conn.execute("LISTEN vedette_access")
        await revoke_token(conn, "ci", now=NOON, by="ann")
        heard = [note.payload async for note in conn.notifies(timeout=5, stop_after=1)]
    assert heard == [f"token:{token.id}"]


def test_admin_may_everything_and_the_others_only_what_they_say():
    admin, writer = Actor("a", scopes_of(["admin"])), Actor("w", scopes_of(["records:write"]))
    assert all(admin.may(scope) for scope in Scope)
    assert [scope for scope in Scope if writer.may(scope)] == ["records:write"]
    assert writer.may_grant([Scope.RECORDS_WRITE])
    assert not writer.may_grant([Scope.RECORDS_WRITE, Scope.ADMIN])


def test_every_scope_has_its_sentence():
    assert all(scope.help.endswith(".") for scope in Scope)


async def test_a_join_token_works_once(conn):
    secret = await join_token(conn, agent_name="edge-7", tags={"role": "edge"})
    join = await redeem(conn, secret)
    assert (join.agent_name, join.tags) == ("edge-7", {"role": "edge"})
    for _ in range(2):
        with pytest.raises(JoinRefused, match="was used at 2026-11-21 12:00 UTC; it works once"):
            await redeem(conn, secret)


async def test_of_many_who_redeem_it_at_once_one_gets_it(fresh_app_url):
    async with await psycopg.AsyncConnection.connect(fresh_app_url, autocommit=True) as conn:
        secret = await join_token(conn)

    async def try_once(number):
        async with await psycopg.AsyncConnection.connect(fresh_app_url, autocommit=True) as conn:
            return await redeem(conn, secret, used_by=f"key:{number}")

    results = await asyncio.gather(*map(try_once, range(8)), return_exceptions=True)
    assert sum(not isinstance(result, JoinRefused) for result in results) == 1


async def test_a_join_token_lasts_an_hour(conn):
    secret = await join_token(conn)
    with pytest.raises(JoinRefused, match="expired at 2026-11-21 13:00 UTC"):
        await redeem(conn, secret, now=at("13:00"))
    await redeem(conn, secret, now=at("12:59"))


@pytest.mark.parametrize("secret", ["", "vdj_short", "vdj_" + "a" * 43, "vdj_" + "a" * 43 + "\n"])
async def test_a_join_token_nobody_made_is_refused_with_the_way_out(conn, secret):
    with pytest.raises(JoinRefused, match="vedette agents token"):
        await redeem(conn, secret)


@pytest.mark.parametrize(
    "wrong",
    [{"ttl": timedelta(0)}, {"ttl": timedelta(days=31)}, {"agent_name": "a b"},
     {"tags": {"a b": "x"}}, {"tags": {"role": "x\n"}}],
)  # fmt: skip
async def test_a_join_token_that_makes_no_sense_is_refused(conn, wrong):
    with pytest.raises(Invalid):
        await join_token(conn, **wrong)


async def test_the_audit_log_takes_any_text_and_gives_none_back_changed(conn):
    await write_audit(
        conn, actor="a\0b", action="x", object="\ud800", source="x" * 10_000, detail={"k\0": "v\0"}
    )
    for change in ("UPDATE access.audit SET actor = 'me'", "DELETE FROM access.audit"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with conn.transaction():
                await conn.execute(change)
    row = await (await conn.execute("SELECT actor, length(source) FROM access.audit")).fetchone()
    assert row == ("a\ufffdb", 500)
