"""Where connectors may connect is the host owner's word, by whatever name or form it is asked for."""

import socket

import pytest

from vedette.agent.connector import RefusedByHost
from vedette.agent.reach import HostReach
from vedette.errors import Invalid

METADATA = "169.254.169.254"


async def reached(lines, host, port=80):
    try:
        return await HostReach(lines)(host, port)
    except RefusedByHost:
        return "refused"


async def test_without_a_word_everything_but_link_local_is_reached():
    assert await reached([], "127.0.0.1") == ["127.0.0.1"]
    assert await reached([], "10.1.2.3", 5432) == ["10.1.2.3"]
    assert await reached([], METADATA) == "refused"
    assert await reached([], "fe80::1") == "refused"


@pytest.mark.parametrize(
    "form",
    [
        "2852039166",  # decimal
        "0xa9fea9fe",
        "0251.0376.0251.0376",  # octal
        "169.254.43518",
        "::ffff:169.254.169.254",
        "::ffff:a9fe:a9fe",
        "64:ff9b::a9fe:a9fe",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fd00:ec2::254",
        "100.100.100.200",
    ],
)
async def test_no_spelling_of_a_metadata_address_gets_through(form):
    assert await reached([], form) == "refused"


async def test_the_owner_may_allow_a_link_local_address_by_naming_it():
    assert await reached([f"{METADATA}:80"], METADATA) == [METADATA]
    assert await reached(["*:*"], METADATA) == "refused"
    assert await reached(["0.0.0.0/0:*"], METADATA) == "refused"


@pytest.mark.parametrize(
    ("lines", "host", "port", "allowed"),
    [
        (["10.0.0.0/8:5432"], "10.9.9.9", 5432, True),
        (["10.0.0.0/8:5432"], "10.9.9.9", 5433, False),
        (["10.0.0.0/8:5432-5439"], "10.9.9.9", 5433, True),
        (["10.0.0.0/8:*", "!10.0.0.1:*"], "10.0.0.1", 80, False),
        (["!10.0.0.1:*"], "10.0.0.2", 80, True),
        (["!10.0.0.1:*"], "10.0.0.1", 80, False),
        (["[fd00::]/8:443"], "fd12::1", 443, True),
        (["[fd00::1]:443"], "fd00::2", 443, False),
        (["10.0.0.0/8:*"], "::ffff:10.0.0.1", 80, True),
    ],
)
async def test_patterns_of_addresses(lines, host, port, allowed):
    assert (await reached(lines, host, port) != "refused") is allowed


async def test_a_name_is_resolved_and_its_addresses_are_pinned(monkeypatch):
    def resolve(host, port, *_args, **_kw):
        answers = {"db.shop.example": ["10.0.0.7", METADATA], "evil.example": [METADATA]}
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, port)) for a in answers[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    assert await reached(["*.shop.example:*"], "db.shop.example") == ["10.0.0.7"]
    assert await reached(["*.shop.example:*"], "evil.example") == "refused"
    assert await reached([], "evil.example") == "refused"


async def test_nobody_is_asked_for_a_name_that_is_not_allowed(monkeypatch):
    """The question itself would tell a stranger's name server what the name holds."""
    asked = []

    def resolve(host, port, *_args, **_kw):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    lines = ["*.shop.example:5432"]
    assert await reached(lines, "hunter2.evil.example", 5432) == "refused"
    assert await reached(lines, "db.shop.example", 443) == "refused"
    assert asked == []
    assert await reached(lines, "db.shop.example", 5432) == ["10.0.0.7"]


async def test_unix_sockets_are_reached_where_the_list_says_so():
    assert await reached([], "/run/pg") == ["/run/pg"]
    assert await reached(["10.0.0.0/8:*"], "/run/pg") == "refused"
    assert await reached(["/run/pg*"], "/run/pg") == ["/run/pg"]
    assert await reached(["!/run/docker*"], "/run/docker.sock") == "refused"


async def test_a_socket_is_reached_by_what_its_path_means(tmp_path):
    real = tmp_path.resolve() / "run"
    (real / "pg").mkdir(parents=True)
    (tmp_path / "link").symlink_to(real)
    allowed = [f"{real}/pg/*"]
    assert await reached(allowed, f"{real}/pg/./s") == [f"{real}/pg/s"]
    assert await reached(allowed, f"{tmp_path}/link/pg/s") == [f"{tmp_path}/link/pg/s"]
    assert await reached(allowed, f"{real}/pg/../docker.sock") == "refused"
    for path in (f"{real}/docker.sock", f"/{real}//docker.sock", f"{tmp_path}/link/docker.sock"):
        assert await reached([f"!{real}/docker*"], path) == "refused", path


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "::ffff:0.0.0.0"])
async def test_the_address_of_nobody_is_this_hosts(host):
    assert await reached(["!127.0.0.0/8:*", "![::1]:*"], host) == "refused"
    assert await reached(["10.0.0.0/8:*"], host) == "refused"
    assert await reached([], host) != "refused"


async def test_the_refusal_names_where_and_whose_word_it_is():
    with pytest.raises(RefusedByHost, match=r"agent\.yaml does not allow 10\.0\.0\.1:80"):
        await HostReach(["10.0.0.2:80"])("10.0.0.1", 80)


@pytest.mark.parametrize("line", ["db", "10.0.0.0/99:80", "db:http", ":80"])
def test_what_is_no_pattern_is_refused_with_an_example(line):
    with pytest.raises(Invalid, match=r"pattern|network"):
        HostReach([line])
