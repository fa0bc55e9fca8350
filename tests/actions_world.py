"""A fleet that trusts: roots, investigators with weights, agents with keys, actions they signed."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from factories import make_agent
from signing_world import ssh_public, ssh_sign
from vedette.actions.document import Action, Operation, signed_text
from vedette.actions.document_write import sealed, write_action
from vedette.actions.push_trust import push_trust
from vedette.trust.bundle import (
    AgentGroup,
    Bundle,
    Investigator,
    Minimum,
    Roots,
    Weight,
    write_bundle,
)
from vedette.trust.bundle import (
    signed_text as bundle_text,
)
from vedette.trust.signed import Signed

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEOPLE = ("ada", "bob", "eve")


def bundle(version=1, *, minimum=2, made_at=NOW - timedelta(days=1), **changes):
    """Ada and Bob weigh 1 each for everything on every agent, Eve nothing; `minimum` is needed."""
    fields = {
        "fleet": "tests",
        "version": version,
        "made_at": made_at,
        "expires_at": NOW + timedelta(days=30),
        "roots": Roots(threshold=1, keys=(ssh_public("root"),)),
        "investigators": tuple(
            Investigator(name=name, keys=(ssh_public(name),)) for name in PEOPLE
        ),
        "groups": (AgentGroup(name="all", agents=("*",)),),
        "minimums": (Minimum(group="all", module="*", weight=minimum),),
        "weights": tuple(
            Weight(investigator=name, group="all", module="*", weight=1) for name in PEOPLE[:2]
        ),
    }
    return Bundle(**{**fields, **changes})


def signed_bundle(made=None, *, roots=("root",)):
    document = write_bundle(made or bundle())
    text = bundle_text(document)
    return Signed(document, tuple(ssh_sign(text, root, "vedette-trust") for root in roots))


def action(name="look", *, target="os='linux'", modules=("file",), now=NOW, nonce="", **changes):
    """An action of version 3 for an hour from `now`, signed by nobody."""
    draft = Action(
        syntax_version=3,
        name=name,
        target=target,
        operations=tuple(Operation(module, {}) for module in modules),
        valid_from=now - timedelta(minutes=1),
        expire_after=now + timedelta(hours=1),
        **changes,
    )
    return sealed(draft, nonce=nonce or hashlib.md5(name.encode()).hexdigest())


def signed_by(made, *people):
    """The file of the action with the signatures of these people."""
    text = signed_text(made)
    return write_action(replace(made, signatures=tuple(ssh_sign(text, one) for one in people)))


async def trusting(conn, made=None):
    """Push the bundle."""
    return await push_trust(conn, signed_bundle(made), by="root", now=NOW)


async def agents(conn, count=2, *, online=True, now=NOW, os="linux"):
    """Agents with keys of their own and an open stream, name → (id, private key)."""
    found = {}
    for number in range(count):
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        name = f"{os}-{number + 1}"
        agent_id = await make_agent(conn, name)
        await conn.execute(
            "UPDATE fleet.agent SET key_fingerprint = %s, public_key = %s, os = %s, queueloc = %s"
            " WHERE id = %s",
            [hashlib.sha256(public).digest(), public, os, f"{os}.{name}", agent_id],
        )
        if online:
            await come(conn, agent_id, now=now)
        found[name] = (agent_id, key)
    return found


async def come(conn, agent_id, *, epoch=1, now=NOW):
    """The agent's stream of that epoch opens."""
    await conn.execute(
        "INSERT INTO fleet.stream (agent_id, epoch, connected_at, heartbeat_at) VALUES (%s, %s, %s, now())"
        " ON CONFLICT (agent_id) DO UPDATE SET epoch = excluded.epoch, disconnected_at = NULL, heartbeat_at = now()",
        [agent_id, epoch, now],
    )


def answer_body(command_id, status="success", *, found=True, elements=None, **further):
    """What an agent says, as the bytes it signs."""
    said = {
        "command": command_id,
        "digest": "0" * 64,
        "status": status,
        "results": [
            {
                "foundanything": found,
                "success": status == "success",
                "elements": elements,
                "statistics": {"took": command_id},
                "errors": None,
            }
        ],
        **further,
    }
    return msgspec.json.encode(said)
