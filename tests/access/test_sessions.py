"""Sessions: who they act for, and everything that ends them."""

from datetime import timedelta

import pytest
from tests.factories import NOON

from vedette.access import sessions
from vedette.access.handover import challenge_of, hand_over, take_over
from vedette.access.model import Role, Scope, scopes_of_roles
from vedette.access.people import recognise
from vedette.access.sessions import begin_session, session_of, sessions_of, whose
from vedette.errors import Denied, Missing

PEPPER = b"p" * 32
ISSUER = "https://id.example"
VERIFIER = "v" * 43


async def person(conn, subject="u-1", name="ada", roles=(Role.OPERATOR,)):
    return await recognise(conn, issuer=ISSUER, subject=subject, name=name, roles=roles, now=NOON)


async def begin(conn, who, *, now=NOON, rules="r"):
    return await begin_session(
        conn, who.id, kind="browser", rules=rules, pepper=PEPPER, now=now, by=who.actor
    )


async def actor(conn, secret, now=NOON):
    return await whose(conn, secret, pepper=PEPPER, now=now)


async def test_a_session_acts_for_its_person_with_what_their_roles_may(conn):
    secret = await begin(conn, await person(conn))
    found = await actor(conn, secret)
    assert found.name == "person:ada"
    assert found.scopes == scopes_of_roles(["operator"])
    assert found.may(Scope.INCIDENTS_WRITE)
    assert not found.may(Scope.TOKENS_WRITE)


def test_each_role_may_what_the_one_before_it_may():
    viewer, operator, investigator = (
        scopes_of_roles([role]) for role in ("viewer", "operator", "investigator")
    )
    assert viewer < operator < investigator
    assert Scope.ASK_CONTENT in investigator - operator
    assert scopes_of_roles(["admin"]) == {Scope.ADMIN}
    assert scopes_of_roles(["of a later version"]) == frozenset()


async def test_the_secret_is_kept_nowhere(conn):
    secret = await begin(conn, await person(conn))
    rows = await (await conn.execute("SELECT s::text FROM access.session AS s")).fetchall()
    assert secret not in str(rows)


async def test_a_secret_nobody_has_is_nobodys(conn):
    for secret in ("vds_" + "x" * 43, "vds_", "", "vdt_" + "x" * 43, "\0"):
        assert await actor(conn, secret) is None


async def test_a_session_nobody_uses_ends_and_one_in_use_goes_on_until_its_end(conn):
    secret = await begin(conn, await person(conn))
    idle = await begin(conn, await person(conn))
    now = NOON
    while now < NOON + sessions.LASTS:
        assert await actor(conn, secret, now) is not None
        now += timedelta(hours=11)
    assert await actor(conn, secret, NOON + sessions.LASTS) is None
    assert await actor(conn, idle, NOON + sessions.IDLE) is None


async def test_other_roles_end_every_session_of_the_person(conn):
    ada, bob = await person(conn), await person(conn, "u-2", "bob")
    of_ada, of_bob = await begin(conn, ada), await begin(conn, bob)
    await person(conn)
    assert await actor(conn, of_ada) is not None
    await person(conn, roles=(Role.VIEWER,))
    assert await actor(conn, of_ada) is None
    assert await actor(conn, of_bob) is not None


async def test_other_rules_end_the_sessions_they_did_not_give(conn):
    ada = await person(conn)
    old, new, local = [await begin(conn, ada, rules=rules) for rules in ("old", "new", "")]
    assert await sessions.end_sessions_of_other_rules(conn, "new") == 1
    assert [await actor(conn, each) is not None for each in (old, new, local)] == [
        False,
        True,
        True,
    ]


async def test_one_ends_ones_own_sessions_and_nobody_elses(conn):
    ada, bob = await person(conn), await person(conn, "u-2", "bob")
    mine, other, strange = await begin(conn, ada), await begin(conn, ada), await begin(conn, bob)
    this = await session_of(conn, mine, pepper=PEPPER, now=NOON)
    bobs = await session_of(conn, strange, pepper=PEPPER, now=NOON)
    with pytest.raises(Missing):
        await sessions.end_session(conn, this, bobs.id)
    assert len(await sessions_of(conn, ada.id, now=NOON)) == 2
    assert await sessions.end_other_sessions(conn, this) == 1
    assert await actor(conn, other) is None
    assert await actor(conn, mine) is not None
    assert await actor(conn, strange) is not None


async def test_people_are_told_apart_by_subject_and_never_by_name(conn):
    ada = await person(conn)
    again = await person(conn, name="renamed")
    other = await person(conn, "u-9", "ada")
    assert again.id == ada.id
    assert other.id != ada.id
    assert (ada.name, again.name) == ("ada", "ada")
    assert other.name.startswith("ada ")


async def test_whoever_has_no_role_does_not_become_a_person(conn):
    with pytest.raises(Denied, match="no role here"):
        await person(conn, roles=())
    assert await (await conn.execute("SELECT count(*) FROM access.person")).fetchone() == (0,)


async def test_what_is_over_is_swept_away(conn):
    ada = await person(conn)
    secret = await begin(conn, ada)
    session = await session_of(conn, secret, pepper=PEPPER, now=NOON)
    await hand_over(conn, session, challenge_of(VERIFIER), pepper=PEPPER, now=NOON)
    await sessions.run_once(conn, now=NOON)
    assert await actor(conn, secret) is not None
    await sessions.run_once(conn, now=NOON + timedelta(days=2))
    for table in ("session", "handover"):
        rows = await conn.execute(f"SELECT count(*) FROM access.{table}")
        assert await rows.fetchone() == (0,)


async def handed(conn):
    session = await session_of(conn, await begin(conn, await person(conn)), pepper=PEPPER, now=NOON)
    return await hand_over(conn, session, challenge_of(VERIFIER), pepper=PEPPER, now=NOON)


async def test_a_command_line_takes_over_once(conn):
    code = await handed(conn)
    got = await take_over(conn, code, VERIFIER, pepper=PEPPER, now=NOON)
    assert got.name == "person:ada"
    assert (await actor(conn, got.secret)).name == "person:ada"
    with pytest.raises(Denied):
        await take_over(conn, code, VERIFIER, pepper=PEPPER, now=NOON)


async def test_a_stolen_code_is_of_no_use_and_gone(conn):
    code = await handed(conn)
    with pytest.raises(Denied):
        await take_over(conn, code, "w" * 43, pepper=PEPPER, now=NOON)
    with pytest.raises(Denied):
        await take_over(conn, code, VERIFIER, pepper=PEPPER, now=NOON)


@pytest.mark.parametrize(("code", "verifier"), [("x" * 999, VERIFIER), ("é", VERIFIER), ("", "")])
async def test_what_is_no_code_is_refused(conn, code, verifier):
    with pytest.raises(Denied):
        await take_over(conn, code, verifier, pepper=PEPPER, now=NOON)


async def test_a_code_is_good_for_two_minutes_and_as_long_as_the_roles(conn):
    code = await handed(conn)
    with pytest.raises(Denied):
        await take_over(conn, code, VERIFIER, pepper=PEPPER, now=NOON + timedelta(minutes=2))
    code = await handed(conn)
    await person(conn, roles=(Role.VIEWER,))
    with pytest.raises(Denied):
        await take_over(conn, code, VERIFIER, pepper=PEPPER, now=NOON)
