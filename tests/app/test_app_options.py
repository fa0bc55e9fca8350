from pathlib import Path

import pytest

from vedette.app.addresses import Address, listen_on, parse_address
from vedette.app.options import Listening, database_url, listening, path_of, resolve
from vedette.app.settings import ServerSettings
from vedette.errors import Invalid, Missing, Unavailable


def test_a_flag_goes_before_the_file_and_the_file_before_the_default():
    said = listening(Listening(http="127.0.0.1:1"), ServerSettings(http="127.0.0.1:2"), {})
    assert said["http"] == Address("127.0.0.1", 1)
    said = listening(Listening(), ServerSettings(http="127.0.0.1:2"), {})
    assert said["http"] == Address("127.0.0.1", 2)
    said = listening(Listening(), ServerSettings(), {})
    assert str(said["http"]) == "127.0.0.1:8080"
    assert str(said["grpc"]) == "127.0.0.1:4000"


@pytest.mark.parametrize(
    "http", ["0.0.0.0:80", ":80", "[::]:80", "10.0.0.1:80", "status.example:80"]
)
def test_http_beyond_this_machine_needs_tls_or_a_proxy(http):
    with pytest.raises(Invalid, match="without TLS") as caught:
        listening(Listening(http=http), ServerSettings(), {})
    assert "--behind-proxy CIDR" in str(caught.value)
    listening(Listening(http=http, behind_proxy=["10.0.0.0/8"]), ServerSettings(), {})


@pytest.mark.parametrize("http", ["127.0.0.1:80", "127.8.8.8:80", "[::1]:80", "localhost:80"])
def test_http_on_loopback_needs_nothing(http):
    assert listening(Listening(http=http), ServerSettings(), {})["http"].is_loopback


def test_half_of_tls_is_refused(tmp_path):
    (tmp_path / "crt").write_text("")
    with pytest.raises(Invalid, match="go together"):
        listening(Listening(tls_cert=str(tmp_path / "crt")), ServerSettings(), {})


@pytest.mark.parametrize("text", ["8080", "x:y", "::1:80", "[::1:80", "h:70000", "h:", ""])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(Invalid, match="is not an address"):
        parse_address(text, what="--http")


def test_an_address_is_spelled_as_it_was_read():
    for text in ("127.0.0.1:80", "[::1]:80", "name:0"):
        assert str(parse_address(text, what="--http")) == text


def test_everywhere_is_reached_by_loopback_from_here():
    assert str(Address("0.0.0.0", 80).from_here) == "127.0.0.1:80"
    assert str(Address("::", 80).from_here) == "[::1]:80"
    assert str(Address("10.0.0.1", 80).from_here) == "10.0.0.1:80"


def test_a_taken_port_is_told_with_its_flag():
    with listen_on(Address("127.0.0.1", 0), flag="--http") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match="cannot listen") as caught:
            listen_on(Address("127.0.0.1", port), flag="--grpc")
    assert "--grpc HOST:PORT" in str(caught.value)


def test_secrets_of_the_server_are_resolved_and_an_unset_one_is_named(tmp_path):
    assert resolve("a${X}b", {"X": "-"}, "here") == "a-b"
    with pytest.raises(Missing, match=r"server.database_url names \$\{X\}"):
        database_url(None, None, ServerSettings(database_url="${X}"), {})
    (tmp_path / "url").write_text("postgresql://h/d\n")
    file = ServerSettings(database_url_file=str(tmp_path / "url"))
    assert database_url(None, None, file, {}) == "postgresql://h/d"
    assert database_url("postgresql://flag/d", None, file, {}) == "postgresql://flag/d"


def test_the_seal_key_is_the_flags_then_the_files(tmp_path):
    settings = ServerSettings(seal_key_file="${DIR}/k")
    assert path_of(None, "seal_key_file", settings, {"DIR": "/x"}) == Path("/x/k")
    assert path_of(tmp_path, "seal_key_file", settings, {"DIR": "/x"}) == tmp_path
    assert path_of(None, "seal_key_file", ServerSettings(), {}) is None


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("4001", Address("127.0.0.1", 4001)),
        (" 0 ", Address("127.0.0.1", 0)),
        ("10.0.0.1:4001", Address("10.0.0.1", 4001)),
        (":4001", Address("0.0.0.0", 4001)),
        ("[::1]:4001", Address("::1", 4001)),
    ],
)
def test_dbmons_port_alone_is_this_machines_alone(said, address):
    assert listening(Listening(dbmon_port=said), ServerSettings(), {})["dbmon"] == address
    assert listening(Listening(), ServerSettings(dbmon_port=said), {})["dbmon"] == address


def test_dbmon_is_served_in_the_clear_only_where_it_is_asked_for():
    assert listening(Listening(), ServerSettings(), {})["dbmon"] is None
    assert listening(Listening(), ServerSettings(dbmon_port=4001), {})["dbmon"].port == 4001
    for wrong in ("70000", "x", "host"):
        with pytest.raises(Invalid, match="--dbmon-port"):
            listening(Listening(dbmon_port=wrong), ServerSettings(), {})


def test_a_database_named_twice_is_refused(tmp_path):
    with pytest.raises(Invalid, match="by --database-url and by --database-url-file"):
        database_url("postgresql://h/d", tmp_path / "url", ServerSettings(), {})
    with pytest.raises(Missing, match=r"--database-url-file .*url cannot be read: No such file"):
        database_url(None, tmp_path / "url", ServerSettings(), {})
