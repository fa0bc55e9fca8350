"""Records handed in over HTTP: at once or as snapshots; what is hostile is refused whole, and never a 500."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cramjam
import pytest
from dashdotdb_world import Collector, World, manifest, slo, vector, world_over
from psycopg import AsyncCursor

IMV = "/api/v1/records/imagemanifestvuln"
AUTO = "/api/v1/records/auto"


@pytest.fixture
async def world(fresh_app_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with world_over(fresh_app_url, tmp_path, max_body=20 << 20) as found:
        yield found


@pytest.fixture
async def collector(world: World) -> Collector:
    return await world.collector()


@contextmanager
def statements(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Gather every statement that is run, those of transactions among them."""
    seen: list[str] = []
    execute = AsyncCursor.execute
    command = "psycopg._connection_base.BaseConnection._exec_command"
    original = __import__("psycopg")._connection_base.BaseConnection._exec_command

    async def counted(self: Any, query: Any, *rest: Any, **more: Any) -> Any:
        seen.append(bytes(query).decode() if isinstance(query, bytes) else str(query))
        return await execute(self, query, *rest, **more)

    def commanded(self: Any, query: Any, *rest: Any) -> Any:
        seen.append(bytes(query).decode())
        return (yield from original(self, query, *rest))

    with monkeypatch.context() as patch:
        patch.setattr(AsyncCursor, "execute", counted)
        patch.setattr(command, commanded)
        yield seen
    seen[:] = [each for each in seen if each]  # the pool tries a connection with an empty one


async def test_a_body_is_stored_at_once_and_answered_with_what_is_new(
    world: World, collector: Collector
) -> None:
    answer = await collector.http.post(f"{IMV}?cluster=c1", json=manifest("CVE-2020-1"))
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "kind": "imagemanifestvuln",
        "documents": 1,
        "created": [
            ["cluster", "c1"],
            ["namespace", "shop"],
            ["image", "quay.io/shop/orders"],
            ["feature", "openssl"],
            ["severity", "High"],
            ["vulnerability", "CVE-2020-1"],
        ],
        "totals": {
            "cluster": 1,
            "namespace": 1,
            "image": 1,
            "feature": 1,
            "severity": 1,
            "vulnerability": 1,
        },
        "opened": 1,
        "closed": 0,
        "changed": 0,
        "unchanged": 0,
        "older": 0,
        "note": "",
    }
    (row,) = (await collector.ask("vulnerabilities", cluster="c1", namespace="shop")).json()
    assert (row["name"], row["affected_pods"], row["severity"]) == ("CVE-2020-1", 2, "High")
    told = "SELECT actor, object FROM access.audit WHERE action = 'records.apply'"
    assert await world.rows(told) == [("token:qontract", "records:imagemanifestvuln")]


@pytest.mark.parametrize("pack", [gzip.compress, lambda body: bytes(cramjam.zstd.compress(body))])
async def test_a_packed_body_is_unpacked(collector: Collector, pack: Any) -> None:
    body = pack(json.dumps(manifest("CVE-2020-1")).encode())
    answer = await collector.http.post(f"{IMV}?cluster=c1", content=body)
    assert answer.json()["opened"] == 1


async def test_kinds_are_recognised_and_several_may_come_in_one_body(collector: Collector) -> None:
    body = "\n".join(map(json.dumps, (manifest("CVE-2020-1"), vector(("shop", "o", "1")), slo())))
    answer = await collector.http.post(f"{AUTO}?cluster=c1", content=body)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["kind"] == "deploymentvalidation,imagemanifestvuln,serviceslometrics"
    assert said["documents"] == said["opened"] == 3


async def test_what_nobody_recognises_is_refused_naming_what_was_tried(
    collector: Collector,
) -> None:
    answer = await collector.http.post(AUTO, json={"kind": "Pod"})
    assert answer.status_code == 400
    assert "its kind is not recognised" in answer.json()["detail"]
    assert "imagemanifestvuln" in answer.json()["hint"]


