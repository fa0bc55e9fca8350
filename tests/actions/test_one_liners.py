"""An investigation is written in one line, in MIG's words, and a slip of the pen is refused."""

import json
import shlex
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette import plugins
from vedette.actions.one_liner_options import singular, told
from vedette.actions.one_liners import parameters_of
from vedette.errors import Invalid


class Match(msgspec.Struct, forbid_unknown_fields=True):
    matches: list[str] = []


class Everything(msgspec.Struct, forbid_unknown_fields=True):
    """Parameters of a module of somebody's own."""

    pkgmatch: Match = msgspec.field(default_factory=Match)
    vermatch: str = ""
    destination: str = ""
    count: int | None = None
    ratio: float = 0
    ports: list[int] = []
    either: str | int = ""
    libraries: tuple[str, ...] = ()
    fast: bool = False
    document: Any = None


def nothing(path):
    raise AssertionError(f"{path} was read")


def line(text, module="own", struct=Everything, read=nothing):
    return parameters_of(module, struct, shlex.split(text), read=read)


def file(text):
    struct = plugins.load("vedette.modules", "file").parameters
    return line(text, "file", struct)


def refused(text, module="own", struct=Everything):
    with pytest.raises(Invalid) as error:
        line(text, module, struct)
    return str(error.value)


PRESET = {"matchall": True, "maxdepth": 1000, "maxerrors": 30, "matchlimit": 1000}


@pytest.mark.parametrize(
    ("text", "search"),
    [
        (
            '-path /etc/cron.d/ -content "mysql://"',
            {"paths": ["/etc/cron.d/"], "contents": ["mysql://"], "options": PRESET},
        ),
        (
            '-path /etc/passwd -mtime "<2d"',
            {"paths": ["/etc/passwd"], "mtimes": ["<2d"], "options": PRESET},
        ),
        (
            '-path /proc -name "^cmdline$" -maxdepth 2 -content "[a]rcsight"',
            {
                "paths": ["/proc"],
                "names": ["^cmdline$"],
                "contents": ["[a]rcsight"],
                "options": {**PRESET, "maxdepth": 2},
            },
        ),
        (
            '-matchany -path /sys/devices/ -name "^uevent$" -content "PRODUCT=20a0/4107"',
            {
                "paths": ["/sys/devices/"],
                "names": ["^uevent$"],
                "contents": ["PRODUCT=20a0/4107"],
                "options": {**PRESET, "matchall": False},
            },
        ),
        (
            "-path /home -path /root -name ^auth -content ^# -macroal -mismatch content",
            {
                "paths": ["/home", "/root"],
                "names": ["^auth"],
                "contents": ["^#"],
                "options": {**PRESET, "macroal": True, "mismatch": ["content"]},
            },
        ),
        (
            "-path /bin -sha2 " + "a" * 64 + " -returnsha256 -decompress=false -verbose",
            {
                "paths": ["/bin"],
                "sha2": ["a" * 64],
                "options": {**PRESET, "returnsha256": True, "decompress": False, "debug": "print"},
            },
        ),
    ],
)
def test_the_lines_of_migs_cheat_sheet_mean_what_they_mean_there(text, search):
    assert file(text) == {"searches": {"s1": search}}


def test_several_searches_stand_in_one_line():
    found = file("-search keys -path /root -name id_ -search other -path /home -matchany")
    assert found["searches"]["keys"]["options"]["matchall"] is True
    assert found["searches"]["other"]["options"]["matchall"] is False
    assert list(found["searches"]) == ["keys", "other"]


def test_one_may_go_back_to_a_search():
    found = file("-path /root -search two -path /home -search s1 -name x")
    assert found["searches"]["s1"]["names"] == ["x"]


@pytest.mark.parametrize(
    ("text", "module", "parameters"),
    [
        (
            "-name '^openssl' -version '^1'",
            "pkg",
            {"pkgmatch": {"matches": ["^openssl"]}, "vermatch": "^1"},
        ),
        ("-d example.org -c 3", "ping", {"destination": "example.org", "count": 3}),
        ("-lib a -lib b", "memory", {"libraries": ["a", "b"]}),
        ("-library a", "own", {"libraries": ["a"]}),
    ],
)
def test_migs_short_names_are_known_to_its_modules(text, module, parameters):
    assert line(text, module) == parameters


