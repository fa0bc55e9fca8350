"""Finding connectors, modules and record kinds; built-ins use the same door as yours.

Built-ins stand in one explicit table by dotted name and are imported when used; others come by entry
point of the same group. A name that is in both is refused: nobody's plugin can shadow ours.
"""

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from vedette.errors import Conflict, Missing

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILT_IN: dict[str, dict[str, str]] = {
    "vedette.connectors": {
        "cockroachdb": "vedette.agent.connectors.cockroachdb:CockroachDB",
        "command": "vedette.agent.connectors.command:Command",
        "etcd": "vedette.agent.connectors.etcd:Etcd",
        "dns": "vedette.agent.connectors.dns:Dns",
        "envoy": "vedette.agent.connectors.envoy:Envoy",
        "grpc": "vedette.agent.connectors.grpc_health:GrpcHealth",
        "host": "vedette.agent.connectors.host:Host",
        "http": "vedette.agent.connectors.http:Http",
        "kubernetes": "vedette.agent.connectors.kubernetes:Kubernetes",
        "mqtt": "vedette.agent.connectors.mqtt:Mqtt",
        "mysql": "vedette.agent.connectors.mysql:MySQL",
        "nats": "vedette.agent.connectors.nats:Nats",
        "postgres": "vedette.agent.connectors.postgres:Postgres",
        "prometheus": "vedette.agent.connectors.prometheus:Prometheus",
        "rabbitmq": "vedette.agent.connectors.rabbitmq:RabbitMQ",
        "redis": "vedette.agent.connectors.redis:Redis",
        "tcp": "vedette.agent.connectors.tcp:Tcp",
        "tls": "vedette.agent.connectors.tls:Tls",
    },
    "vedette.kinds": {
        "clair": "vedette.records.kinds.clair:Clair",
        "csaf": "vedette.records.kinds.csaf:Csaf",
        "cyclonedx": "vedette.records.kinds.cyclonedx:CycloneDx",
        "deploymentvalidation": "vedette.records.kinds.deploymentvalidation:DeploymentValidation",
        "dora": "vedette.records.kinds.dora:Dora",
        "epss": "vedette.records.kinds.epss:Epss",
        "grype": "vedette.records.kinds.grype:Grype",
        "imagemanifestvuln": "vedette.records.kinds.imagemanifestvuln:ImageManifestVuln",
        "kev": "vedette.records.kinds.kev:Kev",
        "openreports": "vedette.records.kinds.openreports:OpenReports",
        "openslo": "vedette.records.kinds.openslo:OpenSlo",
        "openvex": "vedette.records.kinds.openvex:OpenVex",
        "osv": "vedette.records.kinds.osv:Osv",
        "sarif": "vedette.records.kinds.sarif:Sarif",
        "serviceslometrics": "vedette.records.kinds.serviceslometrics:ServiceSloMetrics",
        "sloth": "vedette.records.kinds.sloth:Sloth",
        "trivy": "vedette.records.kinds.trivy:Trivy",
        "trivy-operator": "vedette.records.kinds.trivy_operator:TrivyOperator",
    },
    "vedette.modules": {
        "agentdestroy": "vedette.agent.modules.agentdestroy:AgentDestroy",
        "example": "vedette.agent.modules.example:Example",
        "command": "vedette.agent.modules.command:Command",
        "audit": "vedette.agent.modules.audit:Audit",
        "dispatch": "vedette.agent.modules.dispatch:Dispatch",
        "file": "vedette.agent.modules.file:File",
        "fswatch": "vedette.agent.modules.fswatch:Fswatch",
        "netstat": "vedette.agent.modules.netstat:Netstat",
        "ping": "vedette.agent.modules.ping:Ping",
        "pkg": "vedette.agent.modules.pkg:Pkg",
        "process": "vedette.agent.modules.process:ProcessModule",
        "services": "vedette.agent.modules.services:Services",
        "sshkey": "vedette.agent.modules.sshkey:Sshkey",
        "sysinfo": "vedette.agent.modules.sysinfo:Sysinfo",
        "timedrift": "vedette.agent.modules.timedrift:Timedrift",
        "users": "vedette.agent.modules.users:Users",
        "memory": "vedette.agent.modules.memory:Memory",
        "osquery": "vedette.agent.modules.osquery:Osquery",
        "scribe": "vedette.agent.modules.scribe:Scribe",
        "yara": "vedette.agent.modules.yara:Yara",
    },
}
"""Group → name → `module:attribute`."""


@cache
def _foreign(group: str) -> dict[str, "EntryPoint"]:
    # Not above: it brings half of the mail library, and a module's process imports only a built-in.
    from importlib.metadata import entry_points

    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=group):
        if entry.name in BUILT_IN.get(group, {}) or entry.name in found:
            raise Conflict(
                f"two plugins of {group} are called {entry.name!r} (one is {entry.value})",
                hint="uninstall one of the two packages",
            )
        found[entry.name] = entry
    return found


def names(group: str) -> list[str]:
    """Return the names one may use in this group, sorted."""
    return sorted({*BUILT_IN.get(group, {}), *_foreign(group)})


def load(group: str, name: str) -> Any:  # noqa: ANN401 - a plugin is whatever its group's contract says
    """Import and return the plugin; raise `Missing` naming what there is."""
    builtin = BUILT_IN.get(group, {}).get(name)
    if builtin is not None:
        module, _, attribute = builtin.partition(":")
        return getattr(import_module(module), attribute)
    entry = _foreign(group).get(name)
    if entry is None:
        what = group.rpartition(".")[2].removesuffix("s")
        raise Missing(
            f"there is no {what} called {name!r}",
            hint=f"installed: {', '.join(names(group)) or 'none'}",
        )
    return entry.load()