async def test_one_bad_document_refuses_the_whole_body(world: World, collector: Collector) -> None:
    body = {"kind": "List", "items": [manifest("CVE-2020-1"), {"kind": "Pod"}]}
    answer = await collector.http.post(f"{IMV}?cluster=c1", json=body)
    assert answer.status_code == 400
    assert "item 2" in answer.json()["detail"]
    assert await world.rows("SELECT count(*) FROM fleet.cluster") == [(0,)]


async def test_pods_without_a_cluster_are_refused_saying_what_lacks(collector: Collector) -> None:
    for kind, body in (
        ("imagemanifestvuln", manifest("CVE-2020-1")),
        ("deploymentvalidation", vector(("shop", "o", "1"))),
    ):
        answer = await collector.http.post(f"/api/v1/records/{kind}", json=body)
        assert (answer.status_code, answer.json()["hint"]) == (400, "add ?cluster=NAME")


async def test_a_kind_that_is_none_is_named(collector: Collector) -> None:
    answer = await collector.http.post("/api/v1/records/shop", json={})
    assert answer.status_code == 404
    assert "imagemanifestvuln" in answer.json()["hint"]


DEEP = b'{"kind":"ImageManifestVuln","spec":' + b"[" * 1_000 + b"]" * 1_000 + b"}"
HOSTILE = {
    "empty": b"",
    "blank": b" \n",
    "truncated": b'{"kind": "ImageManifestVuln", "spec": {',
    "no json": b"{kind: [}",
    "not utf-8": b'{"kind": "\xff\xfe"}',
    "utf-16": '{"kind": "ImageManifestVuln"}'.encode("utf-16"),
    "nan": b'{"kind": "ImageManifestVuln", "spec": NaN}',
    "twice": b'{"kind": "ImageManifestVuln", "kind": "ImageManifestVuln"}',
    "nul": b'{"kind": "ImageManifestVuln", "spec": "\\u0000"}',
    "surrogate": b'{"kind": "ImageManifestVuln", "spec": "\\ud800"}',
    "deep": DEEP,
    "much deeper": b"[" * 1_000_000,
    "a number": b"1",
    "another kind": b'{"kind": "Pod"}',
    "gzip cut off": gzip.compress(b"x" * 10_000)[:20],
    "gzip bomb": gzip.compress(b" " * (40 << 20)),
    "zstd bomb": bytes(cramjam.zstd.compress(b" " * (40 << 20))),
    "a long text": b'{"kind": "ImageManifestVuln", "x": "' + b"x" * (5 << 20) + b'"}',
    "too large": b" " * (21 << 20),
    "yaml bomb": b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n",
}


@pytest.mark.parametrize("kind", ["imagemanifestvuln", "auto"])
async def test_what_is_hostile_is_refused_with_a_word_and_nothing_is_stored(
    world: World, collector: Collector, kind: str
) -> None:
    for name, body in HOSTILE.items():
        answer = await collector.http.post(f"/api/v1/records/{kind}?cluster=c1", content=body)
        assert answer.status_code == 400, (name, answer.text[:300])
        assert answer.json()["detail"], name
    assert await world.rows("SELECT count(*) FROM fleet.cluster") == [(0,)]
    assert (await collector.ask("kinds")).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"cluster": "x" * 300},
        {"cluster": " "},
        {"cluster": "a\x07b"},
        {"cluster": "c1", "namespace": "x" * 300},
        {"clustr": "c1"},
        {"cluster": "c1", "complete": "perhaps"},
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(
    collector: Collector, query: dict[str, str]
) -> None:
    answer = await collector.http.post(IMV, params=query, json=manifest("CVE-2020-1"))
    assert answer.status_code == 400, answer.text


async def test_what_comes_in_chunks_is_bounded_as_well(collector: Collector) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(22):
            yield b" " * (1 << 20)

    answer = await collector.http.post(f"{IMV}?cluster=c1", content=chunks())
    assert answer.status_code == 400
    assert "larger than 20 MiB" in answer.json()["detail"]


