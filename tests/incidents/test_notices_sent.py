"""Notices go out by mail through a real mail server: in order, none lost, nothing old, each again until taken."""

import ssl
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.factories import at, make_component
from tests.incidents.notices_world import Box, mail_server, plain, signs_in

from vedette.app.mail import Mail
from vedette.db.locks import alone
from vedette.db.pool import connect
from vedette.errors import Unavailable
from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.notice_rules import LONGEST_WAIT, wait_after
from vedette.incidents.notices import latest, recipients
from vedette.incidents.notices_sent import send_notices
from vedette.incidents.open import open_incident
from vedette.incidents.publish import publish_incident
from vedette.incidents.smtp import MailServer, Refused, Security
from vedette.incidents.update import note, update_incident
from vedette.trust.authority import Authority
from vedette.web.feeds.letters import House

NOW = at("12:00")
BY = {"by": "person:ada"}
HOUSE = House(title="Shop status", url="https://status.example.org", sender="status@example.org")
ADA, BOB = "ada@example.org", "bob@example.org"


@pytest.fixture
def box():
    return Box()


@pytest.fixture
async def port(box):
    async with mail_server(box) as port:
        yield port


def later(minutes):
    return NOW + timedelta(minutes=minutes)


async def tell(conn, *, now=NOW, text="We look.", **given):
    component = await make_component(conn, f"Orders {now:%H%M%S}")
    draft = {
        "kind": Kind.INCIDENT,
        "title": "Orders are slow",
        "impact": Impact.MAJOR,
        "status": Status.ANALYZING,
        "starts_at": now,
        "published_at": now,
        "components": [component],
    }
    return await open_incident(conn, Draft(**(draft | given)), now=now, text=text, **BY)


def mail(port, *to):
    return Mail(HOUSE, plain(port), to or (ADA,))


async def test_an_incident_is_told_from_its_first_word_to_its_last(conn, box, port):
    post = mail(port)
    assert await post.run_once(conn, now=NOW) == 0
    number = await tell(conn)
    await update_incident(conn, number, status=Status.FIXING, text="A disk.", now=later(5), **BY)
    await close_incident(conn, number, text="It **works**.", now=later(9), **BY)
    assert await post.run_once(conn, now=later(10)) == 3
    assert box.subjects == [
        "[Shop status] Major incident: Orders are slow",
        "[Shop status] Fixing: Orders are slow",
        "[Shop status] Resolved: Orders are slow",
    ]
    first, second, third = (message for _, message in box.taken)
    assert [to for to, _ in box.taken] == [[ADA]] * 3
    assert second["In-Reply-To"] == third["References"] == first["Message-ID"]
    assert len({message["Message-ID"] for message in (first, second, third)}) == 3
    assert first["From"] == "Shop status <status@example.org>"
    assert first["List-Id"] == "<incidents.status.example.org>"
    assert first["Auto-Submitted"] == "auto-generated"
    plain_part, html_part = third.iter_parts()
    assert "It **works**." in plain_part.get_content()
    assert "Affected: Orders 120000 in EU-DE" in plain_part.get_content()
    assert f"https://status.example.org/incidents/{number}" in plain_part.get_content()
    assert "<strong>works</strong>" in html_part.get_content()
    assert await post.run_once(conn, now=later(11)) == 0


async def test_who_is_named_first_is_told_nothing_old(conn, box, port):
    await tell(conn)
    await mail(port).run_once(conn, now=later(1))
    number = await tell(conn, now=later(2), title="New")
    await mail(port, ADA, BOB).run_once(conn, now=later(3))
    assert box.subjects == ["[Shop status] Major incident: New"]
    await close_incident(conn, number, now=later(4), **BY)
    await mail(port, ADA, BOB).run_once(conn, now=later(5))
    assert sorted(to for (to,), _ in box.taken) == [ADA, ADA, BOB]


async def test_a_draft_is_told_once_it_is_public_and_a_private_component_never(conn, box, port):
    post = mail(port)
    await post.run_once(conn, now=NOW)
    number = await tell(conn, published_at=None, text="Found by ada.")
    hidden = await make_component(conn, "Vault")
    await conn.execute(
        'UPDATE fleet.component SET attributes = \'{"public": "false"}\' WHERE id = %s', [hidden]
    )
    await tell(conn, components=[hidden], now=later(1))
    assert await post.run_once(conn, now=later(2)) == 0
    await publish_incident(conn, number, now=later(3), **BY)
    assert await post.run_once(conn, now=later(4)) == 1
    (_, message) = box.taken[0]
    assert "Found by ada." in message.get_body(("plain",)).get_content()
    assert "Vault" not in str(box.raw)


async def test_what_is_said_inside_is_told_to_nobody(conn, box, port):
    post = mail(port)
    await post.run_once(conn, now=NOW)
    number = await tell(conn)
    await note(conn, number, text="It was Bob.", now=later(1), **BY)
    assert await post.run_once(conn, now=later(2)) == 1
    assert b"Bob" not in b"".join(box.raw)


async def test_a_server_that_is_away_gets_everything_later_and_in_order(conn, box):
    away = Mail(HOUSE, plain(1), (ADA,))
    await away.run_once(conn, now=NOW)
    number = await tell(conn)
    await close_incident(conn, number, now=later(1), **BY)
    assert await away.run_once(conn, now=later(2)) == 0
    (ada,) = await recipients(conn)
    assert (ada.attempts, ada.waiting, ada.sent) == (1, 2, 0)
    assert "takes no mail" in ada.last_error
    async with mail_server(box) as port:
        assert await mail(port).run_once(conn, now=later(2)) == 0, "not before its time"
        assert await mail(port).run_once(conn, now=ada.next_at) == 2
    assert box.subjects[1] == "[Shop status] Resolved: Orders are slow"
    (ada,) = await recipients(conn)
    assert (ada.attempts, ada.waiting, ada.sent, ada.last_error) == (0, 0, 2, "")