@pytest.mark.parametrize(
    "text", ["-count 3", "--count 3", "-count=3", "--count=3", "-count=3 -fast=false"]
)
def test_go_writes_an_option_in_four_ways(text):
    assert line(text)["count"] == 3


def test_a_value_may_begin_with_a_dash_or_hold_an_equals_sign():
    assert line("-destination -x -vermatch a=b=c") == {"destination": "-x", "vermatch": "a=b=c"}


def test_numbers_lists_and_either_are_what_the_module_declares():
    found = line("-port 1 -ports 2 -ratio 0.5 -either x")
    assert found == {"ports": [1, 2], "ratio": 0.5, "either": "x"}


def test_documents_come_from_the_line_or_from_a_file():
    assert line("""-document '{"a": 1}'""") == {"document": {"a": 1}}
    read = {"doc.json": b"[1]"}.__getitem__
    assert line("-document @doc.json", read=read) == {"document": [1]}


class Document(msgspec.Struct, forbid_unknown_fields=True):
    tests: list[str] = []


class Scribe(msgspec.Struct, forbid_unknown_fields=True):
    scribedoc: Document
    onlytrue: bool = False


class Yara(msgspec.Struct, forbid_unknown_fields=True):
    yara: str = ""
    filesearch: str = ""


def test_scribe_and_yara_read_the_files_their_options_name():
    read = {"d.json": b'{"tests": []}', "r.yar": "rule é".encode(), "l.yar": b"\xff"}.__getitem__
    found = line("-path d.json -onlytrue", "scribe", Scribe, read)
    assert found == {"scribedoc": {"tests": []}, "onlytrue": True}
    found = line("-rules r.yar -files '-path /usr'", "yara", Yara, read)
    assert found == {"yara": "rule é", "filesearch": "-path /usr"}
    with pytest.raises(Invalid, match="not UTF-8"):
        line("-rules l.yar", "yara", Yara, read)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("-cont 3", "did you mean -count?"),
        ("stray", "belongs to no option"),
        ("-", "belongs to no option"),
        ("-count", "takes a value"),
        ("-count many", "takes a number"),
        ("-ratio nan", "takes a number"),
        ("-fast=maybe", "true or false"),
        ("-count 1 -count 2", "stands twice"),
        ("-fast -fast=false", "stands twice"),
        ("-document {", "no JSON"),
        ("-port 1.5", "int"),
    ],
)
def test_slips_are_refused_with_the_way_out(text, why):
    assert why in refused(text)


def test_a_search_without_a_path_is_no_search():
    with pytest.raises(Invalid, match="paths"):
        file("-name x")
    with pytest.raises(Invalid, match="searches"):
        file("")


def test_what_takes_one_of_a_few_words_names_them():
    lines = list(told("file", plugins.load("vedette.modules", "file").parameters))
    assert "-debug print" in lines
    assert any(one.startswith("-mismatch content|md5|") for one in lines)


@pytest.mark.parametrize("name", plugins.names("vedette.modules"))
def test_every_module_says_what_one_can_ask_it_in_one_line(name):
    struct = plugins.load("vedette.modules", name).parameters
    lines = list(told(name, struct))
    assert all(one.startswith("-") for one in lines)
    assert lines or not struct.__struct_fields__


@pytest.mark.parametrize(
    ("several", "one"),
    [
        ("paths", "path"),
        ("libraries", "library"),
        ("hashes", "hash"),
        ("exes", "exe"),
        ("md5", "md5"),
    ],
)
def test_one_of_several_has_its_own_word(several, one):
    assert singular(several) == one


@given(st.lists(st.text(max_size=8) | st.sampled_from(["-path", "-name", "-search", "--"])))
def test_no_words_break_the_reader(words):
    struct = plugins.load("vedette.modules", "file").parameters
    try:
        found = parameters_of("file", struct, words, read=nothing)
    except Invalid:
        return
    assert json.loads(json.dumps(found)) == found
