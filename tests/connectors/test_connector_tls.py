"""Certificates that are well, end soon, have ended, begin later, are others' or nobody's."""

import asyncio
from contextlib import asynccontextmanager, suppress

import pytest
from tests.connectors.looks import Allowing, look_at, value, verdict

HERE = Allowing(**{"shop.example": "127.0.0.1", "other.example": "127.0.0.1"})


@asynccontextmanager
async def shaking_hands(context):
    async def idle(reader, writer):
        with suppress(OSError):
            await reader.read()
        writer.close()

    server = await asyncio.start_server(idle, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def look(authority, *names, days=(-1, 90), host="shop.example", trust=True, **settings):
    async with shaking_hands(authority.server(*names, days=days)) as port:
        if trust:
            settings["ca_file"] = str(authority.ca_file)
        return await look_at("tls", reach=HERE, host=host, port=port, **settings)


async def test_a_good_certificate_is_up_and_told_whole(authority):
    report = await look(authority, "shop.example", "www.shop.example")
    assert verdict(report) == ("up", "")
    assert value(report, "days_left") == pytest.approx(90, abs=0.01)
    assert value(report, "chain_length") == 2
    assert report.facts["names"] == "shop.example, www.shop.example"
    assert report.facts["issuer"] == "CN=Shop test CA"
    assert report.facts["protocol"] == "TLSv1.3"


@pytest.mark.parametrize(
    "days, state, error_class",
    [
        ((-1, 15), "up", ""),
        ((-1, 13), "degraded", "expiring"),
        ((-1, 6), "degraded", "expiring"),
        ((-30, -1), "down", "expired"),
        ((1, 30), "down", "not_yet_valid"),
    ],
)
async def test_a_certificate_has_its_time(authority, days, state, error_class):
    report = await look(authority, "shop.example", days=days)
    assert verdict(report) == (state, error_class)
    assert value(report, "days_left") == pytest.approx(days[1], abs=0.01)


async def test_the_last_week_is_said_to_be_critical(authority):
    assert "critical" in (await look(authority, "shop.example", days=(-1, 6))).message
    assert "critical" not in (await look(authority, "shop.example", days=(-1, 13))).message


async def test_both_limits_may_be_moved(authority):
    report = await look(authority, "shop.example", days=(-1, 13), warn_within="5d")
    assert verdict(report) == ("up", "")


async def test_another_name_is_a_mismatch_and_still_read(authority):
    report = await look(authority, "shop.example", host="other.example")
    assert verdict(report) == ("down", "name_mismatch")
    assert report.facts["names"] == "shop.example"


async def test_the_name_to_verify_may_be_given(authority):
    report = await look(authority, "shop.example", host="other.example", server_name="shop.example")
    assert verdict(report) == ("up", "")


async def test_an_authority_nobody_trusts_is_untrusted_and_still_read(authority):
    report = await look(authority, "shop.example", trust=False)
    assert verdict(report) == ("down", "untrusted")
    assert value(report, "days_left") == pytest.approx(90, abs=0.01)


async def test_a_certificate_for_an_address_fits_the_address(authority):
    report = await look(authority, "127.0.0.1", host="127.0.0.1")
    assert verdict(report) == ("up", "")


async def test_what_speaks_no_tls_is_a_tls_fault():
    async def babble(reader, writer):
        await reader.read(1)
        writer.write(b"220 hello\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    report = await look_at("tls", host="127.0.0.1", port=port)
    assert verdict(report) == ("down", "tls")
    server.close()


async def test_a_missing_ca_file_is_our_own_fault():
    report = await look_at("tls", host="127.0.0.1", port=1, ca_file="/nowhere/ca.pem")
    assert verdict(report) == ("unknown", "tls")
    assert "/nowhere/ca.pem" in report.message