async def test_twenty_mebibytes_are_taken_at_dashdotdbs_door(collector: Collector) -> None:
    token = await collector.open("imagemanifestvuln")
    body = json.dumps(manifest("CVE-2020-1")).encode()
    answer = await collector.http.post(
        "/api/v1/imagemanifestvuln/c1",
        content=body + b" " * ((20 << 20) - len(body)),
        headers={"X-Auth": token},
    )
    assert (answer.status_code, answer.text) == (200, '"ok"\n')


async def test_a_snapshot_is_opened_filled_and_closed(world: World, collector: Collector) -> None:
    http = collector.http
    opened = await http.post(
        "/api/v1/snapshots", json={"kind": "imagemanifestvuln", "cluster": "c1"}
    )
    assert opened.status_code == 201, opened.text
    where = f"/api/v1/snapshots/{opened.json()['token']}"
    filled = await http.post(f"{where}/documents", json=manifest("CVE-2020-1"))
    assert filled.json() == {
        "kind": "imagemanifestvuln",
        "documents": 1,
        "records": 1,
        "note": "",
    }
    other = await http.post(f"{where}/documents?cluster=c2", json=manifest("CVE-2020-1"))
    assert other.status_code == 400
    assert (await collector.ask("vulnerabilities")).json() == []
    closed = await http.post(f"{where}/close")
    assert closed.json()["opened"] == 1
    assert len((await collector.ask("vulnerabilities", cluster="c1")).json()) == 1
    assert (await http.post(f"{where}/close")).status_code == 409
    assert (await http.post(f"{where}/documents", json=manifest("CVE-1"))).status_code == 409
    assert await world.rows(
        "SELECT action FROM access.audit WHERE action LIKE 'records.%' ORDER BY id"
    ) == [("records.open",), ("records.close",)]


async def test_a_snapshot_that_is_dropped_leaves_nothing(
    world: World, collector: Collector
) -> None:
    opened = await collector.http.post("/api/v1/snapshots", json={"kind": "deploymentvalidation"})
    where = f"/api/v1/snapshots/{opened.json()['token']}"
    await collector.http.post(f"{where}/documents?cluster=c1", json=vector(("shop", "o", "1")))
    assert (await collector.http.delete(where)).status_code == 204
    assert (await collector.http.delete(where)).status_code == 404
    assert await world.rows("SELECT count(*) FROM records.staged") == [(0,)]


