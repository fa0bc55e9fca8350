"""URLs that answer as they should, and the ways in which they do not."""

import base64
import gzip

import pytest
from tests.connectors.looks import Allowing, a_look, entities, look_at, make, names, value, verdict
from tests.fakes.http_server import Reply, http_server

from vedette.agent.connector import RefusedByHost
from vedette.errors import Invalid
from vedette.health.model import State

UP = Reply(body=b'{"status": "UP"}')


async def look(reply, **settings):
    async with http_server(reply) as server:
        return await look_at("http", url=f"{server.url}/health?deep=1", **settings)


async def test_an_answer_is_up_and_every_phase_is_timed():
    report = await look(UP)
    assert verdict(report) == ("up", "")
    phases = {"resolve_s", "connect_s", "first_byte_s", "transfer_s"}
    assert phases | {"total_s"} <= names(report)
    assert sum(value(report, phase) for phase in phases) <= value(report, "total_s")
    assert value(report, "status") == 200
    assert value(report, "body_bytes") == 16


@pytest.mark.parametrize("status, state", [(200, "up"), (399, "up"), (404, "down"), (500, "down")])
async def test_usually_all_below_400_is_well(status, state):
    report = await look(Reply(status))
    assert report.state.word == state
    assert report.error_class == ("" if state == "up" else "bad_status")


@pytest.mark.parametrize("wanted", [[404], ["400-410"], ["4xx"], "404", [200, "404"]])
async def test_statuses_may_be_named(wanted):
    assert verdict(await look(Reply(404), status=wanted)) == ("up", "")
    assert verdict(await look(Reply(503), status=wanted)) == ("down", "bad_status")


@pytest.mark.parametrize(
    "settings, seen",
    [
        ({"contains": "UP"}, ("up", "")),
        ({"contains": "GREEN"}, ("down", "bad_content")),
        ({"matches": r'"status": "[A-Z]+"'}, ("up", "")),
        ({"matches": r"^DOWN$"}, ("down", "bad_content")),
        ({"conditions": ["[BODY].status == UP"]}, ("up", "")),
        ({"conditions": ["[BODY].status == DOWN"]}, ("down", "bad_content")),
        ({"conditions": ["[STATUS] == 204"]}, ("down", "bad_status")),
        ({"conditions": ["[RESPONSE_TIME] < 0"]}, ("degraded", "slow")),
        ({"conditions": ["[RESPONSE_TIME] < 0", "[STATUS] == 204"]}, ("down", "bad_status")),
        ({"thresholds": {"total_s": 0.0001}}, ("degraded", "threshold")),
        ({"thresholds": {"total_s": 5}}, ("up", "")),
    ],
)
async def test_what_is_expected_decides(settings, seen):
    reply = Reply(body=UP.body, delay_s=0.01)
    assert verdict(await look(reply, **settings)) == seen


async def test_a_condition_on_the_status_replaces_the_usual_range():
    assert verdict(await look(Reply(404), conditions=["[STATUS] == 404"])) == ("up", "")


async def test_headers_and_credentials_are_sent():
    async with http_server(UP) as server:
        await look_at("http", url=server.url, headers={"X-Shop": "eu"}, user="ann", password="pär")
        await look_at("http", url=server.url, bearer_token="tok")
    basic, bearer = server.asked
    assert basic.headers["x-shop"] == "eu"
    sent = base64.b64decode(basic.headers["authorization"].removeprefix("Basic ")).decode()
    assert sent == "ann:pär"
    assert bearer.headers["authorization"] == "Bearer tok"


async def test_secrets_come_from_the_look():
    async with http_server(UP) as server:
        connector = make("http", url=server.url, user="ann", password="old")
        await connector.probe(a_look({"url": server.url, "user": "ann", "password": "new"}))
    sent = server.asked[0].headers["authorization"].removeprefix("Basic ")
    assert base64.b64decode(sent) == b"ann:new"


async def test_head_asks_for_no_body():
    async with http_server(UP) as server:
        report = await look_at("http", url=server.url, method="HEAD")
    assert verdict(report) == ("up", "")
    assert server.asked[0].method == "HEAD"


async def test_redirects_are_followed_and_counted():
    def reply(asked):
        return UP if asked.path == "/new" else Reply(302, headers={"Location": "/new"})

    report = await look(reply)
    assert verdict(report) == ("up", "")
    assert value(report, "redirects") == 1


async def test_a_redirect_one_asked_for_is_the_answer():
    reply = Reply(301, headers={"Location": "http://elsewhere.invalid/"})
    assert verdict(await look(reply, status=[301])) == ("up", "")
    assert verdict(await look(reply, conditions=["[STATUS] == 301"])) == ("up", "")
    assert verdict(await look(reply, redirects=0)) == ("up", "")


@pytest.mark.parametrize("where", ["/again", "ftp://shop.example/", "http://[::", "http://a:b@c/"])
async def test_redirects_end(where):
    report = await look(Reply(302, headers={"Location": where}), redirects=3)
    assert verdict(report) == ("down", "redirect")


async def test_each_redirect_is_asked_of_the_host_again():
    class Owner(Allowing):
        async def __call__(self, host, port):
            if host == "169.254.169.254":
                raise RefusedByHost("not there")
            return await super().__call__(host, port)

    reply = Reply(302, headers={"Location": "http://169.254.169.254/latest/meta-data"})
    with pytest.raises(RefusedByHost):
        await look(reply, reach=Owner())


