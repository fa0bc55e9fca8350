"""A target means to us what its text means to PostgreSQL, and to an agent what it means to both."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.actions.target_match import Facts, Truth, evaluate
from vedette.actions.target_query import to_query
from vedette.actions.target_text import of_agents, read_target
from vedette.errors import Invalid

START = datetime(2024, 2, 29, 12, tzinfo=UTC)
ENVIRONMENTS: list[dict[str, Any]] = [
    {
        "os": "linux",
        "ident": "Ubuntu 12.04",
        "addresses": ["10.1.2.3/24", "::1"],
        "isproxied": True,
    },
    {"os": "darwin", "ident": "a%b_c\\d", "aws": {"instanceid": "i-1", "0": "zero"}, "cpus": 4},
    {"os": "windows", "ident": "ÉTÉ", "publicip": None, "list": [{"a": "x"}, [1, 2]]},
    {"os": "", "ident": "line\nline", "init": "<&>"},
]
NAMES = ["web1.example.net", "WEB2", "db_1", "a%b", "é\\", ""]
FACTS = [
    Facts(
        name=name,
        queueloc=f"{environment['os']}.{name}",
        mode=["daemon", "checkin"][index % 2],
        version=f"2024{index}",
        pid=index * 100,
        id=10**16 + index,
        key=f"sha256:{index:064x}",
        starttime=START + timedelta(days=index * 15, seconds=index),
        environment=environment,
    )
    for index, (name, environment) in enumerate(
        (name, environment) for name in NAMES for environment in ENVIRONMENTS
    )
]
TAGS = [{}, {"role": "db"}, {"role": "web", "operator": "IT"}]

TABLES = """
CREATE TEMPORARY TABLE agents (
    id numeric PRIMARY KEY, name varchar(2048) NOT NULL, queueloc varchar(2048) NOT NULL,
    os varchar(2048) NOT NULL, mode varchar(2048), version varchar(2048) NOT NULL,
    pid integer NOT NULL, starttime timestamptz NOT NULL, destructiontime timestamptz,
    heartbeattime timestamptz NOT NULL, refreshtime timestamptz, status varchar(256),
    environment json, tags json, loadername varchar(2048), key text
);
CREATE TEMPORARY TABLE commands (actionid numeric, agentid numeric, results json);
SET TimeZone = 'UTC';
SET statement_timeout = '5s';
"""

Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def agents(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url) as conn:
        conn.execute(TABLES)
        for index, facts in enumerate(FACTS):
            conn.execute(
                "INSERT INTO agents VALUES "
                "(%s, %s, %s, %s, %s, %s, %s, %s, NULL, now() - %s, NULL, %s, %s, %s, NULL, %s)",
                (
                    facts.id, facts.name, facts.queueloc, facts.environment["os"], facts.mode,
                    facts.version, facts.pid, facts.starttime, timedelta(minutes=index),
                    ["online", "idle", None][index % 3],
                    json.dumps(facts.environment, separators=(",", ":"), ensure_ascii=False),
                    json.dumps(TAGS[index % 3]),
                    facts.key,
                ),
            )  # fmt: skip
        for action, index, results in [
            (1, 0, '[{"foundanything":true},{"foundanything":false}]'),
            (1, 1, '[{"foundanything":false}]'),
            (1, 2, None),
            (2, 3, "[]"),
        ]:
            conn.execute(
                "INSERT INTO commands VALUES (%s, %s, %s)", (action, 10**16 + index, results)
            )
        yield conn
        conn.rollback()


Truths = dict[int, bool | None]


def as_postgres(conn: Connection, text: str) -> Truths:
    """What PostgreSQL says of each agent, the text being in the statement as MIG puts it there."""
    with conn.transaction():
        return dict(conn.execute(f"SELECT id, ({text}) FROM agents").fetchall())


def as_ours(conn: Connection, text: str) -> Truths:
    """What PostgreSQL says of each agent when it is asked by the selector."""
    with conn.transaction():
        now = conn.execute("SELECT now()").fetchall()[0][0]
        query = to_query(read_target(text), now=now)
        rows = conn.execute(f"SELECT id, {query.text} FROM agents", query.parameters)
        return dict(rows.fetchall())


VALUES = (
    "name queueloc mode version agents.name environment->>'os' environment->>'ident' agents.os"
    " environment#>>'{aws,instanceid}' environment->>'nothing' environment->>'addresses'"
    " environment->'aws'->>'0' environment->'list'->0->>'a' environment->'list'->>-1"
    " environment#>>'{list,1,0}' environment#>>'{list,-2,a}' environment#>>'{\"aws\",0}'"
    " environment->>'publicip' environment->>'isproxied' environment->>'cpus' (environment->>'os')"
    " environment->'ident'->>'x' environment->0#>>'{}' environment->>'list' environment#>>'{}'"
)
COLUMNS = st.sampled_from(VALUES.split())
TEXTS = st.sampled_from(
    ["linux", "WEB2", "db_1", "é\\", "", "it's", "i-1", "zero", "4", "true", "daemon", "20243", "x"]
)
PATTERNS = st.one_of(
    st.text("%_\\abwelinuxWEB1.é", max_size=6),
    st.sampled_from(["linux.%", "%.example.net", '%"10.1.2.%', r"a\%b%", r"%\_%", "%é%", "É%"]),
)
REGEXES = st.one_of(
    st.sampled_from(["^web[0-9]+", "b_1$", "a.b", "^$", r"\d{2,}", "(web|db)", r"\.net$", "^.*$"]),
    st.sampled_from(
        [r"\w+\s\w", "[^a-z]", "e.e", "line.line$", "line$", "[", "x**", "(?i)WEB", ""]
    ),
    st.text("ab.*+?|()^$w1[]-", max_size=6),
)
NUMBERS = st.integers(-1, 2400)
TIMES = st.one_of(
    st.integers(0, 31_536_000).map(lambda at: f"'{START + timedelta(seconds=at)}'"),
    st.sampled_from(["'2024-02-29'", "'2024-03-15T12:00:01Z'", "'2024-03-15 14:00:01+02:00'"]),
    st.sampled_from(["now()", "CURRENT_TIMESTAMP", "timestamptz '2024-03-31 12:00:00Z'"]),
)
SPANS = st.one_of(
    st.tuples(
        st.integers(-40, 40), st.sampled_from(["minutes", "hours", "days", "mons", "year"])
    ).map(lambda span: f"{span[0]} {span[1]}"),
    st.sampled_from(
        ["1 month 2 days 03:04:05", "1 day ago", "-90 seconds", "2h", "1 week", "500ms"]
    ),
)
MOVED = st.tuples(
    st.one_of(TIMES.filter(lambda at: not at.startswith("'")), st.just("starttime")),
    st.lists(st.tuples(st.sampled_from("+-"), SPANS), max_size=2),
).map(lambda moved: moved[0] + "".join(f" {sign} INTERVAL '{span}'" for sign, span in moved[1]))
ORDERS = st.sampled_from(["=", "<>", "!=", "<", "<=", ">", ">="])
LIKES = st.sampled_from(["LIKE", "NOT LIKE", "like", "~~", "!~~", "ILIKE", "~~*", "NOT ilike"])


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


CONDITIONS = st.one_of(
    st.tuples(COLUMNS, st.sampled_from(["=", "<>", "!="]), TEXTS.map(quoted)).map(" ".join),
    st.tuples(COLUMNS, LIKES, PATTERNS.map(quoted)).map(" ".join),
    st.tuples(COLUMNS, st.just("LIKE"), PATTERNS.map(quoted), st.sampled_from(["ESCAPE '!'", "ESCAPE ''"])).map(" ".join),
    st.tuples(COLUMNS, st.sampled_from(["~", "~*", "!~", "!~*"]), REGEXES.map(quoted)).map(" ".join),
    st.tuples(COLUMNS, st.sampled_from(["IN", "NOT IN"]), st.lists(TEXTS.map(quoted), min_size=1, max_size=3).map(lambda values: f"({','.join(values)})")).map(" ".join),
    st.tuples(COLUMNS, st.sampled_from(["IS NULL", "IS NOT NULL"])).map(" ".join),
    st.tuples(st.sampled_from(["pid", "id"]), ORDERS, NUMBERS.map(str)).map("".join),
    st.tuples(NUMBERS.map(lambda number: f"'{number}'"), ORDERS, st.just("pid")).map("".join),
    st.tuples(st.just("pid"), st.sampled_from(["BETWEEN", "NOT BETWEEN"]), NUMBERS.map(str), st.just("AND"), NUMBERS.map(str)).map(" ".join),
    st.tuples(MOVED, ORDERS, TIMES).map(" ".join),
    st.sampled_from(["TRUE", "false", "name = queueloc", "environment->'aws' IS NULL", "environment->'publicip' IS NOT NULL", "'linux' = environment->>'os'"]),
)  # fmt: skip


def joined(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(parts, st.sampled_from(["AND", "OR", "or"]), parts).map(" ".join),
        parts.map(lambda part: f"NOT {part}"),
        parts.map(lambda part: f"({part})"),
    )


TARGETS = st.recursive(CONDITIONS, joined, max_leaves=6)


@given(TARGETS)
def test_a_target_finds_the_agents_that_its_text_finds(agents: Connection, text: str) -> None:
    try:
        wanted = as_postgres(agents, text)
    except psycopg.Error:
        with pytest.raises((Invalid, psycopg.Error)):
            as_ours(agents, text)
        return
    try:
        assert as_ours(agents, text) == wanted
    except Invalid as refused:  # PostgreSQL overlooks a wrong pattern that it need not look at
        assert "escape" in refused.message


@given(TARGETS)
def test_an_agent_judges_as_postgresql_does_or_says_that_it_cannot(
    agents: Connection, text: str
) -> None:
    try:
        found = as_ours(agents, text)
    except (Invalid, psycopg.Error):
        return
    selector = read_target(text)
    now = agents.execute("SELECT now()").fetchall()[0][0]
    names = {True: Truth.TRUE, False: Truth.FALSE, None: Truth.NULL}
    for facts in FACTS:
        judged = evaluate(selector, facts, {}, now=now)
        if "~" in text or "like" in text.lower():  # something unknown may stand beside others
            continue
        assert judged == names[found[facts.id or 0]], facts


@given(
    st.one_of(
        st.tuples(COLUMNS, LIKES, PATTERNS.map(quoted)).map(" ".join),
        st.tuples(COLUMNS, st.sampled_from(["~", "~*"]), REGEXES.map(quoted)).map(" ".join),
    )
)
def test_an_agent_matches_patterns_as_postgresql_does_or_says_that_it_cannot(
    agents: Connection, text: str
) -> None:
    try:
        found = as_ours(agents, text)
    except (Invalid, psycopg.Error):
        return
    names = {True: Truth.TRUE, False: Truth.FALSE, None: Truth.NULL}
    for facts in FACTS:
        judged = evaluate(read_target(text), facts, {}, now=START)
        assert judged in (names[found[facts.id or 0]], Truth.UNKNOWN), facts


SUBTLE = [
    r"name LIKE 'a\%b'",
    r"environment->>'ident' LIKE 'a!%b!_c\d' ESCAPE '!'",
    r"environment->>'ident' LIKE 'a%c\d' ESCAPE ''",
    "name ILIKE 'web_'",
    "name ~* '^web[0-9]$'",
    "name ~ '^web[0-9]$' OR pid = 0",
    "environment->>'ident' ~ 'line.line$'",
    "environment->>'ident' ~ 'line$'",
    "environment->>'ident' ~ '^line$' OR pid = 0",
    "NOT (environment->>'nothing' = 'x' OR mode = 'daemon')",
    "NOT (environment->>'nothing' = 'x' AND mode = 'daemon')",
    "environment->>'publicip' IS NULL AND environment->'publicip' IS NOT NULL",
    "environment->'list'->>-1 = '[1,2]'",
    "environment->>'addresses' LIKE '%\"10.1.2.%'",
    "starttime - interval '1 month' > timestamptz '2024-02-29 11:59:00Z'",
    "starttime + interval '1 month 1 day' < '2024-03-30 13:00:00Z'",
    "starttime = '2024-02-29 14:00:00+02:00'",
    "starttime = '2024-02-29 14:00:00+02'",
    "starttime = '2024-02-29 17:30:00+0530'",
    "'linux' = environment->>'os' OR pid BETWEEN 300 AND 500 AND NOT name = 'db_1'",
    "name <> 'db_1' AND environment->>'os' IN ('linux', 'it''s')",
]


@pytest.mark.parametrize("text", SUBTLE)
def test_where_dialects_differ_text_question_and_agent_say_the_same(
    agents: Connection, text: str
) -> None:
    wanted = as_postgres(agents, text)
    assert len(set(wanted.values())) > 1
    assert as_ours(agents, text) == wanted
    names = {True: Truth.TRUE, False: Truth.FALSE, None: Truth.NULL}
    for facts in FACTS:
        judged = evaluate(read_target(text), facts, {}, now=START)
        is_beyond = "é" in f"{facts.name}{facts.environment['ident']}".lower()
        assert judged is names[wanted[facts.id or 0]] or (judged is Truth.UNKNOWN and is_beyond)


FOUND_BY_1 = (
    "id IN (SELECT agentid FROM commands, json_array_elements(commands.results) AS r"
    " WHERE actionid=1 AND r#>>'{foundanything}'='true')"
)
NOT_FOUND_BY_1 = (
    "id NOT IN (SELECT agentid FROM commands, json_array_elements(results) r"
    " WHERE r->>'foundanything'='false' AND commands.actionid=1)"
)


@pytest.mark.parametrize(
    "text",
    [
        "status = 'online'",
        "NOT status = 'online'",
        "status IS NULL OR tags->>'operator' = 'IT'",
        "heartbeattime > NOW() - INTERVAL '5 minutes'",
        "heartbeattime + '5 minutes'::interval > now() and tags#>>'{role}' ~ '^d'",
        "destructiontime IS NULL AND refreshtime IS NULL AND loadername IS NULL",
        FOUND_BY_1,
        NOT_FOUND_BY_1,
        "id IN (SELECT agentid FROM commands WHERE actionid = 2) OR status = 'idle'",
    ],
)
def test_what_only_the_server_knows_finds_the_same_agents(agents: Connection, text: str) -> None:
    found = as_ours(agents, text)
    assert found == as_postgres(agents, text)
    assert len(set(found.values())) > 1 or "destructiontime" in text


def test_labels_find_agents_and_what_is_not_there_is_another(agents: Connection) -> None:
    assert as_ours(agents, "tag:role=db and os:linux") == as_postgres(
        agents, "coalesce(tags->>'role' = 'db', false) AND os = 'linux'"
    )
    assert as_ours(agents, "not tag:role=db,web and name:*.example.*") == as_postgres(
        agents, "tags->>'role' IS NULL AND name LIKE '%.example.%'"
    )
    found = as_ours(agents, of_agents(f"sha256:{one:064x}" for one in (0, 5)))
    assert [agent for agent, truth in found.items() if truth] == [10**16, 10**16 + 5]


def test_an_index_too_far_a_huge_number_and_a_hostile_text_are_only_values(
    agents: Connection,
) -> None:
    for text in (
        "environment->'list'->>2147483647 IS NULL",
        f"id < {10**39}",
        f"pid < {10**39}",
        "name <> '''); DROP TABLE agents; --'",
        "NOT name = '%(target_0)s %s %%'",
        "environment#>>'{\"a\\\"}'')\",b}' IS NULL",
    ):
        assert set(as_ours(agents, text).values()) == {True}, text


def test_a_regular_expression_that_postgresql_cannot_read_is_its_error(agents: Connection) -> None:
    with pytest.raises(psycopg.errors.InvalidRegularExpression):
        as_ours(agents, "name ~ '('")


def test_texts_stand_in_the_order_of_their_bytes_on_servers_and_agents(agents: Connection) -> None:
    found = as_ours(agents, "name < 'b'")
    assert 'COLLATE "C"' in to_query(read_target("name < 'b'"), now=START).text
    for facts in FACTS:
        judged = evaluate(read_target("name < 'b'"), replace(facts), {}, now=START)
        assert (judged is Truth.TRUE) == found[facts.id or 0]
