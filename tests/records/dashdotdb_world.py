"""A server of ours on a socket, and clients that speak to it as Dash.DB's do (their calls, in their order)."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from rest_world import Rest, rest_over
from vedette import clock
from vedette.access.tokens import create_token
from vedette.app.addresses import Address
from vedette.app.front import front
from vedette.app.httpd import httpd, serving
from vedette.app.options import Options
from vedette.records.options import RecordOptions

EXAMPLE_PODS = 12


def manifest(
    *names: str,
    digest: str = "sha256:45cacb3f",
    pods: int = 2,
    severity: str = "High",
    namespace: str = "shop",
    package: str = "openssl",
    image: str = "quay.io/shop/orders",
) -> dict[str, Any]:
    """Return a resource of Quay's operator."""
    return {
        "apiVersion": "secscan.quay.redhat.com/v1alpha1",
        "kind": "ImageManifestVuln",
        "metadata": {"namespace": namespace, "name": digest},
        "spec": {
            "image": image,
            "manifest": digest,
            "features": [
                {
                    "name": package,
                    "version": "1.0",
                    "vulnerabilities": [
                        {
                            "name": name,
                            "namespaceName": "centos:8",
                            "severity": severity,
                            "fixedby": "1.1",
                            "link": f"https://access.example/{name}",
                        }
                        for name in names
                    ],
                }
            ],
        },
        "status": {"affectedPods": {f"{namespace}/p{n}": ["cri-o://x"] for n in range(pods)}},
    }


def vector(*samples: tuple[str, str, str], check: str = "unset_cpu_requirements") -> dict[str, Any]:
    """Return what Prometheus answers: (namespace, object, "0" or "1") each."""
    return {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [
                {
                    "metric": {
                        "__name__": f"deployment_validation_operator_{check}",
                        "kind": "Deployment",
                        "name": name,
                        "exported_namespace": namespace,
                        "job": "dvo",
                    },
                    "value": [1_790_000_000.1, word],
                }
                for namespace, name, word in samples
            ],
        },
    }


def slo(name: str = "orders-availability", cluster: str = "c1", **more: Any) -> dict[str, Any]:
    """Return a value of an SLO."""
    return {
        "name": name,
        "SLIType": "availability",
        "SLODoc": {"name": "orders-slo"},
        "namespace": {"name": "shop"},
        "cluster": {"name": cluster},
        "service": {"name": "orders"},
        "value": 99.5,
        "target": 99.0,
    } | more


class Collector:
    """One of qontract-reconcile's: a token, items with it, the token closed. HTTP Basic on every call."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.http = httpx.AsyncClient(
            base_url=url, auth=(user, password), timeout=httpx.Timeout(120, connect=5)
        )
        self.basic = (user, password)

    async def open(self, scope: str) -> str:
        """Ask for a token, and read it as they do."""
        answer = await self.http.get("/api/v1/token", params={"scope": scope})
        answer.raise_for_status()
        return answer.text.replace('"', "").strip()

    async def post(self, path: str, body: Any, token: str | None) -> httpx.Response:
        """Post an item."""
        headers = {"X-Auth": token} if token else {}
        return await self.http.post(f"/api/v1/{path}", json=body, headers=headers)

    async def close(self, token: str, scope: str) -> httpx.Response:
        """Close the token."""
        return await self.http.delete(f"/api/v1/token/{token}", params={"scope": scope})

    async def run(self, scope: str, items: list[tuple[str, Any]]) -> None:
        """Do a whole run: two posts at a time, as their default is."""
        token = await self.open(scope)
        two = asyncio.Semaphore(2)

        async def one(path: str, body: Any) -> None:
            async with two:
                (await self.post(path, body, token)).raise_for_status()

        await asyncio.gather(*(one(path, body) for path, body in items))
        (await self.close(token, scope)).raise_for_status()

    async def ask(self, path: str, **query: str) -> httpx.Response:
        """Read one of our own routes, with the token as ours are shown."""
        return await self.ask_url(str(httpx.URL(f"/api/v1/{path}", params=query)))

    async def ask_url(self, url: str) -> httpx.Response:
        """Follow a link."""
        shown = {"Authorization": f"Bearer {self.basic[1]}"}
        return await self.http.get(url, headers=shown, auth=None)

    async def get(self, path: str, **query: str) -> httpx.Response:
        """Read."""
        return await self.http.get(f"/api/v1/{path}", params=query)


class World:
    """The server, its database and its address."""

    def __init__(self, rest: Rest, url: str) -> None:
        self.rest, self.url = rest, url

    async def collector(
        self, name: str = "qontract", scopes: tuple[str, ...] = ("records:write", "records:read")
    ) -> Collector:
        """Return a client with a token of its own."""
        async with self.rest.pool.connection() as conn:
            secret = await create_token(
                conn,
                name,
                scopes,
                pepper=self.rest.secrets.pepper,
                by="test",
                now=clock.now(),
            )
        return Collector(self.url, name, secret)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return what the database says."""
        async with self.rest.pool.connection() as conn:
            return await (await conn.execute(sql.encode())).fetchall()


@asynccontextmanager
async def world_over(dsn: str, folder: Path, **options: Any) -> AsyncIterator[World]:
    """Serve on a socket over this database; options: of records."""
    async with rest_over(dsn, records=RecordOptions(**options)) as rest:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            somewhere = Address("127.0.0.1", 0)
            told = Options(
                http=Address("127.0.0.1", port),
                grpc=somewhere,
                grpc_clients=somewhere,
                seal_key=folder / "seal.key",
            )
            async with serving(httpd(front({}, rest.app), told), listening):
                yield World(rest, f"http://127.0.0.1:{port}")
