"""Redis as it is: real servers, stopped, full, locked, loading, replicating."""

import asyncio
import os
import signal

import pytest
from tests.connectors.conftest import accepting
from tests.connectors.looks import a_look, entities, look_at, make, names, value, verdict

from vedette.agent.connectors.rates import Counters, Gains
from vedette.agent.connectors.redis_info import fault_in, measured, parse_info
from vedette.health.model import State


@pytest.mark.needs("redis")
async def test_the_machines_redis_is_up():
    report = await look_at("redis", host="127.0.0.1", port=6379)
    assert verdict(report) == ("up", "")
    assert report.rtt is not None
    assert value(report, "clients") >= 1
    assert report.facts["role"] == "primary"


async def test_one_connection_serves_many_looks_and_rates_come_with_the_second(redis_server):
    port, _ = await redis_server()
    connector = make("redis", port=port)
    first = await connector.probe(a_look())
    second = await connector.probe(a_look())
    assert "errors_per_s" not in names(first)
    assert value(second, "errors_per_s") == 0
    assert value(second, "clients") == 1
    await connector.aclose()


async def test_stopped_it_is_down_and_started_again_it_is_up(redis_server):
    port, process = await redis_server()
    connector = make("redis", port=port)
    assert (await connector.probe(a_look())).state is State.UP
    process.terminate()
    await process.wait()
    assert verdict(await connector.probe(a_look())) == ("down", "refused")
    again = await asyncio.create_subprocess_exec(
        "redis-server", "--port", str(port), "--save", "", stdout=asyncio.subprocess.DEVNULL
    )
    await accepting(port)
    assert (await connector.probe(a_look())).state is State.UP
    again.kill()
    await again.wait()
    await connector.aclose()


async def test_a_connection_the_server_closed_is_replaced_within_the_look(redis_server):
    port, _ = await redis_server()
    connector = make("redis", port=port)
    await connector.probe(a_look())
    killer = make("redis", port=port)
    await killer.probe(a_look())
    opened = killer._wire
    opened.writer.write(b"CLIENT KILL SKIPME yes TYPE normal\r\n")
    await opened.reader.readline()
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()
    await killer.aclose()


async def test_a_frozen_server_times_out_and_thaws(redis_server):
    port, process = await redis_server()
    connector = make("redis", port=port)
    await connector.probe(a_look())
    os.kill(process.pid, signal.SIGSTOP)
    assert verdict(await connector.probe(a_look(timeout_s=0.3))) == ("down", "timeout")
    os.kill(process.pid, signal.SIGCONT)
    assert (await connector.probe(a_look())).state is State.UP
    await connector.aclose()


async def test_a_password_opens_and_its_lack_is_our_own_fault(redis_server):
    port, _ = await redis_server("--requirepass", "open-sesame")
    right = {"port": port, "password": "open-sesame"}
    assert (await look_at("redis", **right)).state is State.UP
    assert verdict(await look_at("redis", port=port)) == ("unknown", "auth")
    wrong = await look_at("redis", port=port, password="hunter2")
    assert verdict(wrong) == ("unknown", "auth")
    assert "hunter2" not in repr(wrong)


async def test_a_password_where_none_is_wanted_is_our_own_fault(redis_server):
    port, _ = await redis_server()
    assert verdict(await look_at("redis", port=port, password="x")) == ("unknown", "auth")


async def test_a_full_server_is_degraded(redis_server):
    port, _ = await redis_server("--maxclients", "1")
    holder = make("redis", port=port)
    async with asyncio.timeout(5):  # whoever waited for the server to start has to go first
        while (await holder.probe(a_look())).error_class == "full":
            pass
    report = await look_at("redis", port=port)
    assert verdict(report) == ("degraded", "full")
    await holder.aclose()


