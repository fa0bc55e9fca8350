"""What a target may say, what is refused and where, and how it reads in plain words."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.actions.target import (
    All,
    Always,
    Among,
    Any,
    Column,
    Compare,
    Earlier,
    IsNull,
    Json,
    Like,
    Literally,
    Local,
    Not,
    Regex,
)
from vedette.actions.target_text import expand, of_agents, read_target
from vedette.actions.target_words import as_words
from vedette.errors import Invalid

CORPUS = Path(__file__).parents[3] / "shared/fixtures/mig/actions"
OS = Json("environment", ("os",))

MIG = {
    "status='online'": Compare(Column("status"), "=", Literally("online")),
    "agents.queueloc like 'linux.%'": Like(Column("queueloc"), "linux.%"),
    "agents.os = 'linux'": Compare(Column("os"), "=", Literally("linux")),
    "environment->>'os' IN ('linux','darwin')": Among(OS, ("linux", "darwin")),
    "environment->>'ident' ilike 'ubuntu 12.04%'": Like(
        Json("environment", ("ident",)), "ubuntu 12.04%", ignore_case=True
    ),
    "environment#>>'{aws,instanceid}' = 'i-1'": Compare(
        Json("environment", (("aws", "instanceid"),)), "=", Literally("i-1")
    ),
    "environment->'aws'->>'instanceid' IS NULL": IsNull(Json("environment", ("aws", "instanceid"))),
    "tags#>>'{operator}'='IT'": Compare(Json("tags", (("operator",),)), "=", Literally("IT")),
    "name ~* '^web[0-9]+'": Regex(Column("name"), "^web[0-9]+", ignore_case=True),
    "name !~ 'x'": Not(Regex(Column("name"), "x")),
    "NOT name IN ('it''s')": Not(Among(Column("name"), ("it's",))),
    "id IN (SELECT agentid FROM commands, json_array_elements(commands.results) AS r "
    "WHERE actionid=12 AND r#>>'{foundanything}'='true')": Earlier(12, found=True),
    "agents.id NOT IN (select commands.agentid from commands where commands.actionid = 12)": Not(
        Earlier(12)
    ),
    "((status)) = ('idle')": Compare(Column("status"), "=", Literally("idle")),
    "TRUE": Always(True),
    " local ": Local(),
}


@pytest.mark.parametrize("text", MIG)
def test_targets_of_migs_documentation_are_read(text: str) -> None:
    assert read_target(text) == MIG[text]


def test_every_target_of_the_public_action_files_is_read() -> None:
    if not CORPUS.exists():
        pytest.skip(f"no action files at {CORPUS}")
    targets = [json.loads(path.read_text())["target"] for path in CORPUS.glob("*.json")]
    assert targets and all(as_words(read_target(target)) for target in targets)


def test_and_binds_closer_than_or_and_not_closest() -> None:
    a, b, c = (Compare(Column("name"), "=", Literally(one)) for one in "abc")
    found = read_target("name='a' OR NOT name='b' AND name='c'")
    assert found == Any((a, All((Not(b), c))))


REFUSED = {
    "status='online'; DROP TABLE agents": ("column 16", "nothing may follow"),
    "status='online' -- and the rest": ("column 17", "comments"),
    "status='online' /* x */": ("column 17", "comments"),
    "status=/**/'online'": ("column 8", "comments"),
    "status='x' OR pg_sleep(10) IS NULL": ("column 15", "function pg_sleep"),
    "name = current_user": ("column 8", "no column"),
    "name = 'a'::text": ("column 11", "not expected"),
    "CAST(name AS text) = 'a'": ("column 1", "function cast"),
    "id IN (SELECT id FROM investigators)": ("column 15", "AGENTID was expected"),
    "id IN (SELECT agentid FROM investigators WHERE actionid=1)": ("column 28", "COMMANDS"),
    "id IN (SELECT agentid FROM commands WHERE actionid=1 UNION SELECT 1)": (
        "column 54",
        "'union'",
    ),
    "name IN (SELECT agentid FROM commands WHERE actionid=1)": ("column 10", "only id IN"),
    "EXISTS (SELECT 1)": ("column 1", "function exists"),
    "(SELECT true)": ("column 2", "no column"),
    "status='online' UNION SELECT name FROM commands": ("column 17", "not expected"),
    "1=1": ("column 3", "must be a column"),
    "privatekey IS NULL": ("column 1", "there are id, name"),
    "investigators.name = 'x'": ("column 1", "no column"),
    "pg_catalog.now() > starttime": ("column 1", "no column"),
    "name = NULL": ("column 8", "IS NULL"),
    "name = 5": ("column 8", "single quotes"),
    "pid = 'five'": ("column 7", "whole number"),
    "pid = 1.5": ("column 7", "whole numbers"),
    "heartbeattime > 'yesterday'": ("column 17", "2026-01-31"),
    "heartbeattime > now() - interval 'ever'": ("column 34", "5 minutes"),
    "now() - heartbeattime < interval '1 day'": ("column 9", "now() - interval"),
    "environment = 'x'": ("column 15", "->>"),
    "environment->'os' = 'x'": ("column 21", "->>"),
    "name->>'x' = 'y'": ("column 5", "environment or tags"),
    "environment#>>'aws' = 'y'": ("column 15", "{aws,instanceid}"),
    "name LIKE 'a\\'": ("column 11", "escape"),
    r"name ~ '(a)\1'": ("column 8", "for ever"),
    "name ~ queueloc": ("column 8", "in single quotes"),
    "name ~> 'x'": ("column 6", "no operator"),
    "name = E'\\x27'": ("column 8", "as '…'"),
    "name = $$x$$": ("column 8", "as '…'"),
    "name = U&'\\0061'": ("column 8", "as '…'"),
    'name = "x': ("column 8", "never closed"),
    "name = 'x": ("column 8", "never closed"),
    "name = 'a' 'b'": ("column 12", "not expected"),
    "name = 'a'\n AND nam = 'b'": ("line 2, column 6", "no column"),
    "name = 'a' AND": ("column 15", "the end"),
    "(name = 'a'": ("column 12", ") was expected"),
    "name = 'a')": ("column 11", "not expected"),
    "name = 'a\0'": ("column 10", "no character"),
    "name": ("column 5", "operator"),
    "": ("column 1", "empty"),
    "nаme = 'x'": ("column 2", "no place"),
    "(" * 100 + "name='a'" + ")" * 100: ("column 62", "deeper"),
    "NOT " * 10_000 + "name='a'": ("column", "deeper"),
    "name='a' OR " * 2_000 + "name='a'": ("column", "1,000 conditions"),
    "tag:role=db os:linux": ("column 13", "not expected"),
    "tag:role=db and colour:red": ("column 17", "tag:, env:"),
    "os:": ("column 1", "os:linux"),
    "not (os:linux": ("column 14", ") was expected"),
    'name:"a': ("column 6", "never closed"),
    "id:1,x": ("column 1", "whole number"),
    "os:linux and": ("column 13", "the end"),
    "(" * 9_000 + "os:linux": ("column", "deeper"),
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:40])
def test_all_else_is_refused_with_its_place_and_a_way_out(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_target(text)
    for said in REFUSED[text]:
        assert said in str(refused.value)


WORDS = (
    "name environment tags id and or not in like is null ( ) , . ' '' 'a' '{a}' -> ->> #>> = < ~ - + "
    "1 now() interval '1day' :: select agentid from commands where actionid \" ; -- /* tag: os:linux"
    " \\ % \n é $$ E' between local"
)
PIECES = st.sampled_from(WORDS.split(" "))


@given(st.one_of(st.text(), st.lists(PIECES).map(" ".join), st.lists(PIECES).map("".join)))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    try:
        found = read_target(text)
    except Invalid:
        return
    assert as_words(found).isprintable()


def test_labels_are_short_for_conditions_in_which_what_is_not_there_is_another() -> None:
    role = Json("tags", ("role",))
    db = All((Not(IsNull(role)), Compare(role, "=", Literally("db"))))
    web = All((Not(IsNull(Column("name"))), Like(Column("name"), r"web\_%")))
    assert read_target("tag:role=db AND not name:web_*") == All((db, Not(web)))
    assert read_target("tag:role") == Not(IsNull(role))
    assert read_target('tag:role="a,*"') == All(
        (Not(IsNull(role)), Compare(role, "=", Literally("a,*")))
    )
    assert read_target("id:3,4") == Among(Column("id"), (3, 4))


def test_a_macro_stands_for_a_target_and_other_words_are_refused() -> None:
    macros = {"online": "status='online'"}
    assert expand(" online ", macros) == "status='online'"
    assert expand("local", macros) == "local"
    assert expand("name='online'", macros) == "name='online'"
    with pytest.raises(Invalid, match=r"no macro 'offline'.*there are: online"):
        expand("offline", macros)


def test_a_list_of_thousands_of_agents_is_one_condition_and_read_at_once() -> None:
    keys = [f"sha256:{one:064x}" for one in range(10_000)]
    target = of_agents(reversed(keys))
    began = time.process_time()
    found = read_target(target)
    print(f"{len(keys):,} agents: {time.process_time() - began:.3f} s to read")
    assert found == Among(Column("key"), tuple(keys))
    assert as_words(found).endswith("4” and 9,995 more")
    with pytest.raises(Invalid, match="no agent"):
        of_agents([])
    with pytest.raises(Invalid, match="no fingerprint"):
        of_agents(["web1') OR true --"])


def test_a_target_reads_as_plain_words_in_which_no_text_of_its_author_can_pose_as_ours() -> None:
    said = as_words(
        read_target(
            "environment->>'os'='linux' AND (heartbeattime > now() - interval '1 day 5 minutes'"
            " OR NOT name LIKE 'x” or every agent\n%') AND tags->>'a' IS NOT NULL"
        )
    )
    assert said == (
        "environment “os” is “linux” and (last heartbeat is after now minus 1 day 5 minutes"
        " or not (name looks like “x\\u201d or every agent\\u000a%”)) and tag “a” is there"
    )
    assert as_words(read_target("id IN (SELECT agentid FROM commands WHERE actionid=3)")) == (
        "was asked by action 3"
    )
