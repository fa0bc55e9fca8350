"""What is asked with every stream, batch, page or request finds its rows by an index."""

import re

import pytest

from factories import NOON
from vedette.access.joining import READS as JOINING
from vedette.access.joining import WRITES as REDEEMING
from vedette.access.tokens import READS as TOKENS
from vedette.fleet.attach import Q as STREAM
from vedette.fleet.enrol import Q as ENROL
from vedette.fleet.reads import Q as READS
from vedette.fleet.renew import Q as RENEW

AGENTS = """
INSERT INTO fleet.agent (name, key_fingerprint)
SELECT 'agent-' || n, sha256(n::text::bytea) FROM generate_series(1, 5000) AS n;
INSERT INTO fleet.stream (agent_id) SELECT id FROM fleet.agent;
INSERT INTO fleet.target (name, slug, connector, every_ms, timeout_ms, origin)
SELECT 'target-' || n, 'target-' || n, 'tcp', 10000, 5000, 'x' FROM generate_series(1, 5000) AS n;
INSERT INTO fleet.assignment (target_id, agent_id)
SELECT t.id, a.id FROM fleet.target AS t JOIN fleet.agent AS a ON a.name = 'agent-' || (t.id % 5000);
INSERT INTO fleet.duplicate (
    agent_id, run_id, hostname, queueloc, address, first_seen_at, last_seen_at)
SELECT id, gen_random_uuid(), '', '', '', now(), now() FROM fleet.agent;
INSERT INTO access.token (name, digest, scopes, made_by)
SELECT 'token-' || n, sha256(n::text::bytea), '{read}', 'x' FROM generate_series(1, 5000) AS n;
INSERT INTO access.join_token (digest, made_by, expires_at)
SELECT sha256(n::text::bytea), 'x', now() FROM generate_series(1, 5000) AS n;
ANALYZE fleet.agent, fleet.stream, fleet.target, fleet.assignment, fleet.duplicate,
    access.token, access.join_token;
"""

KEY = b"k" * 32
QUESTIONS = {
    "a stream comes": (STREAM["agent_of_key"], {"key_fingerprint": KEY}),
    "its lineage": (STREAM["lock_lineage"], {"agent_id": 7}),
    "its clones": (STREAM["forget_oldest_duplicates"], {"agent_id": 7, "keep": 20}),
    "a batch is stored": (
        STREAM["advance"],
        {"agents": [7, 8], "epochs": [0, 0], "durable_seqs": [1, 1]},
    ),
    "its configuration": (READS["targets_of"], {"agent_id": 7}),
    "its revision": (READS["revision_of"], {"agent_id": 7}),
    "who is revoked": (RENEW["revoked_among"], {"agents": [7, 8]}),
    "a page of agents": (READS["agents"], {"name": None, "after": "agent-3", "limit": 100}),
    "clones of a page": (READS["duplicates_of"], {"agents": [7, 8], "since": NOON}),
    "an agent by name": (ENROL["living_agent"], {"name": "agent-7"}),
    "a request's token": (TOKENS["token_of_digest"], {"digest": KEY, "now": NOON}),
    "a token by name": (TOKENS["living_token"], {"name": "token-7"}),
    "a join token": (JOINING["join_token_of_digest"], {"digest": KEY}),
    "a join token used": (
        REDEEMING["redeem_join_token"],
        {"digest": KEY, "used_by": "x", "now": NOON},
    ),
}


@pytest.fixture
async def crowd(owner_conn):
    await owner_conn.execute(AGENTS)
    return owner_conn


async def test_no_such_question_reads_a_whole_table(crowd):
    scans = {}
    for name, (sql, params) in QUESTIONS.items():
        plan = await (await crowd.execute(f"EXPLAIN {sql}", params)).fetchall()
        found = re.findall(r"Seq Scan on (\w+)", "\n".join(line for (line,) in plan))
        if found:
            scans[name] = found
    assert scans == {}
