"""What the `example` module answers."""

import socket
from typing import Any

import pytest
from tests.agent.modules.asking import ask

from vedette.agent.modules.example import Example
from vedette.errors import Invalid


def test_it_tells_the_hosts_name_and_counts_what_it_found() -> None:
    result = ask(Example(), {"gethostname": True})
    assert result.elements == {"hostname": socket.gethostname()}
    assert (result.foundanything, result.success) == (True, True)
    assert result.statistics == {"stufffound": 1}


def test_it_tells_addresses_with_their_prefixes_and_not_the_loopbacks() -> None:
    result = ask(Example(), {"getaddresses": True})
    assert not {"127.0.0.1/8", "::1/128"} & set(result.elements["addresses"])
    assert all("/" in one for one in result.elements["addresses"])
    assert result.statistics["stufffound"] == len(result.elements["addresses"])


def test_it_looks_names_up() -> None:
    result = ask(Example(), {"lookuphost": ["localhost"]})
    assert {"127.0.0.1", "::1"} & set(result.elements["lookeduphost"]["localhost"])
    assert result.success


def test_a_name_that_leads_nowhere_is_told_of() -> None:
    result = ask(Example(), {"gethostname": True, "lookuphost": ["no.such.invalid"]})
    assert (result.success, result.foundanything) == (False, True)
    assert result.errors[0].startswith("no.such.invalid: ")


@pytest.mark.parametrize("host", ["-a", "a..b", "a b", "a_b", "a" * 64, "", "a\n"])
def test_what_is_no_name_of_a_host_is_refused(host: str) -> None:
    with pytest.raises(Invalid):
        ask(Example(), {"lookuphost": [host]})


def test_asked_for_nothing_it_finds_nothing() -> None:
    result: Any = ask(Example(), {})
    assert (result.foundanything, result.success, result.elements) == (False, True, {})
