"""What is handed in or decided under an Idempotency-Key is done once, however often it is sent."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from dashdotdb_world import Collector, World, manifest, world_over

IMV = "/api/v1/records/imagemanifestvuln?cluster=c1"
MIB = 1 << 20


@pytest.fixture
async def world(fresh_app_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world_over(fresh_app_url, tmp_path, max_body=20 * MIB) as found:
        yield found


@pytest.fixture
async def collector(world: World) -> Collector:
    return await world.collector()


async def sent(
    collector: Collector,
    path: str,
    body: Any = None,
    *,
    key: str = "nightly-7",
    method: str = "POST",
) -> tuple[int, bytes]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = await collector.http.request(
        method,
        path,
        content=None if body is None else content,
        headers={
            "Authorization": f"Bearer {collector.basic[1]}",
            "Idempotency-Key": key,
            "Content-Type": "application/json",
        },
        auth=None,
    )
    return answer.status_code, answer.content


@pytest.mark.parametrize("size", [0, 5 * MIB], ids=["small", "large"])
async def test_a_body_that_is_sent_again_is_answered_as_it_was_and_not_stored_again(
    world: World, collector: Collector, size: int
) -> None:
    body = json.dumps(manifest("CVE-2020-1")).encode().ljust(size)
    answers = await asyncio.gather(*(sent(collector, IMV, body) for _ in range(3)))
    assert len(set(answers)) == 1
    status, answer = answers[0]
    assert (status, json.loads(answer)["opened"]) == (200, 1)
    done = "SELECT count(*) FROM access.audit WHERE action = 'records.apply'"
    assert await world.rows(done) == [(1,)]


@pytest.mark.parametrize("path", [IMV, IMV.replace("c1", "c2"), f"{IMV}&complete=true"])
async def test_a_key_stands_for_one_body_with_one_query(collector: Collector, path: str) -> None:
    first = manifest("CVE-2020-1")
    assert (await sent(collector, IMV, first))[0] == 200
    other = manifest("CVE-2020-2") if path == IMV else first
    assert (await sent(collector, path, other))[0] == 409


async def test_what_was_refused_may_be_sent_again_under_its_key(collector: Collector) -> None:
    assert (await sent(collector, IMV, {"kind": "Pod"}))[0] == 400
    assert (await sent(collector, IMV, manifest("CVE-2020-1")))[0] == 200
    assert (await sent(collector, IMV, manifest("CVE-2020-1"), key="two words"))[0] == 400


async def test_another_clients_key_is_another(world: World, collector: Collector) -> None:
    other = await world.collector("other")
    _, first = await sent(collector, IMV, manifest("CVE-2020-1"))
    _, second = await sent(other, IMV, manifest("CVE-2020-1"))
    assert (json.loads(first)["opened"], json.loads(second)["opened"]) == (1, 0)


async def test_each_step_of_a_snapshot_is_done_once(world: World, collector: Collector) -> None:
    async def twice(path: str, body: Any = None, **more: str) -> Any:
        one, two = [await sent(collector, path, body, key=path, **more) for _ in range(2)]
        assert one == two
        assert one[0] < 300, one
        return json.loads(one[1] or b"{}")

    where = "/api/v1/snapshots"
    opened = await twice(where, {"kind": "imagemanifestvuln", "cluster": "c1"})
    await twice(f"{where}/{opened['token']}/documents", manifest("CVE-2020-1"))
    assert await world.rows("SELECT count(*) FROM records.staged") == [(1,)]
    assert (await twice(f"{where}/{opened['token']}/close"))["opened"] == 1
    # What came before the end is answered after it, too.
    await twice(f"{where}/{opened['token']}/documents", manifest("CVE-2020-1"))
    status, other = await sent(collector, where, {"kind": "dora"}, key="dora")
    assert status == 201
    await twice(f"{where}/{json.loads(other)['token']}", method="DELETE")


async def test_a_decision_is_made_once_and_taken_back_once(
    world: World, collector: Collector
) -> None:
    path, key = "/api/v1/triage", "decide-1"
    await sent(collector, IMV, manifest("CVE-2020-1"))
    wish = {"name": "CVE-2020-1", "decision": "false_positive", "reason": "not called"}
    one, two = [await sent(collector, path, wish, key=key) for _ in range(2)]
    assert one == two
    assert one[0] == 201
    assert await world.rows("SELECT count(*) FROM records.triage") == [(1,)]
    own = f"{path}/{json.loads(one[1])['number']}"
    ended = [(await sent(collector, own, key="end", method="DELETE"))[0] for _ in range(2)]
    assert ended == [204, 204]
    assert (await sent(collector, own, key="later", method="DELETE"))[0] == 404


async def test_deployments_are_told_as_new_again(collector: Collector) -> None:
    deployed = {
        "trigger_reason": "https://git.example/1", "finish_timestamp": "2026-11-20T10:00:00Z",
        "app_name": "orders", "env_name": "prod", "pipeline": "ci", "commits": [],
    }  # fmt: skip
    body = {"deployments": [deployed]}
    one, two = [await sent(collector, "/api/v1/deployments", body) for _ in range(2)]
    assert one == two
    assert len(json.loads(one[1])["created"]) == 1