async def test_full_memory_degrades_a_store_and_not_a_cache(redis_server):
    store, _ = await redis_server("--maxmemory", "1100000")
    cache, _ = await redis_server("--maxmemory", "100000", "--maxmemory-policy", "allkeys-lru")
    limit = {"memory_ratio": 0.5}
    report = await look_at("redis", port=store, thresholds=limit)
    assert verdict(report) == ("degraded", "threshold")
    assert (await look_at("redis", port=cache)).state is State.UP
    assert verdict(await look_at("redis", port=cache, thresholds=limit)) == (
        "degraded",
        "threshold",
    )


async def test_unlimited_memory_is_measured_by_the_hosts(redis_server):
    port, _ = await redis_server()
    report = await look_at("redis", port=port)
    assert 0 < value(report, "memory_ratio") < 0.5
    assert "max_memory_bytes" not in names(report)


async def test_replicas_are_seen_from_both_ends(redis_server):
    primary, _ = await redis_server("--repl-diskless-sync-delay", "0")
    replica, _ = await redis_server("--replicaof", "127.0.0.1", str(primary))
    async with asyncio.timeout(20):
        while (await look_at("redis", port=replica)).state is not State.UP:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    assert verdict(await look_at("redis", port=replica, role="primary")) == (
        "degraded",
        "wrong_role",
    )
    there = f"replica:127.0.0.1:{replica}"
    report = await look_at("redis", port=primary, role="primary")
    async with asyncio.timeout(20):
        # The primary calls it online a moment after it calls itself so.
        while value(report, "state", there) != State.UP:
            await asyncio.sleep(0.1)
            report = await look_at("redis", port=primary, role="primary")
    assert verdict(report) == ("up", "")
    assert entities(report) == {there}


async def test_a_replica_without_its_primary_is_degraded(redis_server):
    port, _ = await redis_server("--replicaof", "127.0.0.1", "1")
    assert verdict(await look_at("redis", port=port)) == ("degraded", "replication")


def test_loading_is_initialising_and_a_failing_cluster_is_down():
    assert fault_in({"loading": "1"}, {}, None).state is State.INITIALISING
    assert fault_in({}, {"cluster_state": "fail"}, None).error_class == "quorum_lost"
    assert fault_in({}, {"cluster_state": "ok"}, None) is None


def test_a_failed_save_is_degraded():
    fault = fault_in({"rdb_last_bgsave_status": "err"}, {}, None)
    assert (fault.state, fault.error_class) == (State.DEGRADED, "storage")


def test_odd_fields_are_left_out():
    info = parse_info("# Server\r\nused_memory:lots\r\nrdb_last_bgsave_time_sec:-1\r\nslave0:x\r\n")
    found = {m.name: m.value for m in measured(info, {}, Gains({}, 0.0))}
    assert "used_memory_bytes" not in found
    assert "last_bgsave_s" not in found


def test_a_small_instance_is_not_called_fragmented():
    small = parse_info("used_memory:900000\nmem_fragmentation_ratio:13.72")
    large = parse_info("used_memory:900000000\nmem_fragmentation_ratio:1.72")
    assert "fragmentation_ratio" not in {m.name for m in measured(small, {}, Gains({}, 0.0))}
    assert "fragmentation_ratio" in {m.name for m in measured(large, {}, Gains({}, 0.0))}


def test_slots_that_fail_or_may_fail_are_counted():
    cluster = {"cluster_slots_pfail": "2", "cluster_slots_fail": "3"}
    found = {m.name: m.value for m in measured({}, cluster, Gains({}, 0.0))}
    assert found["slots_failing"] == 5


def test_a_counter_that_fell_gained_what_it_now_shows():
    counters = Counters()
    counters.gained({"n": 100.0}, at=0.0)
    assert counters.gained({"n": 150.0}, at=10.0).per_s("n") == 5.0
    assert counters.gained({"n": 20.0}, at=20.0).per_s("n") == 2.0
    assert counters.gained({"n": 30.0}, at=20.0).per_s("n") is None
