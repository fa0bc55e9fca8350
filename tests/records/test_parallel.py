"""Eight writers at once, with names that nobody has seen: nothing is lost, nothing is twice, nothing is a 500."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from dashdotdb_world import World, manifest, slo, vector, world_over

ROUNDS = int(os.environ.get("VEDETTE_TEST_ROUNDS", "3"))
WRITERS, EACH = 8, 3


@pytest.fixture
async def world(fresh_app_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world_over(fresh_app_url, tmp_path) as found:
        yield found


async def write(world: World, name: str, number: int, round_: int) -> list[int]:
    """Fill one token of each scope and close it; what is named is new, and shared with the other writers."""
    collector = await world.collector(f"{name}-{round_}-{number}")
    # Each part of each writer stands in a cluster of its own: a snapshot is all there is of its clusters.
    cluster, answers = f"c{round_}-{number}", []
    items = {
        "imagemanifestvuln": [
            (
                f"imagemanifestvuln/{cluster}",
                manifest(
                    f"CVE-{round_}-{item}1",
                    digest=f"sha256:{round_}-{item}",
                    namespace=f"n{round_}-{item}",
                    package=f"p{round_}-{item}",
                ),
            )
            for item in range(EACH)
        ],
        "deploymentvalidation": [
            (
                f"deploymentvalidation/{cluster}",
                vector((f"n{round_}-{item}", f"o{item}", "1"), check=f"check_{round_}_{item}"),
            )
            for item in range(EACH)
        ],
        "serviceslometrics": [
            (
                f"serviceslometrics/s{item}",
                slo(
                    f"s{round_}-{item}",
                    cluster,
                    service={"name": f"v{round_}-{item}"},
                    SLODoc={"name": f"d{round_}-{item}"},
                ),
            )
            for item in range(EACH)
        ],
    }
    async with collector.http:
        for scope, bodies in items.items():
            token = await collector.open(scope)
            for path, body in bodies:
                answers.append((await collector.post(path, body, token)).status_code)
            answers.append((await collector.close(token, scope)).status_code)
    return answers


@pytest.mark.parametrize("round_", range(ROUNDS))
async def test_eight_writers_at_once_lose_nothing_and_make_nothing_twice(
    world: World, round_: int
) -> None:
    answers = await asyncio.gather(
        *(write(world, "writer", number, round_) for number in range(WRITERS))
    )
    assert {status for each in answers for status in each} == {200}
    counts = await world.rows("""
        SELECT (SELECT count(*) FROM fleet.cluster), (SELECT count(*) FROM fleet.service),
            (SELECT count(*) FROM fleet.namespace), (SELECT count(*) FROM records.package),
            (SELECT count(*) FROM records.advisory), (SELECT count(*) FROM records.subject),
            (SELECT count(*) FROM records.check_kind), (SELECT count(*) FROM records.slo_value),
            (SELECT count(*) FROM records.validation WHERE until_at IS NULL),
            (SELECT count(*) FROM records.presence WHERE gone_at IS NULL),
            (SELECT count(*) FROM records.finding WHERE fixed_at IS NULL),
            (SELECT count(*) FROM records.staged)""")
    all_ = WRITERS * EACH
    assert counts == [
        (WRITERS, EACH, all_ + WRITERS, EACH, EACH, EACH, EACH, all_, all_, 2 * all_, EACH, 0)
    ]


async def test_many_may_fill_one_token_at_once(world: World) -> None:
    collector = await world.collector()
    token = await collector.open("deploymentvalidation")
    bodies = [vector(("shop", f"o{number}", "1")) for number in range(100)]
    answers = await asyncio.gather(
        *(collector.post("deploymentvalidation/c1", body, token) for body in bodies)
    )
    assert {answer.status_code for answer in answers} == {200}
    assert (await collector.close(token, "deploymentvalidation")).status_code == 200
    listed = await collector.get("deploymentvalidation", cluster="c1", namespace="shop")
    assert len(listed.json()) == 100


async def test_a_token_that_is_closed_while_it_is_filled_keeps_all_that_it_said_it_kept(
    world: World,
) -> None:
    collector = await world.collector()
    token = await collector.open("deploymentvalidation")
    posts = [
        asyncio.create_task(
            collector.post("deploymentvalidation/c1", vector(("shop", f"o{n}", "1")), token)
        )
        for n in range(40)
    ]
    await posts[0]
    closed = await collector.close(token, "deploymentvalidation")
    answers = await asyncio.gather(*posts)
    assert closed.status_code == 200
    kept = sum(answer.status_code == 200 for answer in answers)
    assert {answer.status_code for answer in answers} <= {200, 401}
    listed = await collector.get("deploymentvalidation", cluster="c1", namespace="shop")
    assert len(listed.json()) == kept
