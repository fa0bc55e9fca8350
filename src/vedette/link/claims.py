"""What an agent or a collector says of itself when it comes."""

from dataclasses import dataclass
from datetime import datetime

from vedette.link import vedette_pb2 as pb
from vedette.link.encode import microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What an agent says of itself; decides nothing.

    modules: what it can run. sandbox_json: what its kernel gives to keep them in. bundle_version: of
    the trust bundle it decides by, 0 for none. mode: daemon, or checkin.
    """

    hostname: str
    os: str
    machine_id: str
    version: str
    pid: int
    started_at: datetime
    environment_json: str = "{}"
    tags_json: str = "{}"
    connectors: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    sandbox_json: str = "{}"
    bundle_version: int = 0
    mode: str = "daemon"


def facts_message(claims: Claims) -> pb.AgentFacts:
    """Return the claims as the wire has them."""
    return pb.AgentFacts(
        hostname=claims.hostname,
        os=claims.os,
        machine_id=claims.machine_id,
        version=claims.version,
        pid=claims.pid,
        started_us=microseconds(claims.started_at),
        environment_json=claims.environment_json,
        tags_json=claims.tags_json,
        connectors=claims.connectors,
        modules=claims.modules,
        sandbox_json=claims.sandbox_json,
        bundle_version=claims.bundle_version,
        mode=claims.mode,
    )
