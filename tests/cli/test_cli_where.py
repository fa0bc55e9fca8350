import json
from datetime import timedelta
from pathlib import Path

import pytest

from vedette.cli import where
from vedette.cli.spans import span
from vedette.cli.where import Asking, data_dir, token_of, url_of
from vedette.errors import Invalid, Missing


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No environment and no folder of ours but what the test makes."""
    for name in ("VEDETTE_DATA_DIR", "VEDETTE_TOKEN", "VEDETTE_URL", "VEDETTE_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)


def server_in(directory: Path, url: str = "http://127.0.0.1:8080") -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "endpoints.json").write_text(json.dumps({"http": url}))
    (directory / "admin.token").write_text("vdt_admin\n")
    return directory


def test_the_data_directory_is_the_flag_then_the_environment_then_here_then_xdg(
    monkeypatch, tmp_path
):
    assert data_dir() == tmp_path / "state" / "vedette"
    (tmp_path / "vedette-data").mkdir()
    assert data_dir() == tmp_path / "vedette-data"
    monkeypatch.setenv("VEDETTE_DATA_DIR", str(tmp_path / "env"))
    assert data_dir() == tmp_path / "env"
    assert data_dir(Path("flag")) == tmp_path / "flag"


def test_without_a_server_the_way_to_one_is_told():
    with pytest.raises(Missing, match="no server is known") as caught:
        url_of(Asking())
    assert "vedette up" in str(caught.value)


def test_the_running_server_of_the_data_directory_is_found(tmp_path):
    asking = Asking(data_dir=server_in(tmp_path / "d"))
    assert url_of(asking) == "http://127.0.0.1:8080"
    assert token_of(asking) == "vdt_admin"


def test_a_token_of_the_environment_goes_before_that_of_the_directory(monkeypatch, tmp_path):
    monkeypatch.setenv("VEDETTE_TOKEN", "vdt_mine")
    assert token_of(Asking(data_dir=server_in(tmp_path / "d"))) == "vdt_mine"


def test_the_directorys_token_is_kept_from_every_other_server(tmp_path):
    directory = server_in(tmp_path / "d")
    assert token_of(Asking(url="https://other.example", data_dir=directory)) is None
    assert token_of(Asking(url="http://127.0.0.1:8080/", data_dir=directory)) == "vdt_admin"


def test_a_token_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(Missing, match="there is no token file"):
        token_of(Asking(token_file=tmp_path / "absent"))


def test_an_address_without_a_scheme_is_refused():
    with pytest.raises(Invalid, match="is not a URL"):
        url_of(Asking(url="vedette.example"))


def test_a_damaged_endpoints_file_is_named(tmp_path):
    (tmp_path / where.ENDPOINTS).write_text("{")
    with pytest.raises(where.Unavailable, match=r"endpoints\.json cannot be read"):
        url_of(Asking(data_dir=tmp_path))


def test_durations_of_the_command_line():
    assert span("90d") == timedelta(days=90)
    assert span("1h30m") == timedelta(minutes=90)
    for word in ("", "0d", "5", "soon", "5m1h"):
        with pytest.raises(Invalid, match="is not a duration"):
            span(word)
