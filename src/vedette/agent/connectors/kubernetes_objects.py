"""Objects of the Kubernetes API, decoded only as far as we look and then kept small; no I/O.

A pod is 5 to 15 KB of JSON; what is kept of it is a few hundred bytes. Unknown fields are skipped
without becoming Python objects.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from sys import intern
from typing import Any, Generic, TypeVar

import msgspec

from vedette.agent.connectors.errors import Fault

T = TypeVar("T")

_QUANTITY = re.compile(r"([+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)(m|u|n|k|M|G|T|P|E|[KMGTPE]i)?")
_FACTORS = {
    "": 1.0, "n": 1e-9, "u": 1e-6, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15,
    "E": 1e18, "Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50,
    "Ei": 2.0**60,
}  # fmt: skip


class Meta(msgspec.Struct, rename="camel"):
    """What every object and every list has."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")

    @property
    def full_name(self) -> str:
        """`namespace/name`, or the name alone."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class _Condition(msgspec.Struct):
    type: str = ""
    status: str = ""
    reason: str = ""


class _NodeSpec(msgspec.Struct):
    unschedulable: bool = False


class _NodeStatus(msgspec.Struct):
    conditions: list[_Condition] = []
    allocatable: dict[str, str] = {}


class _Node(msgspec.Struct):
    metadata: Meta
    spec: _NodeSpec = msgspec.field(default_factory=_NodeSpec)
    status: _NodeStatus = msgspec.field(default_factory=_NodeStatus)


class _Resources(msgspec.Struct):
    requests: dict[str, str] = {}


class _Container(msgspec.Struct):
    resources: _Resources = msgspec.field(default_factory=_Resources)


class _PodSpec(msgspec.Struct, rename="camel"):
    node_name: str = ""
    containers: list[_Container] = []


class _Waiting(msgspec.Struct):
    reason: str = ""


class _ContainerState(msgspec.Struct):
    waiting: _Waiting | None = None


class _ContainerStatus(msgspec.Struct, rename="camel"):
    restart_count: int = 0
    state: _ContainerState = msgspec.field(default_factory=_ContainerState)


class _PodStatus(msgspec.Struct, rename="camel"):
    phase: str = ""
    container_statuses: list[_ContainerStatus] = []
    init_container_statuses: list[_ContainerStatus] = []


class _Pod(msgspec.Struct):
    metadata: Meta
    spec: _PodSpec = msgspec.field(default_factory=_PodSpec)
    status: _PodStatus = msgspec.field(default_factory=_PodStatus)


class _DeploymentSpec(msgspec.Struct):
    replicas: int | None = None


class _DeploymentStatus(msgspec.Struct, rename="camel"):
    available_replicas: int = 0
    ready_replicas: int = 0
    updated_replicas: int = 0
    conditions: list[_Condition] = []


class _Deployment(msgspec.Struct):
    metadata: Meta
    spec: _DeploymentSpec = msgspec.field(default_factory=_DeploymentSpec)
    status: _DeploymentStatus = msgspec.field(default_factory=_DeploymentStatus)


class _ClaimStatus(msgspec.Struct):
    phase: str = ""


class _Claim(msgspec.Struct):
    metadata: Meta
    status: _ClaimStatus = msgspec.field(default_factory=_ClaimStatus)


class _JobStatus(msgspec.Struct):
    active: int = 0
    conditions: list[_Condition] = []


class _Job(msgspec.Struct):
    metadata: Meta
    status: _JobStatus = msgspec.field(default_factory=_JobStatus)


class _CronJobSpec(msgspec.Struct):
    suspend: bool = False


class _CronJobStatus(msgspec.Struct, rename="camel"):
    last_successful_time: datetime | None = None


class _CronJob(msgspec.Struct):
    metadata: Meta
    spec: _CronJobSpec = msgspec.field(default_factory=_CronJobSpec)
    status: _CronJobStatus = msgspec.field(default_factory=_CronJobStatus)


class _TlsData(msgspec.Struct):
    # The private key beside it is skipped by the decoder and becomes nothing here.
    certificate: str = msgspec.field(default="", name="tls.crt")


class _TlsSecret(msgspec.Struct):
    metadata: Meta
    data: _TlsData = msgspec.field(default_factory=_TlsData)


class Page(msgspec.Struct, Generic[T]):
    """A page of a list; an empty list may be null."""

    metadata: Meta
    items: list[T] | None = None


class Event(msgspec.Struct):
    """A line of a watch; the object is decoded when its type is known."""

    type: str
    object: msgspec.Raw


class Status(msgspec.Struct):
    """What the API says instead of an object."""

    code: int = 0
    reason: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """A node. ails: what it says is wrong with it, as in `MemoryPressure`."""

    name: str
    is_ready: bool
    schedulable: bool
    ails: tuple[str, ...]
    cpu: float
    memory: float
    pods: float


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod. waiting: why a container of it does not run, "" when all do; node: "" before it has one."""

    name: str
    phase: str
    node: str
    waiting: str
    restarts: int
    cpu: float
    memory: float


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment. ails: the conditions against it, as in `ProgressDeadlineExceeded`."""

    name: str
    desired: int
    available: int
    ready: int
    updated: int
    ails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of a persistent volume. phase: Pending, Bound or Lost."""

    name: str
    phase: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job."""

    name: str
    active: int
    has_failed: bool


@dataclass(frozen=True, slots=True)
class CronJob:
    """A job that begins by the clock."""

    name: str
    is_suspended: bool
    last_success: datetime | None


@dataclass(frozen=True, slots=True)
class TlsSecret:
    """A certificate as the cluster keeps it: base64 of PEM."""

    name: str
    certificate: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object: where it is listed, how it is decoded and what is kept of it."""

    name: str
    group: str
    form: Any
    keep: Callable[[Any], Any]
    namespaced: bool = True
    query: str = ""

    def path(self, namespace: str) -> str:
        """Return where those of a namespace are listed; of all when it is ""."""
        middle = f"/namespaces/{namespace}" if namespace and self.namespaced else ""
        return f"{self.group}{middle}/{self.name}"


