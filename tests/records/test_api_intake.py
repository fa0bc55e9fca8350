"""Records handed in over HTTP: at once or as snapshots, by our own tokens or as HTTP Basic."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from rest_world import rest_over


def manifest(
    *names: str, digest: str = "sha256:aa", pods: int = 2, severity: str = "High"
) -> dict[str, Any]:
    return {
        "apiVersion": "secscan.quay.redhat.com/v1alpha1",
        "kind": "ImageManifestVuln",
        "metadata": {"namespace": "shop", "name": digest},
        "spec": {
            "image": "quay.io/shop/orders",
            "manifest": digest,
            "features": [
                {
                    "name": "openssl",
                    "version": "1.0",
                    "vulnerabilities": [
                        {"name": name, "namespaceName": "centos:8", "severity": severity}
                        for name in names
                    ],
                }
            ],
        },
        "status": {"affectedPods": {f"shop/p{n}": ["cri-o://x"] for n in range(pods)}},
    }


@pytest.fixture(scope="module")
async def rest(cluster: Any) -> AsyncIterator[Any]:
    from vedette.db import testing
    from vedette.db.create import APP

    name = await testing.clone(cluster.admin)
    async with rest_over(cluster.url(name, APP)) as found:
        yield found
    await testing.drop(cluster.admin, name)


async def test_a_body_is_stored_at_once_and_answered_with_what_is_new(rest: Any) -> None:
    answer = await rest.post(
        "/api/v1/records/imagemanifestvuln?cluster=c1", json=manifest("CVE-2020-1")
    )
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["created"][:2] == [["cluster", "c1"], ["namespace", "shop"]]
    assert said["kind"], said["opened"] == ("imagemanifestvuln", 1)
    listed = await rest.get("/api/v1/vulnerabilities?cluster=c1&namespace=shop")
    (row,) = listed.json()
    assert (row["name"], row["affected_pods"], row["severity"]) == ("CVE-2020-1", 2, "High")
