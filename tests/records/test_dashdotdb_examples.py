"""Dash.DB's own examples, through its own calls: what it shows of them, we show."""

import json
from collections import Counter
from pathlib import Path

from dashdotdb_world import world_over
from test_dashdotdb import samples

from record_documents import fixture

FOLDER = "dashdotdb"


async def test_its_examples_are_shown_as_it_shows_them(fresh_app_url: str, tmp_path: Path) -> None:
    names = ("imagemanifestvuln", "deploymentvalidation", "serviceslometrics", "dora")
    documents = {name: fixture(f"{FOLDER}/{name}.json") for name in names}
    async with world_over(fresh_app_url, tmp_path) as world:
        collector = await world.collector()
        for name in names[:3]:
            path = f"{name}/cluster-01"
            await collector.run(name, [(path, document.value) for document in documents[name]])
        namespace = documents["imagemanifestvuln"][0].value["metadata"]["namespace"]
        answer = await collector.get("imagemanifestvuln", cluster="cluster-01", namespace=namespace)
        rows = answer.json()
        assert len(rows) == 48
        assert {row["affected_pods"] for row in rows} == {12}
        assert Counter(row["severity"] for row in rows) == {"Medium": 34, "High": 14}
        assert {row["manifest"] for row in rows} == {"sha256:45cacb3"}
        given = {
            (feature["name"], found["name"], found["namespaceName"], found.get("link"))
            for feature in documents["imagemanifestvuln"][0].value["spec"]["features"]
            for found in feature.get("vulnerabilities") or ()
        }
        shown = {(row["package"], row["vulnerability"], row["name"], row["link"]) for row in rows}
        assert shown == given
        assert answer.text == json.dumps(rows, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        told = await samples(collector, "imagemanifestvuln")
        of_namespace = ("imagemanifestvuln_total", "cluster-01", namespace)
        assert told[*of_namespace, "Medium"] == 34 * 12
        assert told[*of_namespace, "High"] == 14 * 12
        checks = await samples(collector, "deploymentvalidation")
        found = documents["deploymentvalidation"][0].value["data"]["result"]
        objects = sum(
            value for key, value in checks.items() if key[0] == "deploymentvalidation_total"
        )
        assert objects == len(found)
        assert "serviceslometrics" in {
            key[0] for key in await samples(collector, "serviceslometrics")
        }
        token = await collector.open("dora")
        sent = await collector.post("dora", documents["dora"][0].value, token)
        assert sent.status_code == 201, sent.text
        assert len(sent.json()["created"]) == len(documents["dora"][0].value["deployments"])
