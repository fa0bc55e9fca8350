"""What an agent says of itself when it comes: read with limits, kept as claims."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from vedette.fleet.model import AgentFacts, HelloFacts
from vedette.link import vedette_pb2 as pb
from vedette.link.decode import BadFrame

ENVIRONMENT_LIMIT = 16_384
TAGS_LIMIT = 4_096
CONNECTORS_LIMIT = 500
MODULES_LIMIT = 200
DEPTH_LIMIT = 8


def read_hello(hello: pb.Hello) -> HelloFacts:
    """Return the Hello as nouns; raise `BadFrame` naming what cannot be."""
    return HelloFacts(
        run_id=_uuid(hello.run_id, "run_id"),
        welcomed_run_id=_uuid(hello.welcomed_run_id, "welcomed_run_id")
        if hello.welcomed_run_id
        else None,
        last_seq=hello.last_seq,
        clock=moment(hello.clock_us, "clock_us"),
        config_revision=min(hello.config_revision, (1 << 63) - 1),
        facts=read_facts(hello.facts),
    )


def read_facts(facts: pb.AgentFacts) -> AgentFacts:
    """Return the claims of an agent; raise `BadFrame` when they are too large or no JSON objects."""
    if len(facts.connectors) > CONNECTORS_LIMIT:
        raise BadFrame("bad_frame", f"an agent names {len(facts.connectors)} connectors")
    if len(facts.modules) > MODULES_LIMIT:
        raise BadFrame("bad_frame", f"an agent names {len(facts.modules)} modules")
    return AgentFacts(
        hostname=facts.hostname,
        os=facts.os,
        machine_id=facts.machine_id,
        version=facts.version,
        pid=min(facts.pid, (1 << 31) - 1),
        started_at=moment(facts.started_us, "started_us") if facts.started_us else None,
        environment=_object(facts.environment_json, "environment_json", ENVIRONMENT_LIMIT),
        tags=_object(facts.tags_json, "tags_json", TAGS_LIMIT),
        connectors=tuple(facts.connectors),
        modules=tuple(facts.modules),
        sandbox=_object(facts.sandbox_json, "sandbox_json", TAGS_LIMIT),
        bundle_version=min(facts.bundle_version, (1 << 53) - 1),
        mode="checkin" if facts.mode == "checkin" else "daemon",
    )


def _uuid(text: str, field: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadFrame("bad_frame", f"{field} is not a UUID") from None


def moment(us: int, field: str) -> datetime:
    """Return that many µs since 1970 as an aware time; raise `BadFrame` when there is no such time."""
    try:
        return datetime.fromtimestamp(us / 1e6, tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise BadFrame("bad_frame", f"{field} is a time that does not exist") from None


def _object(text: str, field: str, limit: int) -> dict[str, Any]:
    if not text:
        return {}
    if len(text) > limit:
        raise BadFrame("bad_frame", f"{field} is longer than {limit} characters")
    try:
        found = msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise BadFrame("bad_frame", f"{field} is not a JSON object") from None
    if not _is_storable(found, DEPTH_LIMIT):
        raise BadFrame("bad_frame", f"{field} is nested deeper than {DEPTH_LIMIT} or holds a NUL")
    return found


def _is_storable(value: object, depth: int) -> bool:
    if isinstance(value, str):
        return "\x00" not in value
    if isinstance(value, dict):
        return depth > 0 and all(
            "\x00" not in key and _is_storable(each, depth - 1) for key, each in value.items()
        )
    if isinstance(value, list):
        return depth > 0 and all(_is_storable(each, depth - 1) for each in value)
    return True
