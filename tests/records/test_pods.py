"""The pods that run are listed, in pages."""

import json

import pytest
from tests.house.tree import ROOT
from tests.rest_world import rest_over

EXAMPLE = (ROOT / "examples" / "imagemanifestvuln.json").read_bytes()


@pytest.fixture
async def rest(fresh_app_url):
    async with rest_over(fresh_app_url) as found:
        for cluster in ("c1", "c2"):
            path = f"/api/v1/records/imagemanifestvuln?cluster={cluster}"
            assert (await found.post(path, content=EXAMPLE)).status_code == 200
        yield found


async def names(rest, query):
    answer = await rest.get(f"/api/v1/pods?{query}")
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()], answer


async def test_pods_are_listed_by_place_with_their_images(rest):
    found, answer = await names(rest, "cluster=c1&namespace=cso")
    assert len(found) == 5
    (image,) = answer.json()[0]["images"]
    assert image.startswith("quay.io/app-sre/centos@sha256:9e0c275")
    assert (await names(rest, f"name={found[0]}"))[0] == [found[0]] * 2
    assert (await names(rest, "namespace=other"))[0] == []


async def test_pages_of_pods_neither_repeat_nor_lose_one(rest):
    everything, _ = await names(rest, "limit=1000")
    assert len(everything) == 10
    paged, answer = await names(rest, "limit=3")
    while "next" in answer.links:
        query = answer.links["next"]["url"].partition("?")[2]
        some, answer = await names(rest, query)
        paged += some
    assert paged == everything


async def test_pods_are_written_as_csv(rest):
    answer = await rest.get("/api/v1/pods?cluster=c1&namespace=cso&limit=2&format=csv")
    heading, *lines = answer.text.splitlines()
    assert heading == "cluster,namespace,name,images,since"
    assert len(lines) == 2
    assert "next" in answer.links


async def test_what_is_gone_is_listed_no_longer(rest):
    one = json.dumps(json.loads(EXAMPLE)["items"][0])
    path = "/api/v1/records/imagemanifestvuln?cluster=c1&complete=true"
    assert (await rest.post(path, content=one)).status_code == 200
    assert len((await names(rest, "cluster=c1"))[0]) == 3


async def test_a_forged_cursor_and_strangers_are_refused(rest):
    assert (await rest.get("/api/v1/pods?cursor=e30")).status_code == 400
    assert (await rest.get("/api/v1/pods", scopes=("reports:write",))).status_code == 403
