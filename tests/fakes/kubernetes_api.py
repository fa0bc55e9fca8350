"""A Kubernetes API server as far as list and watch go: pages, versions, bookmarks, 410, refusals."""

import asyncio
import base64
import json
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

FORMS = {
    "nodes": "/api/v1",
    "pods": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
    "secrets": "/api/v1",
    "services": "/api/v1",
    "events": "/api/v1",
    "namespaces": "/api/v1",
    "deployments": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "daemonsets": "/apis/apps/v1",
    "jobs": "/apis/batch/v1",
    "cronjobs": "/apis/batch/v1",
}


class KubernetesApi:
    """failing: checks of /readyz that fail. forbidden: (verb, kind). token: what must be shown.

    hang: kinds that are never answered. raw: kind → bytes in place of a list.
    """

    def __init__(self, token="") -> None:
        self.objects = {kind: {} for kind in FORMS}
        self.version = 1000
        self.oldest = 0
        self.log = {kind: [] for kind in FORMS}
        self.changed = asyncio.Condition()
        self.watches = dict.fromkeys(FORMS, 0)
        self.asked: list[str] = []
        self.failing: list[str] = []
        self.live = True
        self.forbidden: set[tuple[str, str]] = set()
        self.hang: set[str] = set()
        self.raw: dict[str, bytes] = {}
        self.token = token
        self.writers: set[asyncio.StreamWriter] = set()
        self.unhang = asyncio.Event()
        self.page_max = 10_000

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def put(self, kind, name, namespace="", **parts):
        known = (namespace, name) in self.objects[kind]
        await self._change(kind, "MODIFIED" if known else "ADDED", name, namespace, parts)

    async def delete(self, kind, name, namespace=""):
        await self._change(kind, "DELETED", name, namespace, {})

    async def _change(self, kind, type_, name, namespace, parts):
        self.version += 1
        metadata = {"name": name, "uid": f"u-{name}", "resourceVersion": str(self.version)}
        if namespace:
            metadata["namespace"] = namespace
        item = {"metadata": metadata | {"labels": {"x": "y"}, "managedFields": [{"a": 1}]}, **parts}
        if type_ == "DELETED":
            item = self.objects[kind].pop((namespace, name)) | {"metadata": item["metadata"]}
        else:
            self.objects[kind][(namespace, name)] = item
        self.log[kind].append((self.version, {"type": type_, "object": item}))
        async with self.changed:
            self.changed.notify_all()

    def compact(self):
        """Forget what came before, as etcd does: whoever asks for it is told 410."""
        self.version += 10
        self.oldest = self.version

    async def watched(self, kind, times=1):
        async with asyncio.timeout(5):
            while self.watches[kind] < times:  # noqa: ASYNC110
                await asyncio.sleep(0.005)

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                if not await self._answer(head, writer):
                    break
        except (EOFError, ConnectionError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    def hang_up(self):
        """Cut every connection."""
        for writer in list(self.writers):
            writer.transport.abort()

    async def _answer(self, head, writer) -> bool:
        target = head[0].split(" ")[1]
        self.asked.append(target)
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
        split = urlsplit(target)
        query = {key: values[0] for key, values in parse_qs(split.query).items()}
        if self.token and headers.get("authorization") != f"bearer {self.token.lower()}":
            return await self._status(writer, 401, "Unauthorized")
        if split.path in ("/readyz", "/livez"):
            return await self._health(writer, split.path)
        if split.path == "/version":
            return await self._send(writer, 200, json.dumps({"gitVersion": "v1.34.2"}).encode())
        kind = split.path.rpartition("/")[2]
        if kind not in FORMS or not split.path.startswith(FORMS[kind]):
            return await self._status(writer, 404, "the server could not find it")
        middle = split.path.removeprefix(FORMS[kind]).removesuffix(f"/{kind}").split("/")
        namespace = middle[2] if len(middle) > 2 else ""
        if kind in self.hang:
            await self.unhang.wait()
        verb = "watch" if "watch" in query else "list"
        if (verb, kind) in self.forbidden:
            return await self._status(writer, 403, f"{kind} is forbidden: cannot {verb} resource")
        if verb == "watch":
            await self._watch(writer, kind, namespace, int(query["resourceVersion"]))
            return False
        return await self._list(writer, kind, namespace, query)

    async def _health(self, writer, path):
        if path == "/livez" and self.live:
            return await self._send(writer, 200, b"ok")
        lines = ["[+]ping ok", *(f"[-]{name} failed: reason withheld" for name in self.failing)]
        lines.append(f"{path[1:]} check " + ("failed" if self.failing else "passed"))
        return await self._send(writer, 500 if self.failing else 200, "\n".join(lines).encode())

    async def _list(self, writer, kind, namespace, query):
        if kind in self.raw:
            return await self._send(writer, 200, self.raw[kind])
        items = [v for (ns, _), v in sorted(self.objects[kind].items()) if namespace in ("", ns)]
        if (
            wanted := query.get("fieldSelector", "").removeprefix("type=")
            if kind == "events"
            else ""
        ):
            items = [item for item in items if item["type"] == wanted]
        start, metadata = 0, {"resourceVersion": str(self.version)}
        if token := query.get("continue"):
            version, start = json.loads(base64.urlsafe_b64decode(token))
            if version < self.oldest:
                return await self._status(writer, 410, "The provided continue parameter is too old")
            metadata["resourceVersion"] = str(version)
        end = start + min(int(query.get("limit", 10_000)), self.page_max)
        if end < len(items):
            more = json.dumps([int(metadata["resourceVersion"]), end]).encode()
            metadata["continue"] = base64.urlsafe_b64encode(more).decode()
        body = {"kind": "List", "metadata": metadata, "items": items[start:end] or None}
        return await self._send(writer, 200, json.dumps(body).encode())

    async def _watch(self, writer, kind, namespace, version):
        if version < self.oldest:
            await self._status(writer, 410, "too old resource version")
            return
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.watches[kind] += 1
        while not writer.is_closing():
            for at, event in list(self.log[kind]):
                if at > version:
                    version = at
                    if namespace in ("", event["object"]["metadata"].get("namespace", "")):
                        self._line(writer, event)
            if version < self.version:
                version = self.version
                bookmark = {"metadata": {"resourceVersion": str(version)}}
                self._line(writer, {"type": "BOOKMARK", "object": bookmark})
            await writer.drain()
            async with self.changed:
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await self.changed.wait()
            if version < self.oldest and kind in self.raw:
                status = {"kind": "Status", "code": 410, "reason": "Expired"}
                self._line(writer, {"type": "ERROR", "object": status})
                return

    def _line(self, writer, event):
        line = json.dumps(event).encode() + b"\n"
        writer.write(b"%x\r\n%b\r\n" % (len(line), line))

    async def _status(self, writer, code, message):
        body = {"kind": "Status", "status": "Failure", "message": message, "code": code}
        return await self._send(writer, code, json.dumps(body).encode())

    async def _send(self, writer, status, body):
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)
        await writer.drain()
        return True


