"""Connector `kubernetes`: a cluster by its API: the server itself, nodes, workloads, pods, claims."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, ClassVar

import msgspec

from vedette.actions.model import Row, Value
from vedette.agent.connector import Description, Look, Setting
from vedette.agent.connectors.certificates import days_left
from vedette.agent.connectors.errors import EXPECTED, Fault, failed, fault_of, gravest, told
from vedette.agent.connectors.kubernetes_access import Access, access_of
from vedette.agent.connectors.kubernetes_commands import COMMANDS, rows_of
from vedette.agent.connectors.kubernetes_feed import Api, Feed
from vedette.agent.connectors.kubernetes_objects import KINDS
from vedette.agent.connectors.kubernetes_secrets import expiries
from vedette.agent.connectors.kubernetes_verdict import (
    LIMITS,
    MEASURES,
    Cluster,
    measured,
    restarts,
)
from vedette.agent.connectors.kubernetes_verdict import (
    fault_of as fault_of_objects,
)
from vedette.agent.connectors.limits import measurements, total
from vedette.agent.connectors.rates import Counters
from vedette.agent.connectors.tls_contexts import TLS_SETTINGS, context_for
from vedette.agent.connectors.wire import all_of, within
from vedette.agent.settings_schema import parse
from vedette.clock import now
from vedette.errors import Invalid
from vedette.health.model import Measurement, Report, State

_FEEDS_SHARE = 0.8
_USUAL = [name for name in KINDS if name != "secrets"]
_FIELDS = {"persistentvolumeclaims": "claims"}


@dataclass(slots=True)
class _Door:
    """What the API server says of itself.

    failing: the checks of /readyz that do not pass.
    """

    fault: Fault | None = None
    rtt_s: float = 0.0
    certificate_days: float | None = None
    facts: dict[str, str] = field(default_factory=dict)


class Kubernetes:
    """Asks the API server how it is, then brings what it knows of the objects up to date."""

    description: ClassVar[Description] = Description(
        name="kubernetes",
        help="Watches a Kubernetes cluster by its API: server, nodes, deployments, pods, claims.",
        settings=(
            Setting("url", "str", "Address of the API, as in https://10.0.0.1:6443."),
            Setting("bearer_token", "str", "Token of a service account.", secret=True),
            Setting("kubeconfig", "str", "A kubeconfig that holds all it needs.", secret=True),
            Setting("context", "str", "The context of the kubeconfig; default its current one."),
            Setting("in_cluster", "bool", "Use the account of the agent's own pod.", default=False),
            *TLS_SETTINGS,
            Setting("namespaces", "list", "Namespaces to look at; default all."),
            Setting("kinds", "list", f"Kinds to look at: {', '.join(_USUAL)}; default all."),
            Setting(
                "certificates",
                "bool",
                "Read TLS secrets to see when they expire; the account must be allowed to.",
                default=False,
            ),
            Setting(
                "expiring_within",
                "duration",
                "Degraded when a certificate has less left.",
                default=7 * 86_400.0,
            ),
        ),
        pack=LIMITS,
        measures=MEASURES,
        entities=("node", "deployment", "pod", "cronjob", "certificate"),
        commands=COMMANDS,
    )

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = parse(self.description, settings)
        ways = [bool(self._settings[name]) for name in ("url", "kubeconfig", "in_cluster")]
        if sum(ways) != 1:
            raise Invalid("kubernetes needs one of the settings 'url', 'kubeconfig', 'in_cluster'")
        self._feeds = _feeds(self._settings)
        self._counters = Counters()
        self._access: Access | None = None

    async def probe(self, look: Look) -> Report:
        """Ask the server, then read what its watches brought."""
        try:
            async with within(look):
                access = self._open()
                api = Api(look, access)
                try:
                    door = await _knock(api)
                finally:
                    api.close()
                faults = await self._refresh(look, access, door)
        except Invalid:
            raise
        except EXPECTED as error:
            # Who cannot be asked is not to be believed by what it said before.
            self._close_feeds()
            return failed(error)
        return self._report(door, faults)

    def _open(self) -> Access:
        # A pod's own files change under us; the rest is as the settings say, which make us anew.
        if self._access is None or self._settings["in_cluster"]:
            self._access = access_of(self._settings)
        elif self._access.tls is not None and self._settings["url"]:
            self._access = replace(self._access, tls=context_for(self._settings))
        return self._access

    async def _refresh(self, look: Look, access: Access, door: _Door) -> dict[str, Fault]:
        if door.fault is not None and door.fault.state is not State.INITIALISING:
            return {}

        faults: dict[str, Fault] = {}

        async def one(feed: Feed) -> None:
            api = Api(look, access)
            try:
                async with asyncio.timeout(look.timeout_s * _FEEDS_SHARE):
                    await feed.refresh(api)
            except TimeoutError:
                words = f"the API does not show {feed.kind.name} in time"
                faults[feed.kind.name] = Fault("slow", words, State.DEGRADED)
            except EXPECTED as error:
                faults[feed.kind.name] = fault_of(error)
            finally:
                api.close()

        await all_of([one(feed) for feed in self._feeds])
        return faults

    def _report(self, door: _Door, faults: Mapping[str, Fault]) -> Report:
        seen = {feed.kind.name for feed in self._feeds} - set(faults)
        cluster = self._cluster(seen) if door.fault is None else Cluster()
        gains = self._counters.gained(restarts(cluster.pods or ()), at=time.monotonic())
        at = now()
        found = measured(cluster, at, total(gains.per_s(pod.name) for pod in cluster.pods or ()))
        found += measurements(
            {"ready_s": door.rtt_s, "api_certificate_days_left": door.certificate_days}
        )
        if "secrets" in seen:
            found += expiries(self._objects("secrets"), at)
        fault = door.fault or self._fault_in(cluster, faults, found)
        return Report(
            state=fault.state if fault else State.UP,
            error_class=fault.error_class if fault else "",
            message=fault.message[:1024] if fault else "",
            rtt=timedelta(seconds=door.rtt_s),
            measurements=tuple(found),
            facts=door.facts | {f"no {name}": f.message[:200] for name, f in faults.items()},
        )

    def _fault_in(
        self, cluster: Cluster, faults: Mapping[str, Fault], found: Sequence[Measurement]
    ) -> Fault | None:
        # What we may not see is said among the facts; when it is all, we are blind.
        hidden = [fault for fault in faults.values() if fault.error_class == "auth"]
        grave = [fault for fault in faults.values() if fault.error_class != "auth"]
        if grave:
            return gravest(grave)
        if hidden and len(hidden) == len({feed.kind.name for feed in self._feeds}):
            return hidden[0]
        return fault_of_objects(cluster) or self._expiring(found)

    def _expiring(self, found: Sequence[Measurement]) -> Fault | None:
        left = [m for m in found if m.name.endswith("certificate_days_left")]
        soon = min(left, key=lambda m: m.value, default=None)
        if soon is None or soon.value * 86_400 >= self._settings["expiring_within"]:
            return None
        whose = soon.entity.partition(":")[2] or "the API"
        words = f"the certificate of {whose} expires in {soon.value:.1f} days"
        return Fault("expiring", words, State.DEGRADED)

    def _cluster(self, seen: set[str]) -> Cluster:
        kinds = {_FIELDS.get(name, name): self._objects(name) for name in seen - {"secrets"}}
        return Cluster(**kinds)

    def _objects(self, kind: str) -> list[Any]:
        return [item for f in self._feeds if f.kind.name == kind for item in f.objects.values()]

    def _close_feeds(self) -> None:
        for feed in self._feeds:
            feed.close()

    async def ask(self, look: Look, name: str, params: Mapping[str, Value]) -> AsyncIterator[Row]:
        """Answer a command of `kubernetes_commands`."""
        namespaces = [str(each) for each in self._settings["namespaces"] or [""]]
        async with within(look):
            api = Api(look, self._open())
            try:
                rows = await rows_of(api, namespaces, name, params)
            finally:
                api.close()
        for row in rows:
            yield row

    async def aclose(self) -> None:
        """Let go of every watch."""
        self._close_feeds()


def _feeds(settings: Mapping[str, Any]) -> list[Feed]:
    wanted = [str(name).lower() for name in settings["kinds"] or _USUAL]
    for name in wanted:
        if name not in _USUAL:
            raise Invalid(f"kinds may not name {name!r}", hint=f"known: {', '.join(_USUAL)}")
    if settings["certificates"]:
        wanted.append("secrets")
    namespaces = [str(name) for name in settings["namespaces"] or [""]]
    for name in namespaces:
        if name and not name.replace("-", "").isalnum():
            raise Invalid(f"{name!r} is no name of a namespace")
    return [
        Feed(kind, namespace)
        for kind in map(KINDS.__getitem__, dict.fromkeys(wanted))
        for namespace in (namespaces if kind.namespaced else [""])
    ]


async def _knock(api: Api) -> _Door:
    """Ask the server how it is; /livez only when it is not ready."""
    answer = await api.get("/readyz?verbose")
    assert api.exchange is not None
    wire = api.exchange.wire
    door = _Door(rtt_s=wire.connect_s + wire.tls_s + answer.first_byte_s)
    if isinstance(wire.tls, ssl.SSLObject):
        door.certificate_days = days_left(wire.tls, now())
    if answer.status == 200:
        await _tell_version(api, door)
        return door
    if answer.status in (401, 403, 404):
        # 403: those who may look at objects may not always ask this; then the objects tell.
        if answer.status != 403:
            api.checked(answer, "/readyz")
        door.facts["no /readyz"] = "this account may not ask for it"
        return door
    failing = [line[3:63] for line in _lines(answer.body) if line.startswith("[-]")]
    words = told("; ".join(failing) or f"/readyz answers {answer.status}", api.look)
    if any("shutdown" in line for line in failing):
        door.fault = Fault("stopping", words, State.DRAINING)
    elif (await api.get("/livez?verbose")).status == 200:
        door.fault = Fault("starting", f"not ready: {words}", State.INITIALISING)
    else:
        door.fault = Fault("unhealthy", f"not ready and not live: {words}")
    return door


async def _tell_version(api: Api, door: _Door) -> None:
    answer = await api.get("/version")
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return
    if isinstance(version := said.get("gitVersion"), str):
        door.facts["version"] = told(version, api.look, limit=64)


def _lines(body: bytes) -> list[str]:
    return body.decode("utf-8", "replace").splitlines()
