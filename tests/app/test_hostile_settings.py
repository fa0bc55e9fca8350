"""Settings files nobody would write, through `vedette config check`: each is told in lines, never a trace."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vedette.app.settings_file import settings_of
from vedette.app.tree import run
from vedette.errors import Invalid

WRONG_EVERYWHERE = """
server: {http: 1, behind_proxy: x, agent: maybe, insecure: 3, data_dir: []}
log: {level: loud, file_keep: -1, format: xml}
intake: []
history: 1
clusters: {}
services: 3
targets: [1, null, {name: [], connector: {}, every: {}, settings: [], thresholds: 5, agents: [1]}]
"""
BOMB = "\n".join(
    ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    + [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
)

FILES = [
    ("binary", bytes(range(256)) * 100, "is no UTF-8 text"),
    ("another alphabet", "targets: []\n".encode("utf-16"), "is no UTF-8 text"),
    ("a null byte", b"targets:\0\n", "not YAML"),
    ("deep", b"[" * 100_000, "nested more than 32 deep"),
    ("deep by indentation", b"".join(b" " * n + b"a:\n" for n in range(200)), "nested more than"),
    ("a key twice", b"targets: []\ntargets: []\n", "stands twice"),
    ("aliases of aliases", BOMB.encode(), "expand to more than"),
    ("an alias of itself", b"targets: &a [*a]\n", "nested more than 32 deep by its aliases"),
    ("a number", b"42\n", "42 is not a mapping"),
    ("a list", b"- a\n", "['a'] is not a mapping"),
    ("two documents", b"a: 1\n---\nb: 2\n", "not YAML"),
    ("a tag that runs", b"a: !!python/object/apply:os.system [id]\n", "is not allowed here"),
    ("wrong everywhere", WRONG_EVERYWHERE.encode(), "log.level: 'loud' is not one of"),
    ("no end of digits", b"targets: [{name: x, bad_after: " + b"9" * 5000 + b"}]", "bad_after"),
    ("one long line", b'targets: "' + b"x" * 2_000_000 + b'"\n', "is not a list"),
    ("keys that are none", b"? [a]\n: b\n", "cannot be a key"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "complaint"), [f[1:] for f in FILES], ids=[f[0] for f in FILES]
)
def test_a_hostile_file_is_told_in_lines_that_name_it(tmp_path, capsys, content, complaint):
    path = tmp_path / "hostile.yaml"
    path.write_bytes(content)
    assert run(["config", "check", str(path)]) == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert all("hostile.yaml" in line and len(line) < 400 for line in said.splitlines())


def test_a_file_of_100_mb_is_refused_after_8(tmp_path, capsys):
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(100 * 2**20)
    assert run(["config", "check", str(path)]) == 2
    assert capsys.readouterr().err == f"vedette: {path} is larger than 8 MiB\n"


@pytest.mark.parametrize("content", [b"", b"\n", b"# nothing\n", "\ufefftargets: []\n".encode()])
def test_an_empty_file_watches_nothing(tmp_path, content):
    path = tmp_path / "empty.yaml"
    path.write_bytes(content)
    assert run(["config", "check", str(path)]) == 0


KEYS = st.sampled_from(
    ["server", "log", "intake", "history", "clusters", "services", "targets", "name", "connector",
     "every", "timeout", "settings", "component", "thresholds", "requests", "agents", "http", "file_size"]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.sampled_from(["tcp", "10s", "0s", "-1", "127.0.0.1:1", "${X}"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=20,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=4))
def test_whatever_stands_there_is_settings_or_refused(said):
    import yaml

    try:
        settings_of(yaml.safe_dump(said))
    except Invalid as refused:
        assert str(refused)
