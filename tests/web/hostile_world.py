"""What an attacker would write, every field to write it into, and what must not come of it."""

import json
from html.parser import HTMLParser
from urllib.parse import quote

from psycopg.types.json import Jsonb
from tests import factories as make
from tests.factories import NOON, at

from vedette.incidents import writes
from vedette.incidents.model import Draft, Impact, Kind, Status

EVIL = "</script></title></style></textarea></svg>]]>--><script>window.pwned=1</script>"
ATTACKS = {
    "tags": EVIL,
    "attributes": "\"'><img src=x onerror=window.pwned=1><svg/onload=window.pwned=1>",
    "lines": "a\r\nX-Evil: 1\r\n\r\nBEGIN:VEVENT\r\nATTENDEE:mailto:x@x\nBcc: x@example.org\u2028\u0085\x0b\x1b[31m",
    "markdown": "[a](javascript:window.pwned=1) ![b](x) <a href=data:text/html,x>c</a> `</code><script>window.pwned=1</script>`",
    "unseen": "invoice\u202efdp.exe\u2066\u200b\ufeff\x1b]0;owned\x07\x9b31m\u00ad\U000e0041=cmd|' /C calc'!A0",
    "paths": "../../etc/passwd\\..%2e%2e/" + "a/" * 40 + ".",
    "templates": "{{ 7*7 }}{% set x %}${7*7}%0d%0aX-Evil: 1",
}
FORBIDDEN = {"script", "img", "iframe", "object", "embed"}


