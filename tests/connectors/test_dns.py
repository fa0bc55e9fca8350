"""DNS servers that answer, refuse, lie, cut, and are not there."""

import os

import dns.flags
import dns.message
import pytest
from tests.connectors.looks import Allowing, free_port, look_at, names, value, verdict
from tests.fakes.dns_server import dns_server, zone

from vedette.agent.connector import RefusedByHost
from vedette.errors import Invalid

TWO = zone("shop.example. 60 IN A 10.0.0.2", "shop.example. 30 IN A 10.0.0.1")


async def asked(answer, *, timeout_s=5.0, **settings):
    async with dns_server(answer) as server:
        given = {"name": "shop.example", "server": "127.0.0.1", "port": server.port, **settings}
        return await look_at("dns", timeout_s=timeout_s, **given), server


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_an_answer_is_up_with_records_time_and_flags(transport):
    report, server = await asked(TWO, transport=transport)
    assert verdict(report) == ("up", "")
    assert value(report, "records") == 2
    assert value(report, "ttl_s") == 30
    assert value(report, "query_s") == pytest.approx(report.rtt.total_seconds(), abs=1e-6)
    assert value(report, "answer_bytes") > 40
    assert report.facts["records"] == "10.0.0.1, 10.0.0.2"
    assert report.facts["rcode"] == "NOERROR"
    assert report.facts["server"] == f"127.0.0.1:{server.port} ({transport})"
    assert report.facts["authenticated"] == "no"
    ((query, used),) = server.asked
    assert used == transport
    assert query.flags & dns.flags.RD


async def test_a_cut_answer_is_asked_for_again_over_tcp():
    def answer(query, transport):
        if transport == "tcp":
            return TWO(query, transport)
        cut = dns.message.make_response(query)
        cut.flags |= dns.flags.TC
        return cut.to_wire()

    report, server = await asked(answer)
    assert verdict(report) == ("up", "")
    assert [used for _, used in server.asked] == ["udp", "tcp"]


@pytest.mark.parametrize("rcode", ["NXDOMAIN", "SERVFAIL", "REFUSED"])
async def test_another_code_than_expected_is_down(rcode):
    report, _ = await asked(zone(rcode=rcode))
    assert verdict(report) == ("down", "rcode")
    assert report.message == f"it answers {rcode}, not NOERROR"
    report, _ = await asked(zone(rcode=rcode), rcode=rcode.lower())
    assert verdict(report) == ("up", "")


async def test_records_must_match():
    report, _ = await asked(TWO, expect=["10.0.0.1"])
    assert verdict(report) == ("up", "")
    report, _ = await asked(TWO, expect=["10.0.0.1", "10.0.0.9"])
    assert verdict(report) == ("down", "bad_content")
    assert report.message == "the answer does not hold 10.0.0.9"
    report, _ = await asked(TWO, expect=["10.0.0.1"], only=True)
    assert report.message == "the answer holds 10.0.0.2 besides"
    report, _ = await asked(zone())
    assert report.message == "it has no record of type A"


async def test_records_that_mean_the_same_are_the_same():
    mail = zone("shop.example. 60 IN MX 10 MAIL.shop.example.")
    report, _ = await asked(mail, type="MX", expect=["10  mail.shop.example"])
    assert verdict(report) == ("up", "")
    six = zone("shop.example. 60 IN AAAA 2001:db8::1")
    report, _ = await asked(six, type="AAAA", expect=["2001:DB8:0::1"])
    assert verdict(report) == ("up", "")
    text = zone('shop.example. 60 IN TXT "v=spf1 -all"')
    report, _ = await asked(text, type="TXT", expect=["v=spf1 -all"])
    assert verdict(report) == ("up", "")


