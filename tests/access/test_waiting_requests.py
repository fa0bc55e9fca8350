"""A request that takes long is sent again and again: those who wait for it leave connections to everybody else."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.rest_world import Rest, rest_over

from vedette.access.repeated import WAITING
from vedette.db.pool import connect

PATH = "/api/v1/deployments"
BODY = {
    "deployments": [
        {
            "trigger_reason": "https://git.example/1",
            "finish_timestamp": "2026-11-20T10:00:00Z",
            "app_name": "orders",
            "env_name": "prod",
            "pipeline": "ci",
            "commits": [],
        }
    ]
}
CONNECTIONS = WAITING + 2
REPEATED = 12
PATIENCE_S = 20


@pytest.fixture
async def rest(fresh_app_url: str) -> AsyncIterator[Any]:
    async with rest_over(fresh_app_url) as rest:
        await rest.pool.resize(1, CONNECTIONS)
        yield rest


async def sent(rest: Rest, secret: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": "deploy-7"}
    return await rest.http.post(PATH, json=BODY, headers=headers)


async def test_what_waits_for_a_slow_request_leaves_connections_to_others(
    rest: Rest, fresh_app_url: str
) -> None:
    secret = await rest.token()
    async with await connect(fresh_app_url) as other:
        async with other.transaction():
            # The first finds its table taken, and holds its key all the while.
            await other.execute("LOCK TABLE records.deployment IN SHARE MODE")
            asked = [asyncio.create_task(sent(rest, secret)) for _ in range(REPEATED)]
            ended = asyncio.as_completed(asked, timeout=PATIENCE_S)
            refused = [await next(ended) for _ in range(REPEATED - 1 - WAITING)]
            async with asyncio.timeout(PATIENCE_S):
                assert (await rest.get(PATH)).json() == []
        answers = await asyncio.gather(*asked)
    for answer in refused:
        assert (answer.status_code, answer.headers["retry-after"]) == (409, "5")
        assert answer.json()["detail"] == "the first request with this Idempotency-Key is under way"
    told = [answer.text for answer in answers if answer.status_code == 200]
    assert told == [(await sent(rest, secret)).text] * (1 + WAITING)
