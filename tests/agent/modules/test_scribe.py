"""What scribe documents come to; first where MIG's answer is wrong, then every real document."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from vedette.agent.modules import Context, Limits, Result, read_parameters
from vedette.agent.modules.scribe import Scribe
from vedette.agent.operation import Ended, OperationLimits, run_operation
from vedette.errors import Invalid

DOCUMENTS = sorted(
    (Path(__file__).parents[4] / "shared/fixtures/mig/actions/scribe").glob("*.json")
)

STATUS = """Package: libc6
Status: install ok installed
Architecture: amd64
Version: 2.36-9+deb12u4

Package: tilde
Status: install ok installed
Architecture: all
Version: 1.0~rc1

Package: linux-image-6.1.0-9-generic
Status: install ok installed
Architecture: amd64
Version: 6.1.9-1

Package: linux-image-6.1.0-18-generic
Status: install ok installed
Architecture: amd64
Version: 6.1.18-1
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A host with packages and files."""
    files = {
        "var/lib/dpkg/status": STATUS,
        "etc/lsb-release": "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=14.04\n",
        "srv/a/version.py": "var = (1, 4)\r\n",
        "srv/a/minor.txt": "minor = 7\n",
        "srv/b/version.py": "var = (2, 0)\n",
        "srv/lib-1.2.3.jar": "x" * 100_000 + "needle 42\n",
        "srv/link": "",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, newline="")
    (tmp_path / "srv/link").unlink()
    (tmp_path / "srv/link").symlink_to(tmp_path / "etc/lsb-release")
    return tmp_path


def ask(
    root: Path, document: dict[str, Any], context: Context | None = None, **more: Any
) -> Result:
    given = read_parameters(Scribe, {"scribedoc": document, **more})
    return Scribe().run(given, context or Context(root=root))


def one(root: Path, source: dict[str, Any], **test: Any) -> dict[str, Any]:
    """Return what one test of one object comes to."""
    document = {
        "objects": [{"object": "o", **source}],
        "tests": [{"test": "t", "object": "o", **test}],
    }
    (result,) = ask(root, document).elements["results"]
    return dict(result)


def below(name: str, **more: Any) -> dict[str, Any]:
    return {"path": "/srv", "file": name, **more}


# Where MIG is wrong.


def test_a_package_of_one_architecture_is_found_by_its_name_and_with_it(host: Path) -> None:
    for name, held in (("libc6", True), ("libc6:amd64", True), ("libc6:i386", False)):
        result = one(host, {"package": {"name": name}})
        assert result["masterresult"] is held
        assert result["results"] == [{"result": True, "identifier": name}] * held


@pytest.mark.parametrize(
    ("operation", "value", "held"),
    [("<", "1.0", True), (">", "1.0~beta", True), ("=", "1.0", False)],
)
def test_a_debian_version_is_compared_as_debian_does(
    host: Path, operation: str, value: str, held: bool
) -> None:
    result = one(host, {"package": {"name": "tilde"}}, evr={"operation": operation, "value": value})
    assert result["masterresult"] is held


def test_numbers_are_compared_as_numbers(host: Path) -> None:
    raw = {"raw": {"identifiers": [{"identifier": "uptime", "value": "1000000.0"}]}}
    assert one(host, raw, evr={"operation": ">", "value": "345600.0"})["masterresult"]
    raw = {"raw": {"identifiers": [{"identifier": "five", "value": "5"}]}}
    assert one(host, raw, evr={"operation": "<", "value": "10"})["masterresult"]


def test_a_line_may_be_of_any_length(host: Path) -> None:
    source = {"filecontent": below(r"\.jar$", expression="^x+needle (42)$")}
    assert one(host, source, exactmatch={"value": "42"})["masterresult"]


def test_an_unknown_key_is_refused(host: Path) -> None:
    with pytest.raises(Invalid, match="did you mean 'expression'"):
        one(host, {"filecontent": below("x", expresion="x")})


def test_tests_that_wait_for_each_other_are_refused_and_long_rows_of_them_are_not(
    host: Path,
) -> None:
    raw = {"object": "o", "raw": {"identifiers": [{"value": "x"}]}}
    circle = [{"test": "a", "object": "o", "if": ["b"]}, {"test": "b", "object": "o", "if": ["a"]}]
    with pytest.raises(Invalid, match="wait for each other"):
        ask(host, {"objects": [raw], "tests": circle})
    row: list[dict[str, Any]] = [{"test": "t0", "object": "o"}]
    row += [{"test": f"t{at}", "object": "o", "if": [f"t{at - 1}"]} for at in range(1, 5_000)]
    results = ask(host, {"objects": [raw], "tests": row[::-1]}).elements["results"]
    assert [each["testid"] for each in results[:2]] == ["t4999", "t4998"]
    assert all(each["masterresult"] for each in results)


# What objects come to.


@pytest.mark.parametrize(
    ("source", "found"),
    [
        (
            {"filecontent": below("^version", expression=r"var = \((\S+), (\S+)\)$")},
            [("/srv/a/version.py", "1"), ("/srv/a/version.py", "4"),
             ("/srv/b/version.py", "2"), ("/srv/b/version.py", "0")],
        ),
        (
            {"filecontent": below("^version", expression=r"var = \((\S+), (\S+)\)", concat=".")},
            [("/srv/a/version.py", "1.4"), ("/srv/b/version.py", "2.0")],
        ),
        ({"filecontent": below("^link$", expression="RELEASE=(.*)")}, [("/srv/link", "14.04")]),
        ({"filecontent": below("^version", expression="var")}, []),
        ({"filename": below(r"lib-(.*)\.jar")}, [("/srv/lib-1.2.3.jar", "1.2.3")]),
        (
            {"hasline": below("^(version|minor)", expression="minor")},
            [("/srv/a/minor.txt", "true"), ("/srv/a/version.py", "false"),
             ("/srv/b/version.py", "false")],
        ),
        (
            {"package": {"name": "linux-image", "collectmatch": "^linux-image-.*-generic$"}},
            [("linux-image-6.1.0-9-generic", "6.1.9-1"),
             ("linux-image-6.1.0-18-generic", "6.1.18-1")],
        ),
        (
            {"package": {"name": "k", "collectmatch": "^linux-image-", "onlynewest": True}},
            [("linux-image-6.1.0-18-generic", "6.1.18-1")],
        ),
        ({"filecontent": {"path": "/nosuch", "file": ".", "expression": "(.)"}}, []),
    ],
)  # fmt: skip
def test_objects_have_values(
    host: Path, source: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    told = one(host, source)["results"]
    assert [each["identifier"] for each in told] == [name for name, _ in found]
    for name, value in found:
        pattern = "^" + value.replace(".", r"\.") + "$"
        result = one(host, source, regexp={"value": pattern})
        assert {"result": True, "identifier": name} in result["results"]


def test_a_chain_adds_what_stands_beside_a_file(host: Path) -> None:
    document = {
        "variables": [{"key": "root", "value": "/srv"}],
        "objects": [
            {
                "object": "whole",
                "filecontent": {
                    "path": "${root}",
                    "file": "^version",
                    "expression": r"var = \((\S+), (\S+)\)",
                    "concat": ".",
                    "import-chain": ["minor"],
                },
            },
            {
                "object": "minor",
                "filecontent": {
                    "path": "${chain_root}",
                    "file": r"^minor\.",
                    "expression": r"minor = (\d+)",
                },
            },
        ],
        "tests": [
            {"test": "three", "object": "whole", "exactmatch": {"value": "1.4.7"}},
            {"test": "two", "object": "whole", "exactmatch": {"value": "2.0"}},
            {"test": "alone", "object": "minor"},
        ],
    }
    three, two, alone = ask(host, document).elements["results"]
    assert three["results"][0] == {"result": True, "identifier": "/srv/a/version.py"}
    assert two["results"][1] == {"result": True, "identifier": "/srv/b/version.py"}
    assert alone["iserror"]
    assert "beside what another found" in alone["error"]


# What tests come to.


def test_a_test_holds_where_what_it_waits_for_holds(host: Path) -> None:
    document = {
        "objects": [
            {"object": "14", "filecontent": {
                "path": "/etc", "file": "lsb-release", "expression": r"RELEASE=(\d+)"}},
            {"object": "libc", "package": {"name": "libc6"}},
        ],
        "tests": [
            {"test": "release", "object": "14", "exactmatch": {"value": "14"}},
            {"test": "other", "object": "14", "exactmatch": {"value": "16"}},
            {"test": "both", "object": "libc", "if": ["release"], "name": "n",
             "description": "d", "tags": [{"key": "cve", "value": "x"}]},
            {"test": "not", "object": "libc", "if": ["release", "other"]},
            {"test": "broken", "object": "nosuch"},
            {"test": "after", "object": "libc", "if": ["broken"]},
        ],
    }  # fmt: skip
    result = ask(host, document, humanoutput=True)
    told = {each["testid"]: each for each in result.elements["results"]}
    assert told["both"] == {
        "testid": "both", "name": "n", "description": "d", "tags": [{"key": "cve", "value": "x"}],
        "iserror": False, "error": "", "masterresult": True, "hastrueresults": True,
        "results": [{"result": True, "identifier": "libc6"}],
    }  # fmt: skip
    assert (told["not"]["masterresult"], told["not"]["hastrueresults"]) == (False, True)
    assert told["after"]["error"] == 'a test dependency failed ("broken")'
    assert result.errors == [
        "Error: there is no object 'nosuch' in \"broken\"",
        'Error: a test dependency failed ("broken") in "after"',
    ]
    assert (result.elements["humanoutput"], result.elements["jsonoutput"]) == (True, False)
    true = ask(host, document, onlytrue=True)
    assert [each["testid"] for each in true.elements["results"]] == ["release", "both"]
    assert true.errors == result.errors


def test_without_true_tests_nothing_is_found(host: Path) -> None:
    document = {"objects": [{"object": "o", "package": {"name": "x"}}],
                "tests": [{"test": "t", "object": "o"}]}  # fmt: skip
    assert ask(host, document).foundanything
    none = ask(host, document, onlytrue=True)
    assert (none.foundanything, none.success) == (False, True)


def test_a_host_whose_packages_cannot_be_read_says_so(tmp_path: Path) -> None:
    document = {"objects": [{"object": "o", "package": {"name": "x"}}],
                "tests": [{"test": "t", "object": "o"}]}  # fmt: skip
    result = ask(tmp_path, document)
    assert not result.success
    assert "no package database" in result.errors[0]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"objects": [{"object": "o", "filecontent": {"path": "/", "file": "("}}]}, "no expression"),
        ({"objects": [{"object": "o", "filename": {"path": "/", "file": "("}}]}, "cannot be read"),
        ({"objects": [{"object": "o"}, {"object": "o"}]}, "two objects"),
        ({"tests": [{"test": "t", "object": "o"}] * 2}, "two tests"),
        ({"tests": [{"test": "t", "object": "o", "if": ["x"]}]}, "is no test"),
        ({"tests": [{"test": "t", "object": "o", "evr": {"value": "1"}}]}, "without an operation"),
        ({"tests": [{"test": "t", "object": "o", "evr": {"operation": "!="}}]}, "'!='"),
        ({"tests": [{"test": "t", "object": "o", "regexp": {"value": "("}}]}, "cannot be read"),
        (
            {"objects": [{"object": "o", "filecontent": {
                "path": "/", "file": ".", "expression": ".", "import-chain": ["o"]}}]},
            "never ends",
        ),
        (
            {"objects": [{"object": "o", "filecontent": {
                "path": "/", "file": ".", "expression": ".", "import-chain": ["x"]}}]},
            "is no object",
        ),
    ],
)  # fmt: skip
def test_a_document_of_no_sense_is_refused(
    tmp_path: Path, document: dict[str, Any], said: str
) -> None:
    with pytest.raises(Invalid) as refused:
        ask(tmp_path, document)
    assert said in str(refused.value)


def test_a_chain_that_multiplies_ends_with_the_time(host: Path) -> None:
    names = [f"o{at}" for at in range(16)]
    objects = [
        {"object": name, "filecontent": {
            "path": "/srv" if at == 0 else "${chain_root}", "file": "^version",
            "expression": "(var)", "import-chain": names[at + 1 : at + 2] * 40}}
        for at, name in enumerate(names)
    ]  # fmt: skip
    document = {"objects": objects, "tests": [{"test": "t", "object": "o0"}]}
    result = ask(host, document, Context(root=host, deadline=time.monotonic() + 0.3))
    assert (result.success, result.errors) == (False, ["stopped early: the time was over"])


def test_answers_are_bounded_and_masked_where_the_host_says_so(host: Path) -> None:
    document = {"objects": [{"object": "o", "hasline": below(".", expression="x")}],
                "tests": [{"test": "t", "object": "o"}]}  # fmt: skip
    bounded = ask(host, document, Context(root=host, limits=Limits(elements=2)))
    assert len(bounded.elements["results"][0]["results"]) == 2
    assert not bounded.success
    masked = ask(host, document, Context(root=host, privacy=True))
    assert {each["identifier"] for each in masked.elements["results"][0]["results"]} == {"masked"}


@pytest.mark.skipif(not DOCUMENTS, reason="the fixtures are not on this machine")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_real_document_is_evaluated_on_this_host(path: Path) -> None:
    document = json.loads(path.read_text())
    result = ask(Path("/"), document)
    told = result.elements["results"]
    assert [each["testid"] for each in told] == [each["test"] for each in document["tests"]]
    assert not any(each["iserror"] for each in told)
    assert result.success


async def test_it_runs_within_the_walls_of_an_operation() -> None:
    document = {"objects": [{"object": "o", "filecontent": {
                    "path": "/proc", "file": "^uptime$", "expression": r"^(\S+)\.\S+ \S+"}}],
                "tests": [{"test": "t", "object": "o", "evr": {"operation": ">", "value": "0"}}]}  # fmt: skip
    asked = {"scribedoc": document}
    ran = await run_operation("scribe", asked, OperationLimits(), privacy=False, partial=True)
    assert ran.ended is Ended.RETURNED, ran.message
    (test,) = json.loads(ran.result)["elements"]["results"]
    assert test["results"] == [{"result": True, "identifier": "/proc/uptime"}]


def test_lists_of_nothing_may_be_null(host: Path) -> None:
    document = {"variables": None, "objects": [{"object": "o", "package": {"name": "libc6"}}],
                "tests": [{"test": "t", "object": "o", "if": None, "tags": None}]}  # fmt: skip
    assert ask(host, document).elements["results"][0]["masterresult"]


@given(value=some.text(max_size=30), wanted=some.text(min_size=1, max_size=30))
def test_whatever_the_values_a_test_is_true_or_false(value: str, wanted: str) -> None:
    raw = {"raw": {"identifiers": [{"identifier": "i", "value": value}]}}
    for operation in "<=>":
        test = one(Path("/nosuch"), raw, evr={"operation": operation, "value": wanted})
        assert not test["iserror"]
    same = one(Path("/nosuch"), raw, exactmatch={"value": wanted})
    assert same["masterresult"] is (value == wanted)