async def test_verified_answers_are_told_from_others():
    report, server = await asked(
        zone("shop.example. 60 IN A 10.0.0.1", flags=dns.flags.AD), authenticated=True, dnssec=True
    )
    assert verdict(report) == ("up", "")
    assert report.facts["authenticated"] == "yes"
    assert server.asked[0][0].ednsflags & dns.flags.DO
    report, _ = await asked(TWO, authenticated=True)
    assert verdict(report) == ("degraded", "untrusted")


async def test_a_limit_past_is_degraded_with_the_reason():
    report, _ = await asked(TWO, thresholds={"records": 1})
    assert verdict(report) == ("degraded", "threshold")
    assert report.message == "records is 2, above 1"


async def test_a_stopped_server_is_down():
    for transport in ("udp", "tcp"):
        report = await look_at(
            "dns", name="a.example", server="127.0.0.1", port=free_port(), transport=transport
        )
        assert verdict(report) == ("down", "refused")


async def test_silence_is_a_timeout():
    report, _ = await asked(lambda *_: None, timeout_s=0.3)
    assert verdict(report) == ("down", "timeout")


@pytest.mark.parametrize(
    "noise", [b"", b"\0", b"\xff" * 600, b"\0\0" + b"\xc0\x0c" * 300, os.urandom(500)]
)
async def test_noise_is_no_answer(noise):
    report, _ = await asked(lambda *_: [noise] * 3, timeout_s=0.3)
    assert verdict(report) == ("down", "timeout")
    report, _ = await asked(lambda *_: noise, transport="tcp")
    assert verdict(report) == ("down", "protocol")


async def test_an_answer_with_another_number_is_not_ours():
    def forged(query, transport):
        other = dns.message.from_wire(zone("shop.example. 60 IN A 6.6.6.6")(query, transport))
        other.id = (query.id + 1) % 65_536
        return [other.to_wire(), TWO(query, transport)]

    report, _ = await asked(forged)
    assert report.facts["records"] == "10.0.0.1, 10.0.0.2"


async def test_a_pointer_loop_and_a_flood_of_records_are_clean_reports():
    def loop(query, _transport):
        wire = dns.message.make_response(query).to_wire()
        return wire[:6] + b"\0\1" + wire[8:12] + b"\xc0\x0c" * 40

    report, _ = await asked(loop, timeout_s=0.3)
    assert verdict(report) == ("down", "timeout")
    flood = zone(*(f"shop.example. 60 IN A 10.0.{n // 250}.{n % 250}" for n in range(2000)))
    report, _ = await asked(flood, transport="tcp")
    assert verdict(report) == ("up", "")
    assert value(report, "records") == 200
    assert len(report.facts["records"]) < 1000


async def test_it_asks_only_whom_the_host_allows():
    async def refusing(host, port):
        raise RefusedByHost(f"{host}:{port}")

    with pytest.raises(RefusedByHost, match=r"192\.0\.2\.1:53"):
        await look_at("dns", name="a.example", server="192.0.2.1", reach=refusing)


async def test_without_a_server_the_hosts_own_is_asked(tmp_path, monkeypatch):
    file = tmp_path / "resolv.conf"
    monkeypatch.setattr("vedette.agent.connectors.dns._RESOLVERS", file)
    report = await look_at("dns", name="a.example")
    assert verdict(report) == ("unknown", "dns")
    file.write_text("# ours\nsearch shop.example\nnameserver 127.0.0.1\nnameserver 127.0.0.2\n")
    reach, port = Allowing(), free_port()
    report = await look_at("dns", name="a.example", port=port, reach=reach)
    assert reach.asked == [("127.0.0.1", port)]
    assert verdict(report) == ("down", "refused")
    assert names(report) == set()


@pytest.mark.parametrize(
    "settings",
    [{"name": "a..b"}, {"name": "a" * 64}, {"name": "a", "type": "NOPE"},
     {"name": "a", "transport": "doh"}],
)  # fmt: skip
def test_what_cannot_be_asked_is_invalid(settings):
    from vedette.agent.connectors.dns import Dns

    with pytest.raises(Invalid):
        Dns(settings)