@pytest.mark.parametrize("word", ["450 later", "451 try again"])
async def test_an_address_that_is_full_does_not_hold_up_the_others(conn, box, port, word):
    post = mail(port, ADA, BOB)
    await post.run_once(conn, now=NOW)
    await tell(conn)
    box.refuse[ADA] = word
    sent = await post.run_once(conn, now=later(1)) + await post.run_once(conn, now=later(1))
    assert (sent, [to for to, _ in box.taken]) == (1, [[BOB]])
    box.refuse.clear()
    assert await post.run_once(conn, now=later(2)) == 1


async def test_what_is_refused_for_good_is_let_go_and_the_next_is_tried(conn, box, port):
    post = mail(port)
    await post.run_once(conn, now=NOW)
    number = await tell(conn)
    box.refuse[ADA] = "550 no such user"
    assert await post.run_once(conn, now=later(1)) == 0
    (ada,) = await recipients(conn)
    assert (ada.waiting, ada.attempts) == (0, 0)
    assert ada.last_error.startswith("the mail server says: 550 no such")
    box.refuse.clear()
    await close_incident(conn, number, now=later(2), **BY)
    assert await post.run_once(conn, now=later(3)) == 1


async def test_nobody_hears_of_what_is_long_past(conn, box, port):
    post = mail(port)
    await post.run_once(conn, now=NOW)
    await tell(conn)
    assert await post.run_once(conn, now=NOW + timedelta(days=5)) == 0
    assert [each.waiting for each in await recipients(conn)] == [0]


async def test_two_servers_send_each_notice_once(fresh_app_url, box, port):
    post = mail(port)
    async with (
        await connect(fresh_app_url) as one,
        await connect(fresh_app_url) as other,
    ):
        await post.run_once(one, now=NOW)
        await tell(one)
        async with one.transaction():
            assert await alone(one, "notices")
            assert await post.run_once(other, now=later(1)) == 0
        assert await post.run_once(other, now=later(1)) == 1
        assert await post.run_once(one, now=later(1)) == 0
    assert len(box.taken) == 1


async def test_without_recipients_nothing_is_kept_and_nothing_waits(conn, port):
    await Mail(HOUSE, None, ()).run_once(conn, now=NOW)
    await tell(conn)
    await mail(port).run_once(conn, now=later(1))
    assert [each.waiting for each in await recipients(conn)] == [0]
    ((told, waiting),) = await latest(conn, limit=5)
    assert (told.title, waiting) == ("Orders are slow", 0)


def test_one_waits_longer_each_time():
    waits = [wait_after(attempts).total_seconds() for attempts in (1, 2, 3, 20, 10_000)]
    assert waits == [10, 20, 40, LONGEST_WAIT.total_seconds(), LONGEST_WAIT.total_seconds()]


async def sent(server, box):
    from email.message import EmailMessage

    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.org", ADA, "x"
    message.set_content("y")
    await server.send(message, ADA)
    return box.subjects


async def test_a_server_without_tls_gets_nothing_unless_one_says_so(box, port):
    server = MailServer(host="127.0.0.1", port=port)
    with pytest.raises(Unavailable, match="STARTTLS"):
        await sent(server, box)
    with pytest.raises(Unavailable):
        await sent(MailServer(host="127.0.0.1", port=port, security=Security.TLS), box)
    assert box.taken == []


@pytest.mark.parametrize("is_trusted", [True, False])
async def test_with_tls_the_name_of_the_server_is_checked(box, tmp_path, monkeypatch, is_trusted):
    authority = Authority.make()
    chain, key = authority.issue_server(["localhost"] if is_trusted else ["mx.example.org"])
    for name, pem in (("chain", chain), ("key", key), ("authority", authority.pem)):
        (tmp_path / name).write_bytes(pem)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(tmp_path / "chain", tmp_path / "key")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority"))
    options = {"authenticator": signs_in, "require_starttls": True, "auth_required": True}
    async with mail_server(box, tls=own, **options) as port:
        server = MailServer(host="localhost", port=port, user="ada", password="secret")
        if is_trusted:
            assert await sent(server, box) == ["x"]
            assert "secret" not in repr(server)
            for other in (replace(server, password="wrong"), replace(server, user="")):
                with pytest.raises(Unavailable, match="the mail server says: 5"):
                    await sent(other, box)
        else:
            with pytest.raises(Unavailable, match="certificate"):
                await sent(server, box)
            assert box.taken == []


async def test_a_message_that_is_refused_whole_is_refused(box, port):
    box.answer = "554 spam"
    with pytest.raises(Refused, match="554 spam"):
        await sent(plain(port), box)
    box.answer = "452 full"
    with pytest.raises(Unavailable, match="452 full"):
        await sent(plain(port), box)


async def test_whoever_takes_nothing_holds_up_nobody_else(conn):
    told = []

    async def send(_, address):
        if address != BOB:
            raise Unavailable("it does not answer")
        told.append(address)

    everybody = [*(f"a{n}@example.org" for n in range(5)), BOB]
    await send_notices(conn, to=everybody, send=send, now=NOW)
    await tell(conn, now=later(1))
    for second in range(6):
        await send_notices(conn, to=everybody, send=send, now=later(1) + timedelta(seconds=second))
    assert told == [BOB]
    await tell(conn, now=later(2))
    await send_notices(conn, to=everybody, send=send, now=later(2))
    assert told == [BOB, BOB]
