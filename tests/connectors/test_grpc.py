"""gRPC servers with a health service, without one, and what is no gRPC at all."""

import asyncio

import grpc
import pytest
from tests.connectors.looks import Allowing, a_look, free_port, look_at, make, value, verdict
from tests.fakes.grpc_health_server import grpc_health_server
from tests.fakes.http_server import Reply, http_server

SERVING, NOT_SERVING, NOBODY_KNOWS = b"\x08\x01", b"\x08\x02", b"\x08\x00"


async def asked(answer, *, timeout_s=5.0, serves=True, **settings):
    async with grpc_health_server(lambda _: answer, serves=serves) as server:
        report = await look_at(
            "grpc", host="127.0.0.1", port=server.port, timeout_s=timeout_s, **settings
        )
    return report, server


async def test_serving_is_up():
    report, server = await asked(SERVING)
    assert verdict(report) == ("up", "")
    assert report.facts == {"address": "127.0.0.1", "status": "SERVING"}
    assert 0 < value(report, "connect_s") <= value(report, "check_s")
    assert server.asked[0][0] == b""


async def test_a_service_is_asked_for_by_name():
    name = "shop.v1." + "Orders" * 40
    _, server = await asked(SERVING, service=name)
    request = server.asked[0][0]
    assert request[:1] == b"\x0a"
    assert request.endswith(name.encode())
    assert len(request) == 3 + len(name)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (NOT_SERVING, ("down", "unhealthy")),
        (NOBODY_KNOWS, ("unknown", "unhealthy")),
        (b"", ("unknown", "unhealthy")),
        (b"\x08\x03", ("unknown", "protocol")),
        (b"\x08\x63", ("down", "protocol")),
        (b"\x12\x02hi\x08\x01", ("up", "")),
        ((grpc.StatusCode.NOT_FOUND, "no such"), ("unknown", "protocol")),
        ((grpc.StatusCode.UNIMPLEMENTED, ""), ("unknown", "protocol")),
        ((grpc.StatusCode.UNAUTHENTICATED, "who?"), ("unknown", "auth")),
        ((grpc.StatusCode.PERMISSION_DENIED, "no"), ("unknown", "auth")),
        ((grpc.StatusCode.RESOURCE_EXHAUSTED, "busy"), ("degraded", "full")),
        ((grpc.StatusCode.DEADLINE_EXCEEDED, "slow"), ("down", "timeout")),
        ((grpc.StatusCode.INTERNAL, "oh"), ("down", "bad_status")),
    ],
)
async def test_what_it_answers_is_the_verdict(answer, said):
    report, _ = await asked(answer)
    assert verdict(report) == said


async def test_without_the_health_service_nobody_can_tell():
    report, _ = await asked(SERVING, serves=False)
    assert verdict(report) == ("unknown", "protocol")
    assert "it has no health service" in report.message


async def test_a_limit_past_is_degraded_with_the_reason():
    report, _ = await asked(SERVING, thresholds={"check_s": 0})
    assert verdict(report) == ("degraded", "threshold")
    assert "check_s is" in report.message


async def test_stopped_it_is_down_at_once_and_started_again_it_is_up_at_once():
    port = free_port()
    connector = make("grpc", host="127.0.0.1", port=port)
    for _ in range(3):
        assert verdict(await connector.probe(a_look())) == ("down", "refused")
    server = grpc.aio.server()
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    assert verdict(await connector.probe(a_look())) == ("unknown", "protocol")
    await server.stop(0)


async def test_the_token_is_shown_and_nowhere_said():
    report, server = await asked(
        (grpc.StatusCode.PERMISSION_DENIED, "not with s3cr3t"), bearer_token="s3cr3t"
    )
    assert server.asked[0][1]["authorization"] == "Bearer s3cr3t"
    async with grpc_health_server(
        lambda _: (grpc.StatusCode.PERMISSION_DENIED, "not with s3cr3t")
    ) as server:
        report = await look_at(
            "grpc", host="127.0.0.1", port=server.port, bearer_token="s3cr3t", secrets={"s3cr3t"}
        )
    assert "s3cr3t" not in repr(report)


def credentials(authority, name, days=(-1, 90)):
    authority.server(name, days=days)
    both = (authority.folder / f"{name}-{days[0]}-{days[1]}.pem").read_bytes()
    return grpc.ssl_server_credentials([(both, both)])


async def test_tls_is_verified_and_why_it_is_not_is_said(authority):
    ours = {"host": "grpc.shop.example", "tls": True, "ca_file": str(authority.ca_file)}
    reach = Allowing(**{"grpc.shop.example": "127.0.0.1", "other.example": "127.0.0.1"})
    secured = credentials(authority, "grpc.shop.example")
    async with grpc_health_server(lambda _: SERVING, credentials=secured) as server:
        at = {**ours, "port": server.port, "reach": reach}
        assert verdict(await look_at("grpc", **at)) == ("up", "")
        report = await look_at("grpc", **{**at, "host": "other.example"})
        assert verdict(report) == ("down", "name_mismatch")
        named = {**at, "host": "other.example", "server_name": "grpc.shop.example"}
        assert verdict(await look_at("grpc", **named)) == ("up", "")
        assert verdict(await look_at("grpc", **{**at, "ca_file": None})) == ("down", "untrusted")
        plain = await look_at("grpc", **{**at, "tls": False})
        assert plain.state.word == "down"
    gone = credentials(authority, "grpc.shop.example", days=(-90, -1))
    async with grpc_health_server(lambda _: SERVING, credentials=gone) as server:
        report = await look_at("grpc", **ours, port=server.port, reach=reach)
        assert verdict(report) == ("down", "expired")


async def test_an_authority_that_cannot_be_read_is_our_own_fault():
    report = await look_at("grpc", host="127.0.0.1", port=9, tls=True, ca_file="/nonexistent.pem")
    assert verdict(report) == ("unknown", "tls")


async def test_a_web_server_is_no_grpc_server():
    async with http_server(Reply(body=b"hello")) as server:
        report = await look_at("grpc", host="127.0.0.1", port=server.port)
        assert verdict(report) == ("down", "protocol")


@pytest.mark.parametrize("answer", [b"\xff" * 40, b"\x08", b"\x12\x7fhi", b"\x0d\0", b"\x08" * 9])
async def test_a_message_that_is_none_is_a_clean_report(answer):
    report, _ = await asked(answer)
    assert verdict(report) == ("down", "protocol")


async def test_an_endless_answer_is_not_read():
    report, _ = await asked(b"\x12" + b"\xff\xff\x7f" + b"x" * 2_000_000)
    assert verdict(report) == ("degraded", "too_large")


async def test_a_peer_that_babbles_is_a_clean_report():
    async def babble(reader, writer):
        try:
            while True:
                writer.write(b"\xff" * 4096)
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            pass
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    report = await look_at("grpc", host="127.0.0.1", port=port, timeout_s=1.0)
    assert report.state.word == "down"
    assert report.error_class in ("protocol", "timeout", "closed")
    server.close()
