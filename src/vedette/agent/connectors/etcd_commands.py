"""What an etcd member can be asked: its cluster's members, and the alarms that are raised."""

from collections.abc import Mapping
from typing import Any

from vedette.actions.model import Column, Command, Row
from vedette.agent.connectors.json_api import objects, text

COMMANDS = (
    Command(
        name="members",
        help="The members of the cluster, as this one knows them.",
        columns=(
            Column("id", "text", "Its number, as etcdctl writes it."),
            Column("name", "text", "Its name; null before it has started."),
            Column("client_urls", "text", "Where it serves clients."),
            Column("peer_urls", "text", "Where it serves the others."),
            Column("is_leader", "boolean", "Whether this member follows it, or is it."),
            Column("is_learner", "boolean", "Whether it has no vote yet."),
        ),
    ),
    Command(
        name="alarms",
        help="The alarms that are raised; none is as it should be.",
        columns=(
            Column("member", "text", "Number of the member that raised it."),
            Column("alarm", "text", "NOSPACE or CORRUPT."),
        ),
    ),
)


def members_of(members: Mapping[str, Any], status: Mapping[str, Any]) -> list[Row]:
    """Return the members, marked by whom this member follows."""
    leader = _hex(status.get("leader"))
    return [
        (
            _hex(member.get("ID")),
            text(member, "name"),
            _joined(member.get("clientURLs")),
            _joined(member.get("peerURLs")),
            leader is not None and _hex(member.get("ID")) == leader,
            member.get("isLearner") is True,
        )
        for member in objects(members, "members")
    ]


def alarms_of(document: Mapping[str, Any]) -> list[Row]:
    """Return the alarms."""
    return [
        (_hex(alarm.get("memberID")), text(alarm, "alarm")) for alarm in objects(document, "alarms")
    ]


def _hex(said: object) -> str | None:
    # 64 bits, which the gateway writes as a text; 0, which is no member, it leaves out.
    try:
        return f"{int(str(said)):x}"
    except ValueError:
        return None


def _joined(urls: object) -> str | None:
    return ", ".join(map(str, urls)) if isinstance(urls, list) and urls else None