async def test_credentials_stay_where_they_belong():
    async with http_server(UP) as other:
        reply = Reply(302, headers={"Location": f"{other.url}/"})
        await look(reply, bearer_token="tok", headers={"Cookie": "c=1"})
    assert "authorization" not in other.asked[0].headers
    assert "cookie" not in other.asked[0].headers


async def test_a_long_body_is_an_error_only_when_it_is_judged_or_limited():
    long = Reply(body=b"x" * 2_000_000)
    assert verdict(await look(long)) == ("up", "")
    assert verdict(await look(long, contains="y")) == ("down", "too_large")
    assert verdict(await look(long, body_max_bytes=1000)) == ("down", "too_large")
    assert verdict(await look(long, body_max_bytes=2_000_000)) == ("up", "")


async def test_a_compressed_body_is_unfolded_within_the_limit():
    bomb = gzip.compress(b"0" * 50_000_000)
    headers = {"Content-Encoding": "gzip"}
    small = Reply(body=gzip.compress(b"all UP"), headers=headers)
    assert verdict(await look(small, contains="all UP")) == ("up", "")
    report = await look(Reply(body=bomb, headers=headers), contains="1")
    assert verdict(report) == ("down", "too_large")
    broken = Reply(body=b"not gzip", headers=headers)
    assert verdict(await look(broken, contains="1")) == ("down", "protocol")


async def test_a_chunked_body_is_read():
    report = await look(Reply(body=b"all UP", chunked=True), contains="all UP")
    assert verdict(report) == ("up", "")


@pytest.mark.parametrize(
    "reply, error_class",
    [
        (Reply(body=b"x" * 100, cut=50), "closed"),
        (Reply(raw=b""), "closed"),
        (Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "protocol"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000), "protocol"),
        (Reply(raw=b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n"), "protocol"),
    ],
)
async def test_what_is_no_whole_http_is_down(reply, error_class):
    assert verdict(await look(reply)) == ("down", error_class)


async def test_a_slow_server_is_a_timeout():
    assert verdict(await look(Reply(hang=True), timeout_s=0.3)) == ("down", "timeout")


async def test_tls_is_verified_timed_and_its_end_told(authority):
    here = Allowing(**{"shop.example": "127.0.0.1"})
    async with http_server(UP, tls=authority.server("shop.example", days=(-1, 30))) as server:
        url = f"https://shop.example:{server.port}/"
        trusted = {"url": url, "reach": here, "ca_file": str(authority.ca_file)}
        report = await look_at("http", **trusted, conditions=["[CERTIFICATE_EXPIRATION] > 48h"])
        soon = await look_at("http", **trusted, conditions=["[CERTIFICATE_EXPIRATION] > 60d"])
        distrusted = await look_at("http", url=url, reach=here)
        careless = await look_at("http", url=url, reach=here, insecure=True)
    assert verdict(report) == ("up", "")
    assert value(report, "certificate_days_left") == pytest.approx(30, abs=0.01)
    assert value(report, "tls_s") > 0
    assert verdict(soon) == ("degraded", "expiring")
    assert verdict(distrusted) == ("down", "untrusted")
    assert verdict(careless) == ("up", "")


async def test_https_never_redirects_to_http(authority):
    here = Allowing(**{"shop.example": "127.0.0.1"})
    reply = Reply(302, headers={"Location": "http://shop.example/"})
    async with http_server(reply, tls=authority.server("shop.example")) as server:
        url = f"https://shop.example:{server.port}/"
        report = await look_at("http", url=url, reach=here, ca_file=str(authority.ca_file))
    assert verdict(report) == ("down", "redirect")


async def test_of_several_urls_one_that_fails_degrades_and_all_that_fail_are_down():
    async with http_server(UP) as well, http_server(Reply(500)) as ill:
        both = await look_at("http", urls=[well.url, ill.url])
        none = await look_at("http", urls=[f"{ill.url}/a", f"{ill.url}/b"])
    assert verdict(both) == ("degraded", "bad_status")
    assert entities(both) == {f"url:{well.url}/", f"url:{ill.url}/"}
    assert value(both, "state", f"url:{ill.url}/") == State.DOWN
    assert verdict(none) == ("down", "bad_status")


async def test_a_token_in_a_query_is_in_no_name():
    async with http_server(UP) as server:
        urls = [f"{server.url}/?token=hunter2", f"{server.url}/?token=hunter3"]
        report = await look_at("http", urls=urls)
    assert entities(report) == {f"url:{server.url}/#1", f"url:{server.url}/#2"}
    assert "hunter" not in repr(report)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"url": "ftp://shop.example"},
        {"url": "http://ann:secret@shop.example/"},
        {"url": "http://shop.example:99999/"},
        {"url": "http://shop.example/a b\r\nX: y"},
        {"url": "http://shop.example", "method": "DELETE"},
        {"url": "http://shop.example", "status": [99]},
        {"url": "http://shop.example", "status": ["well"]},
        {"url": "http://shop.example", "conditions": ["status is fine"]},
        {"url": "http://shop.example", "matches": "(a+)+$"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(Invalid) as refused:
        make("http", **settings)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("name", ["Upgrade", "x-http-method-override", "Transfer-Encoding"])
async def test_no_header_makes_another_thing_of_a_look(name):
    async with http_server(lambda _: Reply(200, b"ok")) as server:
        with pytest.raises(Invalid, match="a look only reads"):
            await look_at("http", url=server.url, headers={name: "websocket"})
    assert server.asked == []
