"""Actions as pages show them: one that waits, one that some answered, one that is over."""

from dataclasses import replace
from datetime import timedelta

import msgspec

from actions_world import NOW, action, agents, bundle, come, signed_by, trusting
from factories import make_agent
from vedette.actions.command import Answer, Launch, Outcome
from vedette.actions.document import Description, Operation, Threat
from vedette.actions.document_write import sealed
from vedette.actions.launch import propose
from vedette.actions.settle import settle

ACTIONS_AT = NOW
FOUND = {
    "keys": [
        {"file": "/root/.ssh/authorized_keys", "fileinfo": {"size": 812, "mode": "-rw-------"}},
        {"file": "/home/ada/.ssh/id_rsa", "fileinfo": {"size": 2602, "mode": "-rw-r--r--"}},
    ]
}
SEARCH = {"searches": {"keys": {"paths": ["/root", "/home"], "names": ["^id_"], "options": {}}}}


def a_search(name, *, now=NOW, **changes):
    """An action that looks for keys."""
    made = action(name, now=now)
    draft = replace(
        made,
        operations=(Operation("file", SEARCH),),
        description=Description(author="Ada", url="https://wiki.example.org/keys"),
        threat=Threat(ref="TI-7", level="high"),
        reason="a laptop was lost",
        document=b"",
        **changes,
    )
    return sealed(draft, nonce=made.nonce)


async def handed_in(conn, made, *people, now=NOW, **launch):
    """Hand the action in with these signatures; return how it stands."""
    return await propose(conn, signed_by(made, *people), by="ada", now=now, launch=Launch(**launch))


def answer(command_id, agent_id, outcome="success", *, found=True, elements=None, **said):
    """What an agent answered, as the link hands it on."""
    body = {
        "command": command_id,
        "status": outcome,
        "results": [
            {"foundanything": found, "success": True, "elements": elements, "errors": said.pop("errors", None)}
        ],
    }  # fmt: skip
    return Answer(
        command_id=command_id,
        agent_id=agent_id,
        outcome=Outcome(outcome),
        reason=said.get("reason", ""),
        message=said.get("message", ""),
        truncated=False,
        found=found,
        took_ms=1_250,
        body=msgspec.json.encode(body).decode(),
        signature=b"s",
        alike=msgspec.json.encode([found, elements])[:32],
    )


async def commands_of(conn, action_id):
    """Return (command, agent) in the order of the agents' names, each carried down."""
    await conn.execute(
        "UPDATE actions.command SET state = 'inflight', epoch = 1, sent_at = %s WHERE action_id = %s",
        [NOW, action_id],
    )
    found = await conn.execute(
        "SELECT c.id, c.agent_id FROM actions.command AS c JOIN fleet.agent AS a ON a.id = c.agent_id"
        " WHERE action_id = %s ORDER BY a.name",
        [action_id],
    )
    return await found.fetchall()


async def quarantine(conn, name):
    """The agent gets no orders."""
    await conn.execute(
        "UPDATE fleet.agent SET quarantined_at = %s, quarantined_why = 'it said too much' WHERE name = %s",
        [NOW, name],
    )


async def fill(conn, *, now=NOW, hosts=8):
    """Make agents and three actions; return the actions' numbers by name."""
    trusted = bundle(made_at=now - timedelta(days=1), expires_at=now + timedelta(days=30))
    await trusting(conn, trusted)
    await agents(conn, hosts, now=now)
    waits = await handed_in(conn, a_search("find stray keys", now=now), "ada", now=now)
    runs = await handed_in(conn, a_search("find lost keys", now=now), "ada", "bob", now=now)
    todo = await commands_of(conn, runs.id)
    said = [
        answer(*todo[0], elements=FOUND),
        answer(*todo[1], elements=FOUND),
        answer(*todo[2], found=False, elements={"keys": []}),
        answer(*todo[3], "failed", found=False, reason="crashed", message="the module ended with 1"),
        answer(*todo[4], "refused", found=False, reason="unknown-signer", message="bob is not in my bundle"),
    ]  # fmt: skip
    await settle(conn, said, now=now)
    await conn.execute(
        "UPDATE fleet.stream SET disconnected_at = now() WHERE agent_id = %s", [todo[5][1]]
    )
    await conn.execute(
        "UPDATE actions.command SET state = 'ready', epoch = NULL, sent_at = NULL WHERE id = %s",
        [todo[6][0]],
    )
    await conn.execute(
        "UPDATE fleet.stream SET disconnected_at = now() WHERE agent_id = %s", [todo[6][1]]
    )
    return {"waits": waits.id, "runs": runs.id, "agent": "linux-1"}


async def double(conn, of="linux-1"):
    """Another agent, with another key, on the endpoint of that one."""
    agent_id = await make_agent(conn, "copy")
    await conn.execute(
        "UPDATE fleet.agent SET queueloc = (SELECT queueloc FROM fleet.agent WHERE name = %s) WHERE id = %s",
        [of, agent_id],
    )
    await come(conn, agent_id, now=NOW - timedelta(days=1))