async def test_the_operators_webhook_is_taken_deletes_too(collector: Collector) -> None:
    report = {
        "apiVersion": "aquasecurity.github.io/v1alpha1",
        "kind": "VulnerabilityReport",
        "metadata": {
            "name": "replicaset-web",
            "namespace": "shop",
            "labels": {
                "trivy-operator.resource.kind": "ReplicaSet",
                "trivy-operator.resource.name": "web",
                "trivy-operator.resource.namespace": "shop",
                "trivy-operator.container.name": "web",
            },
        },
        "report": {
            "updateTimestamp": "2026-11-01T10:00:00Z",
            "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "0.60.0"},
            "registry": {"server": "index.docker.io"},
            "artifact": {"repository": "library/nginx", "digest": "sha256:bb", "tag": "1.16"},
            "os": {"family": "debian", "name": "10.3"},
            "summary": {},
            "vulnerabilities": [
                {
                    "vulnerabilityID": "CVE-2019-20367",
                    "resource": "libbsd0",
                    "installedVersion": "0.9.1-2",
                    "fixedVersion": "0.9.1-2+deb10u1",
                    "severity": "CRITICAL",
                    "title": "",
                    "links": [],
                    "target": "",
                }
            ],
        },
    }
    door = "/api/v1/records/trivy-operator?cluster=c1"
    sent = await collector.http.post(door, json={"verb": "update", "operatorObject": report})
    assert sent.status_code == 200, sent.text
    (row,) = (await collector.ask("vulnerabilities", cluster="c1", namespace="shop")).json()
    assert (row["name"], row["image"]) == ("CVE-2019-20367", "index.docker.io/library/nginx")
    bill = {"apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "SbomReport", "report": {}}
    passed = await collector.http.post(door, json={"verb": "update", "operatorObject": bill})
    assert passed.status_code == 200
    assert passed.json()["note"].startswith("nothing to keep: a SbomReport lists")
    gone = await collector.http.post(door, json={"verb": "delete", "operatorObject": report})
    assert gone.status_code == 200
    assert (await collector.ask("vulnerabilities", cluster="c1")).json() == []


async def test_what_says_nothing_that_is_kept_is_answered_so(collector: Collector) -> None:
    answer = await collector.http.post(
        "/api/v1/records/deploymentvalidation?cluster=c1", json=vector()
    )
    assert answer.status_code == 200


async def test_lists_are_filtered_paged_and_written_as_csv(collector: Collector) -> None:
    names = [f"CVE-2020-{number}" for number in range(1, 6)]
    body = [manifest(*names), manifest("=cmd", digest="sha256:b", package="@x", severity="Low")]
    lines = "\n".join(map(json.dumps, body))
    await collector.http.post(f"{IMV}?cluster=c1", content=lines)

    async def ask(**query: str) -> list[str]:
        answer = await collector.ask("vulnerabilities", **query)
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()]

    assert len(await ask()) == 6
    assert await ask(severity="low") == ["=cmd"]
    assert await ask(severity="Critical,DEFCON1") == []
    assert await ask(name="CVE-2020-3", state="all") == ["CVE-2020-3"]
    assert await ask(package="@x") == ["=cmd"]
    assert await ask(image="sha256:b") == ["=cmd"]
    assert await ask(fixable="false") == await ask(kev="true") == await ask(state="fixed") == []
    assert len(await ask(kind="imagemanifestvuln", cluster="c1", namespace="shop")) == 6
    assert await ask(kind="trivy") == []
    for unknown in ({"cluster": "c2"}, {"service": "orders"}, {"kind": "x"}):
        assert (await collector.ask("vulnerabilities", **unknown)).status_code == 404
    seen, answer = [], await collector.ask("vulnerabilities", limit="4")
    while True:
        seen += [row["name"] for row in answer.json()]
        if "link" not in answer.headers:
            break
        answer = await collector.ask_url(answer.links["next"]["url"])
    assert sorted(seen) == sorted([*names, "=cmd"])
    table = (await collector.ask("vulnerabilities", severity="low", format="csv")).text
    assert "\r\n" in table
    assert ",'=cmd," in table
    assert ",'@x," in table
    for query in ({"severity": "worst"}, {"format": "xml"}, {"cursor": "x"}, {"state": "x"}):
        assert (await collector.ask("vulnerabilities", **query)).status_code == 400


async def test_a_manifest_costs_as_many_statements_whatever_its_size(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs = []
    for size in (2, 1, 500):  # the first makes what all have: source, severity, month, cluster
        names = [f"CVE-{size}-{number}" for number in range(size)]
        with statements(monkeypatch) as seen:
            answer = await collector.http.post(
                f"{IMV}?cluster=c1",
                json=manifest(
                    *names, digest=f"sha256:{size}", package=f"p{size}", image=f"i{size}"
                ),
            )
        assert answer.json()["opened"] == size
        costs.append(len(seen))
    assert costs[1] == costs[2] <= 15, "with whose token it is, BEGIN, the audit log and COMMIT"


async def test_a_chunk_of_validations_is_filled_in_with_few_statements(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await collector.open("deploymentvalidation")
    body = vector(*(("shop", f"o{number}", "1") for number in range(20)))
    with statements(monkeypatch) as seen:
        await collector.post("deploymentvalidation/c1", body, token)
    assert len(seen) <= 10, seen


async def test_others_are_answered_while_a_large_body_is_read(collector: Collector) -> None:
    names = [f"CVE-2020-{number}" for number in range(20_000)]
    body = json.dumps(manifest(*names)).encode() + b" " * (5 << 20)
    worst = 0.0

    async def watch() -> None:
        nonlocal worst
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(0.01)
            worst = max(worst, loop.time() - before)

    watching = asyncio.create_task(watch())
    answer = await collector.http.post(f"{IMV}?cluster=c1", content=body)
    watching.cancel()
    assert answer.json()["opened"] == 20_000
    # Read and stored in the event loop, it would be a second and more.
    assert worst < 0.7
