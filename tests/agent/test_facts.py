"""What an agent says of its host has MIG's keys and words, so that MIG's targets mean it."""

import json
import socket
import sys

import pytest

from vedette import clock
from vedette.actions.target_match import excludes
from vedette.actions.target_text import read_target
from vedette.agent.act_steps import facts_of
from vedette.agent.facts import claims, ident, prefix_length

NOW = clock.now()


def said(**further):
    return claims(started_at=NOW, tags={}, **further)


@pytest.mark.skipif(sys.platform != "linux", reason="this machine is no Linux")
@pytest.mark.parametrize(
    "target",
    [
        "environment->>'os'='linux' AND environment->>'arch' IN ('amd64', 'arm64', '386', 'arm')",
        "queueloc LIKE 'linux.%' AND mode='daemon' AND name='edge'",
        "environment->>'modules' LIKE '%\"memory\"%'",
        "environment->>'isproxied' IN ('true', 'false')",
        "environment->>'init' IN ('systemd', 'upstart', 'sysvinit')",
        "key:sha256:ab and os:linux",
    ],
)
def test_targets_of_migs_action_files_mean_this_host(target):
    facts = facts_of(said(modules=("file", "memory")), "edge", "sha256:ab")
    assert not excludes(read_target(target), facts, {}, now=NOW)
    assert excludes(read_target("environment->>'os'='darwin'"), facts, {}, now=NOW)


def test_who_runs_no_modules_says_nothing_of_them():
    assert said().modules == ()
    assert "modules" not in json.loads(said().environment_json)


def test_addresses_bear_the_length_of_their_network():
    for address in json.loads(said().environment_json)["addresses"]:
        number, _, length = address.partition("/")
        family = socket.AF_INET6 if ":" in number else socket.AF_INET
        socket.inet_pton(family, number)
        assert 0 <= int(length) <= 128


@pytest.mark.parametrize(
    ("netmask", "length"),
    [("255.255.255.0", 24), ("255.255.255.255", 32), ("ffff:ffff:ffff:ffff::", 64), (None, 0)],
)
def test_a_netmask_is_a_length(netmask, length):
    assert prefix_length(netmask) == length


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this file")
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.1 LTS"\n', "Ubuntu 24.04.1 LTS"),
        ("NAME=Alpine\n", "Alpine"),
        ("nothing of the kind", ""),
        (None, ""),
    ],
)
def test_a_system_is_called_what_it_calls_itself(tmp_path, text, name):
    if text is not None:
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/os-release").write_text(text)
    assert ident(tmp_path) == name
