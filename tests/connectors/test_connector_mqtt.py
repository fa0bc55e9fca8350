"""Mosquitto as it is: real brokers, stopped, locked, dropping; and what its `$SYS` says."""

import asyncio
import re

import pytest
from tests.connectors.looks import a_look, free_port, look_at, make, names, value, verdict
from tests.connectors.servers import installed, run, starter

from vedette.agent.connectors.errors import Fault
from vedette.agent.connectors.mqtt_packets import (
    Kind,
    connect,
    publish,
    read_message,
    read_packet,
    subscribe,
)
from vedette.agent.connectors.mqtt_sys import measured
from vedette.agent.connectors.rates import Gains
from vedette.agent.packs import ERROR_CLASS
from vedette.errors import Invalid
from vedette.health.model import State


@pytest.fixture
async def broker(tmp_path):
    """Start throw-away brokers: `program = await broker("max_queued_messages 1")`."""
    async with starter() as begin:

        async def start(*lines: str, port: int | None = None, anonymous: bool = True):
            port = port or free_port()
            text = [
                f"listener {port} 127.0.0.1", "sys_interval 1", "user root",
                f"allow_anonymous {str(anonymous).lower()}", *lines,
            ]  # fmt: skip
            file = tmp_path / f"{port}.conf"
            file.write_text("\n".join(text) + "\n")
            return await begin(["mosquitto", "-c", file], port, log=tmp_path / "mosquitto.log")

        yield start