@asynccontextmanager
async def kubernetes_api(*, token="", tls=None):
    api = KubernetesApi(token)
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, ssl=tls)
    api.port = server.sockets[0].getsockname()[1]
    api.server = server
    try:
        yield api
    finally:
        server.close()
        api.hang_up()
        api.unhang.set()
        async with asyncio.timeout(5):
            while api.writers:  # noqa: ASYNC110
                await asyncio.sleep(0.005)


def node(*, ready="True", unschedulable=False, **conditions):
    said = [{"type": "Ready", "status": ready, "reason": "KubeletReady"}]
    said += [{"type": kind, "status": status} for kind, status in conditions.items()]
    return {
        "spec": {"unschedulable": True} if unschedulable else {},
        "status": {
            "conditions": said,
            "allocatable": {"cpu": "3920m", "memory": "8Gi", "pods": "110"},
        },
    }


def pod(*, on="n1", phase="Running", waiting="", restarts=0, cpu="100m", memory="128Mi"):
    state = {"waiting": {"reason": waiting}} if waiting else {"running": {}}
    requests = {"cpu": cpu, "memory": memory}
    return {
        "spec": {
            "nodeName": on,
            "containers": [{"image": "shop/x:1", "resources": {"requests": requests}}],
        },
        "status": {
            "phase": phase,
            "containerStatuses": [{"restartCount": restarts, "state": state}],
        },
    }


def deployment(desired=2, available=2, **conditions):
    said = [{"type": kind, "status": status} for kind, status in conditions.items()]
    return {
        "spec": {
            "replicas": desired,
            "template": {"spec": {"containers": [{"image": "shop/x:1"}]}},
        },
        "status": {
            "availableReplicas": available,
            "readyReplicas": available,
            "updatedReplicas": desired,
            "conditions": said,
        },
    }
