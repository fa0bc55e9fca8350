"""An agent refuses what excludes it, and no server can talk it into what the signers did not mean."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.actions.target_match import Facts, Truth, evaluate, excludes
from vedette.actions.target_text import of_agents, read_target

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
KEY, OTHER = (f"sha256:{digit * 64}" for digit in "ab")
FACTS = Facts(
    name="web1.example.net",
    queueloc="linux.web1.x",
    mode="daemon",
    version="1",
    pid=4,
    id=7,
    key=KEY,
    starttime=NOW - timedelta(hours=1),
    environment={"os": "linux", "addresses": ["10.1.2.3/24"], "ident": "Ubuntu ÉTÉ"},
)
LABELS = {"role": "web", "tier": None}


def judged(text: str, facts: Facts = FACTS) -> Truth:
    return evaluate(read_target(text), facts, LABELS, now=NOW)


KNOWN = {
    "environment->>'os' IN ('linux','darwin') AND mode='daemon'": Truth.TRUE,
    "queueloc like 'linux.%'": Truth.TRUE,
    "os = 'windows'": Truth.FALSE,
    "environment->>'nothing' = 'x'": Truth.NULL,
    "NOT environment->>'nothing' = 'x'": Truth.NULL,
    "environment->>'addresses' LIKE '%\"10.1.2.%'": Truth.TRUE,
    "starttime > now() - interval '2 hours'": Truth.TRUE,
    "starttime + interval '1 month' < '2026-05-01'": Truth.TRUE,
    "tags->>'role' = 'web' AND tags#>>'{role}' IN ('web')": Truth.TRUE,
    "tag:role=db": Truth.FALSE,
    "not tag:role=db and name:web*": Truth.TRUE,
    "tag:tier=db": Truth.FALSE,
    "tags->>'tier' = 'db'": Truth.NULL,
    "not tag:tier=db": Truth.TRUE,
    "tags->>'tier' IS NULL": Truth.TRUE,
    of_agents([OTHER, KEY]): Truth.TRUE,
    of_agents([OTHER]): Truth.FALSE,
    f"key:{KEY} and os:linux": Truth.TRUE,
    f"not key:{KEY}": Truth.FALSE,
    "local": Truth.FALSE,
}


@pytest.mark.parametrize("text", KNOWN)
def test_an_agent_judges_by_its_own_facts_and_the_labels_of_its_bundle(text: str) -> None:
    assert judged(text) is KNOWN[text]
    assert excludes(read_target(text), FACTS, LABELS, now=NOW) == (KNOWN[text] is not Truth.TRUE)


SERVERS = (
    "status = 'online'",
    "status IS NULL",
    "heartbeattime > now() - interval '5 minutes'",
    "heartbeattime BETWEEN '2020-01-01' AND now()",
    "refreshtime IS NULL",
    "loadername LIKE '%'",
    "tags->>'owner' = 'IT'",
    "tags->>'owner' IS NOT NULL",
    "tags->'role'->>0 IS NULL",
    "id IN (SELECT agentid FROM commands WHERE actionid=1)",
    "environment->>'ident' ILIKE '%été'",
    "name ~ '(?i)WEB'",
    "environment->>'ident' ~ '^Ubuntu'",
)


@pytest.mark.parametrize("text", SERVERS)
def test_what_an_agent_cannot_know_is_unknown_and_excludes_nobody(text: str) -> None:
    assert judged(text) is Truth.UNKNOWN
    assert judged(f"NOT ({text})") is Truth.UNKNOWN
    assert not excludes(read_target(text), FACTS, LABELS, now=NOW)


def test_an_agent_that_does_not_know_its_number_leaves_lists_to_the_server() -> None:
    nobody = Facts()
    assert judged("id IN (8)", nobody) is Truth.UNKNOWN
    assert judged("id = 8") is Truth.FALSE
    assert judged("environment->>'os' = 'linux'", nobody) is Truth.NULL
    assert judged("os = 'linux'", nobody) is Truth.UNKNOWN


@given(
    st.sampled_from(["os='linux'", "os='windows'", "environment->>'x'='y'", "NOT mode='checkin'"]),
    st.lists(
        st.tuples(st.sampled_from(["AND", "OR"]), st.sampled_from(SERVERS), st.booleans()),
        max_size=20,  # deeper than 60 is refused
    ),
)
def test_what_only_the_server_knows_never_widens(
    known: str, others: list[tuple[str, str, bool]]
) -> None:
    text = known
    for word, other, is_turned in others:
        text = f"({other}) {word} ({text})"
        if is_turned:
            text = f"NOT ({text})"
    alone = judged(known)
    if sum(is_turned for _, _, is_turned in others) % 2:
        alone = judged(f"NOT {known}")
    assert judged(text) is alone


def test_no_pattern_keeps_an_agent_busy() -> None:
    facts = Facts(name="a" * 5_000)
    began = time.process_time()
    assert judged(f"name LIKE '{'%a' * 50}%b'", facts) is Truth.FALSE
    assert judged("name ~ '^(a*)*(a|aa)+b$'", facts) is Truth.FALSE
    assert judged("name ~ '((a{100}){100}){100}'", facts) is Truth.UNKNOWN
    assert time.process_time() - began < 2


def test_a_time_beyond_the_calendar_is_unknown() -> None:
    far = " + interval '100 years'" * 20
    assert judged(f"starttime{far} > now()") is Truth.TRUE
    assert judged("timestamptz '9999-12-31' + interval '2 days' > starttime") is Truth.UNKNOWN
    assert judged("timestamptz '0001-01-01' - interval '2 years' > starttime") is Truth.UNKNOWN
