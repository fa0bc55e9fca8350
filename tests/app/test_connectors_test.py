"""`vedette connectors test`: one look from the command line, all of it shown."""

import json
import socket

import pytest

from vedette.app.tree import run


@pytest.fixture
def door():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def looked(capsys, *words):
    code = run(["connectors", "test", *words])
    return code, capsys.readouterr().out


def test_everything_a_look_saw_is_shown_with_unit_and_help(door, capsys):
    code, out = looked(capsys, "tcp", "--settings", "host=127.0.0.1", f"port={door}")
    assert code == 0
    assert out.startswith("state    up\nrtt ")
    assert "connect_s" in out
    assert "seconds" in out


def test_what_is_not_up_is_exit_code_3_and_unknown_4(capsys):
    code, out = looked(capsys, "tcp", "--settings", "host=127.0.0.1", "port=1", "-o", "json")
    assert (code, json.loads(out)["error_class"]) == (3, "refused")
    code, out = looked(capsys, "tcp", "--settings", "nonsense=1", "-o", "json")
    assert (code, json.loads(out)["error_class"]) == (4, "bad_settings")


def test_a_file_may_hold_a_whole_target(door, tmp_path, capsys):
    file = tmp_path / "target.yaml"
    file.write_text(
        f"settings: {{host: 127.0.0.1, port: {door}}}\n"
        "thresholds: {connect_s: {enter: 0, leave: 0}}\nkeep: [none]\n"
    )
    code, out = looked(capsys, "tcp", "--settings-file", str(file), "-o", "json")
    said = json.loads(out)
    assert (code, said["error_class"]) == (3, "threshold")
    assert [m["name"] for m in said["measurements"]] == ["dropped_measurements"]


def test_what_is_wrong_is_said_in_one_line(capsys):
    assert run(["connectors", "test", "tcp", "--settings", "host"]) == 2
    assert "key=value" in capsys.readouterr().err
    assert run(["connectors", "test", "tpc"]) == 6
