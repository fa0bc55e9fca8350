"""How records are shown and files are sent, without a server."""

import gzip
import io

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tabulate import tabulate

from vedette.cli import apply_files
from vedette.cli.apply_files import Progress, found_files, pieces_of
from vedette.cli.kinds import told
from vedette.cli.plugins_interface import Pod
from vedette.cli.plugins_query import Query
from vedette.cli.records_listings import ruled
from vedette.errors import Invalid, Missing

WORDS = st.text(alphabet="abcXYZ019:./-_", max_size=30)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"package": WORDS, "affected_pods": st.integers(0, 10**6), "link": WORDS}
    ),
    min_size=1,
    max_size=8,
)


@given(ROWS)
def test_a_ruled_table_is_what_tabulate_prints(rows):
    columns = ("package", "affected_pods", "link")
    expected = tabulate(
        [[row[column] for column in columns] for row in rows],
        headers=[column.upper() for column in columns],
        disable_numparse=[0, 2],
    )
    lines = [line.rstrip() for line in expected.splitlines()]
    assert ruled(rows, columns).splitlines() == lines


def test_nothing_of_a_server_reaches_the_terminal_as_a_control_character():
    assert "\x1b" not in ruled([{"package": "\x1b[2Jgone"}], ("package",))


def sent(path):
    return b"".join(pieces_of(str(path), Progress(path.stat().st_size)))


@pytest.mark.parametrize("size", [0, 1, apply_files.WORTH_PACKING, 3 * apply_files.PIECE + 7])
def test_a_file_arrives_as_it_is(tmp_path, size):
    body = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "f").write_bytes(body[:size])
    got = sent(tmp_path / "f")
    if size >= apply_files.WORTH_PACKING:
        assert len(got) < size
        got = bytes(cramjam.zstd.decompress(got))
    assert got == body[:size]


def test_what_is_packed_already_is_sent_as_it_is(tmp_path):
    packed = gzip.compress(bytes(range(256)) * 4_000, compresslevel=0)
    (tmp_path / "f.gz").write_bytes(packed)
    assert sent(tmp_path / "f.gz") == packed


def test_a_bar_shows_on_a_terminal_after_a_second_and_is_wiped(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    said = Terminal()
    monkeypatch.setattr("sys.stderr", said)
    progress = Progress(10_000_000)
    progress.send("a.json", 1)
    assert said.getvalue() == ""
    progress.began -= 2
    progress.send("a.json", 4_999_999)
    assert " 50% 5 of 10 MB a.json" in said.getvalue()
    progress.wipe()
    assert said.getvalue().endswith("\r\x1b[K")


def test_folders_are_gone_through_in_order_and_hidden_files_left_out(tmp_path):
    for name in ("b.json", "a.json", ".c.json"):
        (tmp_path / name).touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "x").touch()
    assert found_files(["-", str(tmp_path)]) == ["-", f"{tmp_path}/a.json", f"{tmp_path}/b.json"]
    with pytest.raises(Invalid, match="stdin can be read once"):
        found_files(["-", "-"])
    with pytest.raises(Invalid, match="nothing to hand in"):
        found_files([])
    (tmp_path / "empty").mkdir()
    with pytest.raises(Missing):
        found_files([str(tmp_path / "empty")])


def test_questions_of_plugins_are_asked_in_their_words():
    asked = []

    def listed(path, **query):
        asked.append((path, query))
        return [
            {"name": name, "cluster": "c"} for name in ("cso/b-1", "cso/a2", "cso/a-1", "cso/b-1")
        ]

    query = Query(Pod, listed).filter_by(cluster="c").distinct(Pod.name)
    assert [pod.name for pod in query] == ["cso/a-1", "cso/a2", "cso/b-1"]
    assert query.limit(1).all()[0].cluster == "c"
    assert (query.count(), query.first().name) == (3, "cso/a-1")
    assert asked[0] == ("/api/v1/pods", {"cluster": "c"})
    with pytest.raises(Invalid, match="cannot be asked by 'colour'"):
        query.filter_by(colour="red")


def test_kinds_are_told_within_the_terminal_each_beside_its_name(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    first, *lines = told().splitlines()
    assert first == "kinds:"
    assert max(map(len, lines)) <= 60
    assert "  sarif                 SARIF 2.1.0: results of static" in lines
    assert " " * 24 + "analysis and of scanners" in lines