class Tags(HTMLParser):
    """Every tag as a browser would find it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def assert_harmless(html, *, svg=True):
    """No tag, attribute or address that the author brought."""
    for tag, attributes in Tags(html).found:
        assert tag not in FORBIDDEN | (set() if svg else {"svg"})
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("href", "src", "action"):
            address = str(attributes.get(name) or "").strip().lower()
            assert not address.startswith(("javascript:", "data:text", "vbscript:")), address


async def fill(conn, attack):
    """Write it into every field there is, as an import would: past every check of ours."""
    name = attack[:190]
    component = await make.make_component(
        conn, name, region=name, category=name, type=name, state="down", reason=attack
    )
    await conn.execute(
        "UPDATE fleet.component SET slug = 'evil', attributes = attributes || %s WHERE id = %s",
        (Jsonb({name: name}), component),
    )
    ids = {"slug": "evil", "component": component}
    for kind, impact, status, ends in (
        (Kind.INCIDENT, Impact.OUTAGE, Status.FIXING, None),
        (Kind.MAINTENANCE, Impact.MAINTENANCE, Status.PLANNED, at("15:00")),
        (Kind.INFO, Impact.MAINTENANCE, Status.ACTIVE, None),
    ):
        draft = Draft(
            kind=kind, title=attack[:300], description=attack, impact=impact, status=status,
            starts_at=at("14:00") if kind is Kind.MAINTENANCE else at("11:00"), ends_at=ends, published_at=NOON, components=[component],
        )  # fmt: skip
        number = await writes.insert(conn, draft, by=attack, now=NOON)
        for internal in (False, True):
            await writes.say(conn, number, status, attack, at=NOON, by=attack, now=NOON, internal=internal)  # fmt: skip
        await conn.execute(
            "UPDATE incidents.incident SET postmortem = %s, postmortem_at = %s WHERE id = %s",
            (attack, NOON, number),
        )
        await writes.settle(conn, [number], "open", by=attack, now=NOON, detail={attack: attack})
        ids[str(kind)] = number
    ids |= await fill_actions(conn, attack)
    ids["series"] = await fill_series(conn, component, attack)
    await conn.execute(
        "UPDATE incidents.incident SET series_id = %s, occurrence_at = starts_at WHERE id = %s",
        (ids["series"], ids["maintenance"]),
    )
    await conn.execute(
        "INSERT INTO incidents.template (name, kind, title, text, made_at, made_by)"
        " VALUES (%(n)s, 'incident', %(t)s, %(a)s, now(), %(a)s)",
        {"n": name[:100], "t": attack[:300], "a": attack},
    )
    return ids


async def fill_actions(conn, attack):
    """Write it into every text that authors, agents and a trust bundle have; past every check of ours."""
    seen = attack.replace("\0", "")
    name = seen[:190]
    agent_name = name.replace("/", "|")  # no name of an agent has one
    row = await conn.execute(
        "INSERT INTO fleet.agent (name, key_fingerprint, queueloc, hostname, os, version, environment, tags,"
        " claims, modules, sandbox, bundle_version) VALUES (%(x)s, sha256('evil'), %(n)s, %(n)s, %(n)s, %(n)s,"
        " %(j)s, %(j)s, %(j)s, ARRAY[%(n)s], %(j)s, 1) RETURNING id",
        {
            "x": agent_name,
            "n": name,
            "j": Jsonb({name: seen, "list": [seen], "deep": {name: [seen]}}),
        },
    )
    (agent,) = await row.fetchone()
    await make.make_agent(conn, "twin")
    await conn.execute("UPDATE fleet.agent SET queueloc = %s WHERE name = 'twin'", (name,))
    await conn.execute(
        "INSERT INTO actions.group_member (group_name, key) VALUES (%s, NULL)", (name,)
    )
    await conn.execute("INSERT INTO actions.minimum VALUES (%s, %s, 1)", (name, name))
    row = await conn.execute(
        "INSERT INTO actions.action (state, name, target, description, threat, operations, modules, reason,"
        " syntax_version, document, digest, valid_from, expire_after, proposed_by, proposed_at, started_at,"
        " updated_at, paused_at, paused_why) VALUES ('inflight', %(a)s, %(t)s, %(d)s, %(d)s, %(o)s, ARRAY[%(n)s],"
        " %(a)s, 2, %(doc)s, sha256('evil'), %(now)s, %(now)s::timestamptz + interval '1 hour', %(a)s, %(now)s,"
        " %(now)s, %(now)s, %(now)s, %(a)s) RETURNING id",
        {
            "a": seen, "n": name, "now": NOON, "t": f"name = '{seen.replace(chr(39), '')}'",
            "d": Jsonb(dict.fromkeys(("author", "url", "ref", "level"), seen)),
            "o": Jsonb([{"module": name, "parameters": {name: seen}}]),
            "doc": json.dumps(_document(seen, name)),
        },
    )  # fmt: skip
    (action,) = await row.fetchone()
    row = await conn.execute(
        "INSERT INTO actions.investigator (name, fingerprint) VALUES (%s, %s) RETURNING id", (name, name[:120])
    )  # fmt: skip
    (person,) = await row.fetchone()
    await conn.execute(
        "INSERT INTO actions.signature (action_id, investigator_id, signature) VALUES (%s, %s, %s)",
        (action, person, seen),
    )
    await conn.execute(
        "INSERT INTO actions.denial VALUES (%s, %s, %s, %s)", (action, seen, seen, NOON)
    )
    twin = await (await conn.execute("SELECT id FROM fleet.agent WHERE name = 'twin'")).fetchone()
    for agent_id, outcome in ((agent, "success"), (twin[0], "failed")):
        await _answer(conn, action, agent_id, outcome, seen)
    return {"action": action, "agent": quote(agent_name, safe="")}


def _document(seen, name):
    return {
        "name": seen, "target": "all", "syntaxversion": 2, "validfrom": "2026-11-21T12:00:00Z",
        "expireafter": "2026-11-21T13:00:00Z", "operations": [{"module": name, "parameters": {name: seen}}],
    }  # fmt: skip


async def _answer(conn, action, agent, outcome, seen):
    row = await conn.execute(
        "INSERT INTO actions.command (action_id, agent_id, state, outcome, reason, message, found, due_at, created_at,"
        " epoch, sent_at, returned_at) VALUES (%s, %s, 'returned', %s, %s, %s, true, %s, %s, 1, %s, %s) RETURNING id",
        (action, agent, outcome, seen[:60], seen, NOON, NOON, NOON, NOON),
    )
    (command,) = await row.fetchone()
    result = {
        "foundanything": True,
        "elements": {seen: [{"file": seen, seen: seen, "fileinfo": {seen: [seen]}}, seen]},
        "errors": [seen],
    }
    await conn.execute(
        "INSERT INTO actions.result VALUES (%s, %s, sha256(%s), 1, 's', %s)",
        (command, json.dumps({"results": [result, seen, None, 1]}), str(command).encode(), NOON),
    )


async def fill_series(conn, component, attack):
    """Plan a maintenance that comes again, past every check but those of its time; return its number."""
    row = await conn.execute(
        "INSERT INTO incidents.series (title, description, schedule, zone, lasts, from_at, planned_to,"
        " components, made_at, made_by)"
        " VALUES (%(t)s, %(a)s, '0 15 * * 6', 'UTC', '1 hour', %(n)s, %(n)s, %(c)s, %(n)s, %(a)s) RETURNING id",
        {"t": attack[:300], "a": attack, "n": NOON, "c": [component]},
    )  # fmt: skip
    (number,) = await row.fetchone()
    return number
