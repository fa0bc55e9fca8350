"""Exceptions become classes in one place, and our own faults are never the target's."""

import asyncio
import errno
import socket
import ssl

import pytest
from tests.connectors.looks import a_look

from vedette.agent.connectors.errors import CLASSES, Fault, failed, fault_of, told
from vedette.agent.packs import guards_of, judged
from vedette.health.model import Measurement, Report, State


@pytest.mark.parametrize(
    "error, state, error_class",
    [
        (TimeoutError(), "down", "timeout"),
        (TimeoutError(errno.ETIMEDOUT, "Connection timed out"), "down", "timeout"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), "down", "refused"),
        (ConnectionResetError(errno.ECONNRESET, "reset"), "down", "closed"),
        (BrokenPipeError(errno.EPIPE, "pipe"), "down", "closed"),
        (asyncio.IncompleteReadError(b"", 5), "down", "closed"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "down", "unreachable"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "unknown", "unreachable"),
        (OSError(errno.EMFILE, "Too many open files"), "unknown", "exhausted"),
        (OSError(errno.EADDRNOTAVAIL, "Cannot assign"), "unknown", "exhausted"),
        (socket.gaierror(socket.EAI_NONAME, "Name not known"), "down", "dns"),
        (socket.gaierror(socket.EAI_AGAIN, "Temporary failure"), "unknown", "dns"),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), "down", "tls"),
        (Fault("auth", "who are you", State.UNKNOWN), "unknown", "auth"),
        (ZeroDivisionError("oops"), "unknown", "connector_crash"),
    ],
)
def test_an_exception_has_a_class(error, state, error_class):
    fault = fault_of(error)
    assert (fault.state.word, fault.error_class) == (state, error_class)
    assert error_class in CLASSES


def test_a_report_of_a_failure_says_where():
    report = failed(TimeoutError(), "db:5432")
    assert report.message == "db:5432: no answer in time"
    assert len(failed(Fault("auth", "x" * 5000)).message) == 1024


def test_what_a_target_says_is_cut_cleaned_and_free_of_secrets():
    look = a_look(secrets={"hunter2", ""})
    assert told("bad\n  password hunter2\t!", look) == "bad password … !"
    assert len(told("x" * 5000, look)) == 301


def test_a_limit_is_told_by_name_and_changes_only_what_is_up():
    measured = (Measurement("disk_ratio", 0.95, "store:1"), Measurement("nodes", 3.0))
    report = judged(
        Report(state=State.UP, measurements=measured), guards_of({"disk_ratio": 0.9}, {})
    )
    assert (report.state, report.error_class) == (State.DEGRADED, "threshold")
    assert report.message == "disk_ratio of store:1 is 0.95, above 0.9"
    down = Report(state=State.DOWN, error_class="timeout", measurements=measured)
    assert judged(down, guards_of({"disk_ratio": 0.9}, {})) is down


def test_every_class_has_its_sentence():
    for error_class, words in CLASSES.items():
        assert error_class == error_class.lower()
        assert words.endswith((".", "bug."))
