"""What a Kubernetes cluster holds: namespaces, workloads with their images, services one could watch."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from vedette.agent.connector import Look
from vedette.agent.connectors.errors import EXPECTED, Fault, fault_of
from vedette.agent.connectors.kubernetes_access import (
    ACCOUNT,
    Access,
    kubeconfig_access,
    own_access,
)
from vedette.agent.connectors.kubernetes_feed import Api, listed
from vedette.agent.connectors.kubernetes_objects import Kind, Meta
from vedette.agent.discover import Found, Listener, Progress, suggest
from vedette.agent.discover_knocks import Heard
from vedette.agent.reach import HostReach
from vedette.errors import Invalid, Unavailable

_LOOK_S = 60.0
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease")

_BY_IMAGE = {
    "postgres": "postgres", "timescaledb": "postgres", "redis": "redis", "valkey": "redis",
    "mariadb": "mysql", "mysql": "mysql", "nats": "nats", "rabbitmq": "amqp",
    "eclipse-mosquitto": "mqtt", "etcd": "etcd",
}  # fmt: skip
"""Last part of an image's name → what it speaks."""


class _Container(msgspec.Struct):
    image: str = ""


class _PodSpec(msgspec.Struct):
    containers: list[_Container] = []


class _Labelled(msgspec.Struct):
    labels: dict[str, str] = {}


class _Template(msgspec.Struct):
    metadata: _Labelled = msgspec.field(default_factory=_Labelled)
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)


class _Spec(msgspec.Struct):
    template: _Template = msgspec.field(default_factory=_Template)


class _Workload(msgspec.Struct):
    metadata: Meta
    spec: _Spec = msgspec.field(default_factory=_Spec)


class _Port(msgspec.Struct):
    port: int = 0
    protocol: str = "TCP"


class _ServiceSpec(msgspec.Struct):
    ports: list[_Port] = []
    selector: dict[str, str] = {}


class _Service(msgspec.Struct):
    metadata: Meta
    spec: _ServiceSpec = msgspec.field(default_factory=_ServiceSpec)


class _Namespace(msgspec.Struct):
    metadata: Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Something that runs there. kind: as in `deployment`."""

    kind: str
    namespace: str
    name: str
    images: tuple[str, ...]
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """A cluster; hidden: what the account may not see, and why."""

    namespaces: list[str]
    workloads: list[Workload]
    targets: list[Found]
    hidden: dict[str, str]


def access_for(kubeconfig: Path | None) -> Access | None:
    """Return what opens the cluster: the file, `KUBECONFIG`, or our own pod; None without any."""
    named = kubeconfig or (Path(os.environ["KUBECONFIG"]) if os.environ.get("KUBECONFIG") else None)
    if named is not None:
        try:
            text = named.read_text()
        except OSError as error:
            raise Invalid(f"{named} cannot be read: {error.strerror}") from None
        # The operator's own file, on the operator's own machine: it may refer to others.
        return kubeconfig_access(text, folder=named.parent)
    return own_access() if (ACCOUNT / "token").exists() else None


async def discover_cluster(
    access: Access, kubeconfig: Path | None, progress: Progress
) -> Inventory:
    """Ask the API for namespaces, workloads and services."""
    progress(f"asking {access.address.url}")
    hidden: dict[str, str] = {}
    look = Look(target="discover", settings={}, timeout_s=_LOOK_S, reach=HostReach([]))
    api = Api(look, access)
    seen: dict[str, list[Any]] = {}
    try:
        for kind in _KINDS:
            try:
                objects, _ = await listed(api, kind, kind.path(""))
                seen[kind.name] = list(objects.values())
                progress(f"{len(objects)} {kind.name}")
            except Fault as fault:
                hidden[kind.name] = fault.message
    except EXPECTED as error:
        raise Unavailable(f"{access.address.url}: {fault_of(error).message}") from None
    finally:
        api.close()
    if len(hidden) == len(_KINDS):
        raise Unavailable(f"{access.address.url} shows nothing: {next(iter(hidden.values()))}")
    workloads = [item for name in _RUNNING for item in seen.get(name, ())]
    return Inventory(
        namespaces=sorted(seen.get("namespaces", ())),
        workloads=workloads,
        targets=[_itself(access, kubeconfig), *_services(seen.get("services", ()), workloads)],
        hidden=hidden,
    )


def _itself(access: Access, kubeconfig: Path | None) -> Found:
    settings: dict[str, Any] = {"in_cluster": True}
    note = "the agent's pod needs an account that may list and watch"
    if kubeconfig is not None:
        settings = {"kubeconfig_file": kubeconfig.name}
        note = "lay the flattened kubeconfig into secrets_dir of the agent that looks"
    where = f"{access.address.host}:{access.address.port}"
    return Found(
        name="kubernetes", connector="kubernetes", where=where, settings=settings, note=note
    )


def _services(services: "list[_Service] | tuple[()]", workloads: list[Workload]) -> list[Found]:
    found = []
    for service in services:
        meta, spec = service.metadata, service.spec
        if meta.namespace in _SYSTEM or not spec.selector:
            continue
        speaks = _speaks(meta.namespace, spec.selector, workloads)
        ports = [port.port for port in spec.ports if port.protocol == "TCP"]
        if not speaks or not ports:
            continue
        host = f"{meta.name}.{meta.namespace}.svc"
        # The address stands in for a name that only resolves inside.
        target = suggest(Listener("127.0.0.1", ports[0]), speaks, Heard(speaks))
        settings = {
            key: value.replace("127.0.0.1", host) if isinstance(value, str) else value
            for key, value in target.settings.items()
        }
        found.append(
            Found(
                name=f"{meta.namespace}-{meta.name}",
                connector=target.connector,
                where=f"{host}:{ports[0]}",
                settings=settings,
                note="; ".join(filter(None, (target.note, "an agent in the cluster reaches it"))),
            )
        )
    return found


def _speaks(namespace: str, selector: Mapping[str, str], workloads: list[Workload]) -> str:
    for workload in workloads:
        if workload.namespace != namespace or not selector.items() <= workload.labels.items():
            continue
        for image in workload.images:
            bare = image.partition("@")[0].rpartition("/")[2].partition(":")[0]
            if speaks := _BY_IMAGE.get(bare):
                return speaks
    return ""


def _workload(kind: str) -> Any:  # noqa: ANN401 - the reader of that kind
    def keep(item: _Workload) -> Workload:
        images = tuple(dict.fromkeys(c.image for c in item.spec.template.spec.containers))
        return Workload(
            kind=kind,
            namespace=item.metadata.namespace,
            name=item.metadata.name,
            images=images,
            labels=item.spec.template.metadata.labels,
        )

    return keep


_RUNNING = ("deployments", "statefulsets", "daemonsets")
_KINDS = (
    Kind("namespaces", "/api/v1", _Namespace, lambda one: one.metadata.name, namespaced=False),
    *(
        Kind(name, "/apis/apps/v1", _Workload, _workload(name.removesuffix("s")))
        for name in _RUNNING
    ),
    Kind("services", "/api/v1", _Service, lambda service: service),
)
