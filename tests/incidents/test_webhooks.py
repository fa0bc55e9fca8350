"""Programs and chats are told of incidents over HTTP: signed, in order, each notice until it is taken."""

import asyncio
import hmac
import json
from base64 import b64decode, b64encode
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256

import pytest
from tests.factories import at, make_component

from vedette.app.mail import Mail
from vedette.app.settings_hooks import SECRET_VARIABLE
from vedette.app.settings_notices import NoticesFlags, NoticesSettings, notices_of
from vedette.errors import Invalid, Missing, Unavailable
from vedette.incidents.close import close_incident
from vedette.incidents.model import Draft, Impact, Kind, Status
from vedette.incidents.notices import recipients
from vedette.incidents.open import open_incident
from vedette.incidents.smtp import Refused
from vedette.incidents.webhook import Webhook, signed
from vedette.web.feeds.letters import House

NOW = at("12:00")
HOUSE = House(title="Shop status", url="https://status.example.org")
SECRET = b"s" * 32
TOKEN = "T0KEN"


class Receiver:
    """What came: headers and body of each request; answer: its status line."""

    def __init__(self):
        self.taken = []
        self.answer = "204 No Content"
        self.port = 0

    async def take(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
        self.taken.append((head[0], headers, body))
        writer.write(f"HTTP/1.1 {self.answer}\r\nContent-Length: 0\r\n\r\n".encode())
        writer.close()

    def hook(self, **given):
        return Webhook(url=f"http://127.0.0.1:{self.port}/in/{TOKEN}", **given)

    @property
    def documents(self):
        return [json.loads(body) for _, _, body in self.taken]


@asynccontextmanager
async def listening():
    receiver = Receiver()
    server = await asyncio.start_server(receiver.take, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@pytest.fixture
async def there():
    async with listening() as receiver:
        yield receiver


def later(minutes):
    return NOW + timedelta(minutes=minutes)


def mail(*hooks):
    return Mail(HOUSE, None, (), hooks)


async def tell(conn, *, title="Orders are slow", text="We look.", now=NOW):
    component = await make_component(conn, f"Orders {now:%H%M%S}")
    draft = Draft(
        kind=Kind.INCIDENT, title=title, impact=Impact.MAJOR, status=Status.ANALYZING, starts_at=now, published_at=now,
        components=[component],
    )  # fmt: skip
    return await open_incident(conn, draft, now=now, text=text, by="person:ada")


def test_the_signature_is_the_one_of_standard_webhooks():
    key = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body, identifier = b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek"
    sent_at = NOW.fromtimestamp(1614265330, NOW.tzinfo)
    found = signed(key, identifier, body, now=sent_at)
    assert found["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (found["webhook-id"], found["webhook-timestamp"]) == (identifier, "1614265330")


async def test_a_program_is_told_everything_in_order_and_can_tell_that_it_was_us(conn, there):
    post = mail(there.hook(secret=SECRET))
    assert await post.run_once(conn, now=NOW) == 0
    number = await tell(conn)
    await close_incident(conn, number, text="It **works**.", now=later(9), by="person:ada")
    assert await post.run_once(conn, now=later(10)) == 2
    first, last = there.documents
    assert [first["type"], last["type"]] == ["incident.open", "incident.close"]
    assert first["data"]["subject"] == "[Shop status] Major incident: Orders are slow"
    assert first["data"]["url"] == f"https://status.example.org/incidents/{number}"
    assert first["data"]["incident"]["impact"] == 2
    assert [said["text"] for said in last["data"]["said"]] == ["It **works**."]
    for line, headers, body in there.taken:
        assert line == f"POST /in/{TOKEN} HTTP/1.1"
        signed_text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        own = b64encode(hmac.new(SECRET, signed_text, sha256).digest()).decode().lower()
        assert headers["webhook-signature"] == f"v1,{own}"
        assert int(headers["webhook-timestamp"]) == int(later(10).timestamp())


async def test_a_chat_is_told_in_plain_words_that_name_nobody(conn, there):
    post = mail(there.hook())
    await post.run_once(conn, now=NOW)
    number = await tell(conn, title="<!channel> & co", text="Look, @all: <https://evil.example|us>")
    assert await post.run_once(conn, now=NOW) == 1
    [told] = there.documents
    assert told["text"].splitlines() == [
        "[Shop status] Major incident: &lt;!channel&gt; &amp; co",
        "Look, @\N{ZERO WIDTH SPACE}all: &lt;https://evil.example|us&gt;",
        f"https://status.example.org/incidents/{number}",
    ]
    assert not [name for name in there.taken[0][1] if name.startswith("webhook-")]


async def test_what_is_not_taken_comes_again_later_each_time_and_holds_back_what_follows(
    conn, there
):
    post = mail(there.hook(secret=SECRET))
    await post.run_once(conn, now=NOW)
    number = await tell(conn)
    await close_incident(conn, number, text="Over.", now=later(1), by="person:ada")
    there.answer = "503 Service Unavailable"
    for seconds, tries in ((0, 1), (9, 1), (10, 2), (29, 2), (30, 3)):
        assert await post.run_once(conn, now=later(2) + timedelta(seconds=seconds)) == 0
        assert len(there.taken) == tries
    there.answer = "200 OK"
    assert await post.run_once(conn, now=later(5)) == 2
    identifiers = [headers["webhook-id"] for _, headers, _ in there.taken]
    assert len(set(identifiers[:4])) == 1
    assert identifiers[4] != identifiers[0]


@pytest.mark.parametrize("answer", ["404 Not Found", "429 Too Many Requests", "500 Oh"])
async def test_an_answer_that_may_change_means_later(there, answer):
    there.answer = answer
    with pytest.raises(Unavailable, match=answer[:3]):
        await there.hook().send(1, b"{}", now=NOW)


async def test_one_notice_that_is_never_taken_is_passed_by(conn, there):
    post = mail(there.hook(secret=SECRET))
    await post.run_once(conn, now=NOW)
    await tell(conn)
    there.answer = "422 Unprocessable Entity"
    assert await post.run_once(conn, now=NOW) == 0
    there.answer = "200 OK"
    await tell(conn, title="Another", now=later(1))
    assert await post.run_once(conn, now=later(1)) == 1
    assert there.documents[-1]["data"]["incident"]["title"] == "Another"
    with pytest.raises(Refused):
        there.answer = "410 Gone"
        await there.hook().send(1, b"{}", now=NOW)


async def test_a_redirect_leads_nowhere(there):
    async with listening() as inside:
        there.answer = f"307 Temporary Redirect\r\nLocation: http://127.0.0.1:{inside.port}/admin"
        with pytest.raises(Unavailable, match="307"):
            await there.hook(secret=SECRET).send(1, b"{}", now=NOW)
        assert (len(there.taken), inside.taken) == (1, [])


async def test_an_address_that_is_a_secret_is_told_to_nobody(conn, there):
    hook = there.hook()
    post = mail(hook)
    await post.run_once(conn, now=NOW)
    await tell(conn)
    there.answer = "500 Oh"
    await post.run_once(conn, now=NOW)
    [held] = await recipients(conn)
    assert (held.waiting, held.attempts) == (1, 1)
    assert held.address == hook.name
    assert held.address.startswith("chat 127.0.0.1 ")
    assert TOKEN not in f"{held} {hook!r}"
    with pytest.raises(Unavailable) as away:
        await Webhook(url=f"http://127.0.0.1:1/{TOKEN}").send(1, b"{}", now=NOW)
    assert TOKEN not in str(away.value)


def settings(environ=None, **said):
    return notices_of(NoticesFlags(), NoticesSettings(**said), environ or {})


def test_a_secret_comes_from_a_file_or_the_environment_and_is_long_enough(tmp_path):
    told = {"webhooks": ["https://alerts.example.org/in"]}
    with pytest.raises(Missing, match="no secret"):
        settings(**told)
    with pytest.raises(Invalid, match="24 bytes"):
        settings({SECRET_VARIABLE: "short"}, **told)
    with pytest.raises(Invalid, match="no base64"):
        settings({SECRET_VARIABLE: "whsec_%%%"}, **told)
    (tmp_path / "key").write_text(f"whsec_{b64encode(SECRET).decode()}\n")
    [hook] = settings(webhook_secret_file=str(tmp_path / "key"), **told).hooks
    assert hook.secret == SECRET
    [hook] = settings({SECRET_VARIABLE: "x" * 24}, **told).hooks
    assert hook.secret == b"x" * 24


@pytest.mark.parametrize(
    "url",
    [
        "http://alerts.example.org/in",
        "file:///etc/passwd",
        "https://ada:pw@x.example",
        "alerts",
        "",
    ],
)
def test_only_an_address_under_tls_or_on_this_machine_is_one(url):
    with pytest.raises(Invalid, match="address of a webhook"):
        settings(chats=[url])