def read_page(kind: Kind, body: bytes) -> "Page[Any]":
    """Read a page of a list; what is none is a `protocol` fault."""
    page: Page[Any] = _decoded(_decoder(kind.form), body)
    return page


def read_object(kind: Kind, body: "bytes | msgspec.Raw") -> Any:  # noqa: ANN401 - as the kind says
    """Read one object."""
    return _decoded(msgspec.json.Decoder(kind.form), body)


def read_event(line: bytes) -> Event:
    """Read a line of a watch."""
    event: Event = _decoded(_EVENT, line)
    return event


def read_status(body: "bytes | msgspec.Raw") -> Status:
    """Read why not; an empty one when the words are not the API's."""
    try:
        return msgspec.json.decode(body, type=Status)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Status()


def quantity(text: str | None) -> float:
    """Return the number of `100m`, `2Gi`, `1e3`; 0 for what is none."""
    parts = _QUANTITY.fullmatch(text or "")
    return float(parts[1]) * _FACTORS[parts[2] or ""] if parts else 0.0


@cache
def _decoder(form: Any) -> Any:  # noqa: ANN401 - a decoder of pages of that form
    page: Any = Page
    return msgspec.json.Decoder(page[form])


_EVENT = msgspec.json.Decoder(Event)


def _decoded(decoder: Any, body: "bytes | msgspec.Raw") -> Any:  # noqa: ANN401
    try:
        return decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Fault("protocol", "what answers is not the Kubernetes API") from None


def _node(node: _Node) -> Node:
    conditions = {c.type: c.status for c in node.status.conditions}
    ails = [c.type for c in node.status.conditions if c.type != "Ready" and c.status == "True"]
    room = node.status.allocatable
    return Node(
        name=node.metadata.name,
        is_ready=conditions.get("Ready") == "True",
        schedulable=not node.spec.unschedulable,
        ails=tuple(sorted(ails)),
        cpu=quantity(room.get("cpu")),
        memory=quantity(room.get("memory")),
        pods=quantity(room.get("pods")),
    )


def _pod(pod: _Pod) -> Pod:
    statuses = [*pod.status.init_container_statuses, *pod.status.container_statuses]
    reasons = [s.state.waiting.reason for s in statuses if s.state.waiting is not None]
    requests = [c.resources.requests for c in pod.spec.containers]
    return Pod(
        name=pod.metadata.full_name,
        phase=intern(pod.status.phase),
        node=intern(pod.spec.node_name),
        waiting=intern(reasons[0]) if reasons else "",
        restarts=sum(s.restart_count for s in statuses),
        cpu=sum(quantity(r.get("cpu")) for r in requests),
        memory=sum(quantity(r.get("memory")) for r in requests),
    )


def _deployment(deployment: _Deployment) -> Deployment:
    ails = [
        c.reason or c.type
        for c in deployment.status.conditions
        if c.type in ("Available", "Progressing") and c.status == "False"
    ]
    replicas, status = deployment.spec.replicas, deployment.status
    return Deployment(
        name=deployment.metadata.full_name,
        desired=1 if replicas is None else replicas,
        available=status.available_replicas,
        ready=status.ready_replicas,
        updated=status.updated_replicas,
        ails=tuple(ails),
    )


def _job(job: _Job) -> Job:
    failed = any(c.type == "Failed" and c.status == "True" for c in job.status.conditions)
    return Job(job.metadata.full_name, job.status.active, failed)


def _cronjob(job: _CronJob) -> CronJob:
    return CronJob(job.metadata.full_name, job.spec.suspend, job.status.last_successful_time)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("nodes", "/api/v1", _Node, _node, namespaced=False),
        Kind("deployments", "/apis/apps/v1", _Deployment, _deployment),
        Kind("pods", "/api/v1", _Pod, _pod),
        Kind(
            "persistentvolumeclaims",
            "/api/v1",
            _Claim,
            lambda claim: Claim(claim.metadata.full_name, intern(claim.status.phase)),
        ),
        Kind("jobs", "/apis/batch/v1", _Job, _job),
        Kind("cronjobs", "/apis/batch/v1", _CronJob, _cronjob),
        Kind(
            "secrets",
            "/api/v1",
            _TlsSecret,
            lambda secret: TlsSecret(secret.metadata.full_name, secret.data.certificate),
            query="fieldSelector=type%3Dkubernetes.io%2Ftls",
        ),
    )
}
"""Name → kind."""
