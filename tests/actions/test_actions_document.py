"""Action files are read as MIG wrote them, and whatever nobody could have meant is refused by its place."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.signing_world import needs_ssh, ssh_public, ssh_sign

from vedette.actions.document import Limits, Operation, compressed, opened, signed_text
from vedette.actions.document_legacy import modern
from vedette.actions.document_read import read_action, read_time
from vedette.actions.document_words import words
from vedette.actions.document_write import sealed, write_action
from vedette.agent import act_judge
from vedette.errors import Invalid
from vedette.trust.verify import verify_all

FIXTURES = Path(__file__).parents[3] / "shared/fixtures/mig"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
NONCE = "0123456789abcdef" * 2


def fields(**changes):
    action = {
        "name": "who has it",
        "target": "status='online'",
        "operations": [{"module": "file", "parameters": {"searches": {"s1": {"paths": ["/etc"]}}}}],
        "syntaxversion": 2,
    }
    return {**action, **changes}


def read(**changes):
    return read_action(json.dumps(fields(**changes)).encode())


def told(data):
    with pytest.raises(Invalid) as error:
        read_action(data if isinstance(data, bytes) else json.dumps(data).encode())
    return str(error.value)


def fixtures():
    return sorted(FIXTURES.glob("*/*.json")) if FIXTURES.is_dir() else []


def test_migs_own_files_are_read_and_mean_the_same_when_written_again():
    if not fixtures():
        pytest.skip("MIG's own actions are not on this machine")
    for path in fixtures():
        action = read_action(path.read_bytes())
        assert read_action(write_action(action)) == action, path
        assert words(modern(action)[0]), path


def test_migs_signed_action_is_the_text_its_signer_signed():
    path = FIXTURES / "vectors/validSignedAction1.json"
    if not path.exists():
        pytest.skip("MIG's signed vectors are not on this machine")
    text = signed_text(read_action(path.read_bytes()))
    assert text.startswith(b"name=pkg -s -name test ;target=status='online';validfrom=1508946605;")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"nam": "x"}, "no key 'nam'; did you mean 'name'?"),
        ({"Target": "x"}, "did you mean 'target'?"),
        ({"operations": [{"module": "file", "paramters": {}}]}, "operations[0] has no key"),
        ({"operations": [{"module": ""}]}, "operations[0].module"),
        ({"operations": [{"module": 7}]}, "operations[0].module must be a text"),
        ({"operations": ["file"]}, "operations[0] must be an object, not a text"),
        ({"operations": []}, "operations must be a list of 1 to"),
        ({"operations": None}, "operations must be"),
        ({"operations": [{"module": "a", "is_compressed": 1}]}, "must be true or false"),
        ({"operations": [{"module": "a", "is_compressed": True}]}, "base64"),
        ({"name": " "}, "name must say"),
        ({"name": "x" * 1_001}, "name must say"),
        ({"target": ""}, "target must say"),
        ({"description": {"revision": "2014"}}, "description.revision must be a number"),
        ({"description": {"autor": "x"}}, "did you mean 'author'?"),
        ({"threat": []}, "threat must be an object"),
        ({"threat": ["x"]}, "threat must be an object"),
        ({"validfrom": "yesterday"}, "validfrom must be a time such as"),
        ({"validfrom": "2026-02-30T00:00:00Z"}, "there is no time"),
        (
            {"validfrom": "2026-01-02T00:00:00Z", "expireafter": "2026-01-01T00:00:00Z"},
            "expireafter is before validfrom",
        ),
        ({"syntaxversion": 1}, "syntaxversion 1"),
        ({"Order": "filechecker", "Arguments": {}}, "MIG's version 1, an order and its arguments"),
        ({"syntaxversion": 4}, "syntaxversion 4"),
        ({"syntaxversion": "2"}, "syntaxversion must be a number"),
        ({"pgpsignatures": "x"}, "pgpsignatures must be a list"),
        ({"name": "x\x00"}, "name holds a NUL"),
        (
            {"operations": [{"module": "a", "parameters": {"x": ["\ud800"]}}]},
            "parameters.x[0] holds",
        ),
        ({"name": "a;target=b"}, "version 2 cannot sign that"),
        ({"target": "a;operations=[]"}, "version 2 cannot sign that"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_place(changes, place):
    assert place in told(fields(**changes))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"name":"a","name":"b"}', "'name' stands twice"),
        (b'{"operations":[{"parameters":{"a":1,"a":2}}]}', "'a' stands twice"),
        (b"", "no JSON"),
        (b'{"name": "a"', "no JSON"),
        (b"[" * 200_000, "nested deeper"),
        (b'{"a":' * 300 + b"1" + b"}" * 300, "nested deeper"),
        (b'{"name": NaN}', "NaN"),
        (b'{"name": 1e999}', "larger than a double"),
        (b"9" * 5_000, "number nobody can read"),
        ('{"name": "é"}'.encode("latin-1"), "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf{}", "no JSON"),
        (b" " * ((8 << 20) + 1), "longer than"),
        (b"[]", "must be an object"),
        (b'{"document": 1}', "no signed document"),
    ],
)
def test_damaged_files_are_refused(data, why):
    assert why in told(data)


@given(st.binary(max_size=100) | st.text(max_size=100).map(str.encode))
def test_no_bytes_break_the_reader(data):
    assert told(data)


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
        (
            "2017-10-25T15:50:05.220759533Z",
            datetime(2017, 10, 25, 15, 50, 5, 220759, tzinfo=UTC),
        ),
        ("2017-10-25T15:50:05.2+02:00", datetime(2017, 10, 25, 13, 50, 5, 200000, tzinfo=UTC)),
        ("9998-01-11T11:11:11.000000011Z", datetime(9998, 1, 11, 11, 11, 11, tzinfo=UTC)),
        ("0011-01-11T11:11:11Z", datetime(11, 1, 11, 11, 11, 11, tzinfo=UTC)),
    ],
)
def test_times_are_gos(written, at):
    assert read_time(written, "validfrom") == at


@pytest.mark.parametrize(
    "written", ["0001-01-01T00:00:00+14:00", "2026-W01", "20260101T000000Z", 7]
)
def test_times_that_are_none_are_refused(written):
    with pytest.raises(Invalid):
        read_time(written, "validfrom")


def test_whole_seconds_are_signed_cut_off_even_before_1970():
    action = read(validfrom="1969-12-31T23:59:58.9Z", expireafter="2026-11-22T09:00:00.999999Z")
    text = signed_text(action)
    assert b"validfrom=-2;expireafter=%!s(int64=1795338000);" in text


def test_an_action_without_validity_is_not_signed_yet():
    with pytest.raises(Invalid, match="no validfrom"):
        signed_text(read())
    with pytest.raises(Invalid, match="a draft"):
        signed_text(read(syntaxversion=3))


def test_description_and_threat_are_not_what_version_2_signs():
    times = {"validfrom": "2026-01-01T00:00:00Z", "expireafter": "2026-01-02T00:00:00Z"}
    assert signed_text(read(**times)) == signed_text(read(**times, threat={"level": "high"}))


def draft(**changes):
    times = {"validfrom": "2026-11-22T09:00:00Z", "expireafter": "2026-11-22T10:00:00Z"}
    return read(**{**times, "syntaxversion": 3, **changes})


def test_version_3_signs_everything_and_is_kept_as_it_was_signed():
    more = {
        "reason": "INC-7",
        "limits": {"max_agents": 10, "rate": 0.5},
        "threat": {"level": "high"},
    }
    action = sealed(draft(**more), nonce=NONCE)
    assert action.limits == Limits(max_agents=10, rate=0.5)
    assert read_action(write_action(action)) == action
    assert signed_text(action) == b"vedette action v3\n" + action.document
    for change in ({"reason": "x"}, {"threat": {}}, {"target": "x"}, {"name": "x"}):
        assert sealed(draft(**{**more, **change}), nonce=NONCE).document != action.document
    assert sealed(draft(**more), nonce="f" * 32).document != action.document


@needs_ssh
def test_two_people_sign_the_same_bytes():
    action = sealed(draft(), nonce=NONCE)
    text = signed_text(action)
    keys = [ssh_public(name) for name in ("ada", "bob")]
    signatures = [ssh_sign(text, name) for name in ("ada", "bob")]
    found = verify_all(signatures, text, keys, namespace="vedette-action", now=NOW)
    assert len({one.fingerprint for one in found}) == 2


@pytest.mark.parametrize(
    ("changes", "nonce", "why"),
    [
        ({}, "", "nonce"),
        ({}, "X" * 32, "nonce"),
        ({"validfrom": None}, NONCE, "needs validfrom"),
        ({"limits": {"max_agents": 0}}, NONCE, "above 0"),
        ({"limits": {"output_bytes": 1.5}}, NONCE, "whole number"),
        ({"limits": {"cpu": 1}}, NONCE, "no key 'cpu'"),
        ({"pgpsignatures": []}, NONCE, "no key 'pgpsignatures'"),
        ({"operations": [{"module": "a", "parameters": 2**53 + 1}]}, NONCE, "would be signed as"),
    ],
)
def test_version_3_is_complete_and_exact_before_it_is_signed(changes, nonce, why):
    with pytest.raises(Invalid, match=why):
        sealed(draft(**changes), nonce=nonce)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"name"', ' "name"'),
        lambda text: text.replace('"name"', '"name":"x","name"'),
        lambda text: text.replace('"syntaxversion":3', '"syntaxversion":2'),
        lambda text: text.replace('"syntaxversion":3', '"syntaxversion":3.0'),
        lambda text: text.replace('"reason"', '"raison"'),
    ],
)
def test_signed_bytes_in_any_other_form_are_refused(change):
    action = sealed(draft(reason="INC-7"), nonce=NONCE)
    text = action.document.decode()
    assert change(text) != text
    told({"document": change(text), "signatures": []})


def test_parameters_are_packed_and_opened_within_bounds():
    operation = Operation("file", {"searches": {"s": {"paths": ["/é"]}}})
    packed = compressed(operation)
    assert packed.is_compressed and isinstance(packed.parameters, str)
    assert opened(packed) == operation == opened(operation)
    assert compressed(packed) == packed
    bomb = compressed(Operation("file", "a" * (33 << 20)))
    for bad in (bomb, Operation("file", "é", True), Operation("file", "AAAA", True),
                Operation("file", packed.parameters[:-8], True)):  # fmt: skip
        with pytest.raises(Invalid, match="compressed parameters of 'file'"):
            opened(bad)


def mapped(module, parameters):
    action, changes = modern(read(operations=[{"module": module, "parameters": parameters}]))
    return action.operations[0], [str(change) for change in changes]


def test_todays_names_are_left_alone():
    action = read()
    assert modern(action) == (action, ())


def test_old_names_of_file_are_mapped_and_each_is_told():
    old = {
        "searches": {
            "a": {
                "paths": ["/x"],
                "regexes": ["r"],
                "contents": ["c"],
                "filename": "n",
                "sha256": ["1"],
                "sha512": ["2"],
                "filedescriptions": "why",
            }
        }
    }
    operation, changes = mapped("filechecker", old)
    assert operation.module == "file"
    search = operation.parameters["searches"]["a"]
    assert search == {"paths": ["/x"], "contents": ["r", "c"], "names": ["n"], "sha2": ["1", "2"]}
    assert changes[0] == "operations[0].module: filechecker is read as file"
    assert len(changes) == 6


def test_labels_without_searches_and_the_first_form_become_searches():
    operation, _ = mapped("file", {"a": {"paths": ["/x"], "names": ["n"]}})
    assert operation.parameters == {"searches": {"a": {"paths": ["/x"], "names": ["n"]}}}
    first = {
        "/usr/bin": {"filename": {"a": ["x"]}, "md5": {"a": ["0"]}},
        "/tmp": {"regex": {"b": ["y"]}},
    }
    operation, _ = mapped("filechecker", first)
    assert operation.parameters["searches"] == {
        "a": {"paths": ["/usr/bin"], "names": ["x"]},
        "a 2": {"paths": ["/usr/bin"], "md5": ["0"]},
        "b": {"paths": ["/tmp"], "contents": ["y"]},
    }


def test_old_names_of_netstat_are_mapped():
    operation, changes = mapped("connected", {"a": ["1.2.3.4"], "b": ["1.2.3.4", "::1"]})
    assert (operation.module, operation.parameters) == (
        "netstat",
        {"connectedip": ["1.2.3.4", "::1"]},
    )
    assert len(changes) == 3
    old = {
        "cidrpeer": ["10.0.0.0/8"],
        "tcplisten": {"x": [22]},
        "udplisten": ["53"],
        "localip": ["::1"],
    }
    operation, _ = mapped("netstat", old)
    assert operation.parameters == {
        "neighborip": ["10.0.0.0/8"],
        "listeningport": ["22", "53"],
        "localip": ["::1"],
    }


@pytest.mark.parametrize(
    ("module", "parameters"),
    [("connected", {"a": [{}]}), ("file", {"/x": ["y"]}), ("filechecker", {"/x": {"md5": 7}})],
)
def test_damaged_old_forms_are_refused(module, parameters):
    with pytest.raises(Invalid, match=r"operations\[0\].parameters"):
        mapped(module, parameters)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


OURS = ("process", "services", "command", "osquery", "example", "sysinfo", "users")


@given(
    st.sampled_from(
        ["file", "filechecker", "connected", "netstat", "memory", "ping", "pkg", *OURS]
    ),
    JSON,
)
def test_no_parameters_break_the_mapping_or_the_words(module, parameters):
    try:
        action = read(operations=[{"module": module, "parameters": parameters}])
        said = words(modern(action)[0])
    except Invalid:
        return
    assert said
    assert all(line.isprintable() for line in said)


def test_what_an_action_does_is_said_in_plain_words():
    operations = [
        {"module": "file", "parameters": {"searches": {"a": {
            "paths": ["/etc", "/tmp"], "names": ["x"], "options": {"returnsha256": True}}}}},
        {"module": "netstat", "parameters": {"connectedip": [f"10.0.0.{n}" for n in range(8)]}},
        {"module": "memory", "parameters": {"searches": {"a": {"names": ["sshd"], "contents": ["k"]}}}},
        {"module": "own\n", "parameters": {"b": 1, "a\nb": 2}},
    ]  # fmt: skip
    assert words(read(operations=operations)) == (
        "reads file names below /etc, /tmp and answers with the SHA-256 of each hit: file names x",
        "looks at connections with 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 3 more",
        "reads the memory of processes named sshd: contents k",
        "runs the module own� with a�b, b",
    )


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"names": [".*"], "contents": ["PRIVATE KEY"]}, "file names .*; contents PRIVATE KEY; any of these"),
        ({"contents": ["^root:"], "options": {"mismatch": ["content"]}}, "contents not ^root:"),
        ({"names": ["a", "b"], "sizes": ["<1k"], "options": {"matchall": True}}, "file names a, b; sizes <1k"),
        ({"sha2": ["ab" * 32]}, f"SHA-2 sums {'ab' * 32}"),
    ],
)  # fmt: skip
def test_what_a_search_looks_for_is_said_whatever_its_title_says(search, said):
    parameters = {"searches": {"a": {"paths": ["/home"], **search}}}
    made = read(
        name="file -name '^passwd$'", operations=[{"module": "file", "parameters": parameters}]
    )
    (sentence,) = words(made)
    assert sentence.split(" below /home: ")[1] == said


def test_what_our_own_modules_do_is_said_in_plain_words():
    search = {"cmdlines": ["--token"], "options": {"returncmdline": True}}
    operations = [
        {"module": "memory", "parameters": {"searches": {"a": {"contents": ["key"]}}}},
        {"module": "process", "parameters": {"searches": {"a": search}}},
        {"module": "services", "parameters": {}},
        {"module": "command", "parameters": {"target": "orders-db", "command": "locks"}},
        {"module": "osquery", "parameters": {"query": "SELECT *\nFROM users"}},
        {"module": "sysinfo"},
        {"module": "users", "parameters": {"names": ["root"]}},
        {"module": "process", "parameters": {"searches": {"a": 5}}},
    ]
    assert words(read(operations=operations)) == (
        "reads the memory of every process: contents key",
        "looks at processes' arguments and answers with arguments, which may hold secrets: arguments --token",
        "looks at every service, whether they run and begin with the host",
        "asks the target orders-db of the host's agent for locks",
        "asks osquery and answers with all rows of: SELECT *�FROM users",
        "tells the host's system, memory, disks and how long it has run",
        "looks at accounts named root: who can log in, with how many keys, who is logged in",
        "runs the module process with searches",
    )


def test_a_year_from_now_is_written_with_its_zeros():
    action = read(validfrom="0011-01-11T11:11:11Z", expireafter="9998-01-11T11:11:11.000000011Z")
    written = json.loads(write_action(action))
    assert written["validfrom"] == "0011-01-11T11:11:11Z"
    assert action.expire_after - action.valid_from > timedelta(days=1)


def as_run(parameters):
    """What an agent runs of an action of version 2, and what was signed of it."""
    window = {"validfrom": "2026-11-22T09:00:00Z", "expireafter": "2026-11-22T10:00:00Z"}
    operations = [{"module": "filechecker", "parameters": parameters}]
    order = act_judge.read_order(json.dumps(fields(operations=operations, **window)).encode(), ())
    return order.text, json.dumps([each.parameters for each in order.action.operations])


@pytest.mark.parametrize(
    ("signed", "handed"),
    [
        # The same label under two paths: the second is called `s 2`.
        (
            {"/etc": {"filename": {"s": ["shadow"]}}, "/home": {"filename": {"s": ["id_rsa"]}}},
            {"/home": {"filename": {"s": ["id_rsa"]}}, "/etc": {"filename": {"s": ["shadow"]}}},
        ),
        (
            {"searches": {"s": {"depth": 9007199254740992}}},
            {"searches": {"s": {"depth": 2**53 + 1}}},
        ),
        ({"searches": {"s": {"depth": 3}}}, {"searches": {"s": {"depth": 3.0}}}),
        ({"searches": {"s": {"depth": 10**300}}}, {"searches": {"s": {"depth": 1e300}}}),
    ],
)
def test_what_is_signed_alike_in_version_2_is_run_alike(signed, handed):
    assert as_run(signed) == as_run(handed)