async def signed_in(port: int, client_id: str, *packets: bytes, clean: bool = True):
    """A client of the test's own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    hello = connect(client_id, keep_alive_s=60, user=None, password=None)
    writer.write(hello if clean else hello.replace(b"MQTT\x04\x02", b"MQTT\x04\x00"))
    assert (await read_packet(reader)).kind is Kind.CONNACK
    for packet in packets:
        writer.write(packet)
        await read_packet(reader)
    return writer


async def until(connector, wanted: str, *, within_s: float = 8.0):
    """Look until a measurement is there."""
    async with asyncio.timeout(within_s):
        while wanted not in names(report := await connector.probe(a_look())):
            pass
    return report


@pytest.mark.needs("mosquitto")
async def test_the_machines_mosquitto_delivers():
    report = await look_at("mqtt", host="127.0.0.1", port=1883)
    assert verdict(report) == ("up", "")
    assert 0 < value(report, "round_trip_s") < 30
    assert re.match(r"mosquitto version [12]\.", report.facts["version"])


async def test_sys_comes_with_the_first_cycle_and_its_texts_are_numbers(broker):
    connector = make("mqtt", port=(await broker()).port)
    assert (await connector.probe(a_look())).state is State.UP
    report = await until(connector, "clients")
    assert verdict(report) == ("up", "")
    assert value(report, "clients") <= 1
    assert 0 <= value(report, "uptime_s") < 60
    assert value(report, "retained_msgs") > 10
    assert value(report, "heap_bytes") > 1000
    await connector.aclose()


async def test_rates_need_two_cycles_and_hold_between_them(broker):
    connector = make("mqtt", port=(await broker()).port)
    report = await until(connector, "dropped_per_s")
    assert value(report, "dropped_per_s") == 0
    again = await connector.probe(a_look())
    assert value(again, "dropped_per_s") == 0
    await connector.aclose()


async def test_stopped_it_is_down_and_started_again_it_is_up(broker):
    program = await broker()
    connector = make("mqtt", port=program.port)
    assert (await connector.probe(a_look())).state is State.UP
    await program.stop()
    assert verdict(await connector.probe(a_look())) == ("down", "refused")
    await broker(port=program.port)
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


async def test_a_broker_that_drops_messages_is_degraded(broker):
    program = await broker("max_queued_messages 1")
    connector = make("mqtt", port=program.port)
    await until(connector, "dropped_per_s")
    # A client with a session goes away; what comes for it meanwhile has nowhere to wait.
    absent = await signed_in(program.port, "absent", subscribe(1, "orders", qos=1), clean=False)
    absent.write(b"\xe0\x00")
    absent.close()
    sender = await signed_in(
        program.port, "sender", *(publish(n, "orders", b"x") for n in range(1, 9))
    )
    async with asyncio.timeout(8):
        while (report := await connector.probe(a_look())).state is State.UP:
            pass
    assert verdict(report) == ("degraded", ERROR_CLASS)
    assert "dropped_per_s" in report.message
    sender.close()
    await connector.aclose()


async def test_a_frozen_broker_times_out_and_thaws(broker):
    program = await broker()
    connector = make("mqtt", port=program.port)
    await connector.probe(a_look())
    program.freeze()
    assert verdict(await connector.probe(a_look(timeout_s=0.3))) == ("down", "timeout")
    program.thaw()
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


async def test_a_password_opens_and_its_lack_is_our_own_fault(broker, tmp_path):
    installed("mosquitto_passwd")
    file = tmp_path / "passwords"
    await run("mosquitto_passwd", "-b", "-c", file, "vedette", "open-sesame")
    port = (await broker(f"password_file {file}", anonymous=False)).port
    right = {"port": port, "user": "vedette", "password": "open-sesame"}
    assert (await look_at("mqtt", **right)).state is State.UP
    assert verdict(await look_at("mqtt", port=port)) == ("unknown", "auth")
    wrong = await look_at("mqtt", port=port, user="vedette", password="hunter2")
    assert verdict(wrong) == ("unknown", "auth")
    assert "hunter2" not in repr(wrong)


async def test_an_access_list_that_swallows_our_message_is_our_own_fault(broker, tmp_path):
    # Mosquitto accepts the subscription, acknowledges the message, and delivers nothing.
    file = tmp_path / "acl"
    file.write_text("topic readwrite orders/#\n")
    port = (await broker(f"acl_file {file}")).port
    report = await look_at("mqtt", port=port)
    assert verdict(report) == ("unknown", "auth")
    assert "vedette/echo" in report.message
    assert (await look_at("mqtt", port=port, topic="orders/echo")).state is State.UP


async def test_without_sys_a_delivering_broker_is_up_all_the_same(broker, tmp_path):
    file = tmp_path / "acl"
    file.write_text("topic readwrite vedette/#\n")
    port = (await broker(f"acl_file {file}")).port
    report = await look_at("mqtt", port=port)
    assert verdict(report) == ("up", "")
    assert "no $SYS" in report.facts


async def test_round_trips_can_be_off(broker):
    port = (await broker()).port
    report = await look_at("mqtt", port=port, round_trip=False, sys=False)
    assert (verdict(report), names(report)) == (("up", ""), {"ping_s"})


async def test_a_broker_that_is_full_turns_us_away_before_it_greets(broker):
    port = (await broker("max_connections 1")).port
    holders = [make("mqtt", port=port) for _ in range(4)]
    async with asyncio.timeout(5):  # whoever waited for the broker to start has to go first
        while (await holders[0].probe(a_look())).state is not State.UP:
            pass
    reports = [await holder.probe(a_look()) for holder in holders]
    assert verdict(reports[-1]) == ("down", "closed")
    assert "before it greeted us" in reports[-1].message
    # Who is in already sees it coming.
    for holder in holders:
        await holder.aclose()
    limited = make("mqtt", port=port, thresholds={"clients": 0})
    async with asyncio.timeout(8):
        while (report := await limited.probe(a_look())).error_class != ERROR_CLASS:
            pass
    assert report.message == "clients is 1, above 0"
    await limited.aclose()


async def test_tls_is_verified(broker, authority):
    authority.server("127.0.0.1")
    pem = authority.folder / "127.0.0.1--1-90.pem"
    lines = (f"cafile {authority.ca_file}", f"certfile {pem}", f"keyfile {pem}")
    port = (await broker(*lines)).port
    right = await look_at("mqtt", port=port, tls=True, ca_file=str(authority.ca_file))
    assert verdict(right) == ("up", "")
    assert verdict(await look_at("mqtt", port=port, tls=True)) == ("down", "untrusted")


async def test_a_connection_the_broker_closed_is_replaced_within_the_look(broker):
    program = await broker()
    connector = make("mqtt", port=program.port)
    await connector.probe(a_look())
    await program.stop()
    await broker(port=program.port)
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


def test_a_topic_must_not_be_a_filter():
    with pytest.raises(Invalid, match="without"):
        make("mqtt", topic="vedette/#")


def test_older_brokers_have_other_names():
    sys = {
        "$SYS/broker/clients/active": "3",
        "$SYS/broker/uptime": "97 seconds",
        "$SYS/broker/retained messages/count": "33",
        "$SYS/broker/load/messages/received/1min": "120.00",
        "$SYS/broker/heap/current size": "4096",
        "$SYS/broker/subscriptions/count": "many",
    }
    found = {m.name: m.value for m in measured(sys, Gains({}, 0.0))}
    assert found == {
        "clients": 3,
        "uptime_s": 97,
        "retained_msgs": 33,
        "received_msgs_per_s": 2,
        "heap_bytes": 4096,
    }


async def read(data: bytes):
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return await read_packet(reader)


async def test_long_packets_have_long_lengths():
    packet = await read(publish(7, "t", b"x" * 20_000))
    message = read_message(packet)
    assert (message.topic, len(message.payload), message.number) == ("t", 20_000, 7)


@pytest.mark.parametrize("data", [b"\x30\xff\xff\xff\xff\x01", b"\xf0\x00", b"\x00\x00"])
async def test_what_is_not_mqtt_is_called_so(data):
    with pytest.raises(Fault, match="does not speak MQTT"):
        await read(data)


async def test_a_packet_too_long_is_not_read():
    with pytest.raises(Fault, match="longer than"):
        await read(b"\x30\xff\xff\xff\x7f")
