"""Versions are ordered as dpkg and rpm order them."""

import shutil
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from vedette.agent.modules.package_versions import compare

parts = some.text("0123459ab~+.", min_size=1, max_size=8)
versions = some.builds(
    lambda epoch, version, release: f"{epoch}1{version}{release}",
    some.sampled_from(["", "0:", "1:", "12:"]),
    parts,
    some.builds(lambda text: f"-{text}" if text else "", some.text("01239a~+.", max_size=5)),
)


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="no dpkg on this machine")
@settings(max_examples=60, deadline=None)
@given(left=versions, right=versions)
def test_debians_order_is_that_of_dpkg(left: str, right: str) -> None:
    word = {-1: "lt", 0: "eq", 1: "gt"}[compare(left, right, kind="dpkg")]
    said = subprocess.run(("dpkg", "--compare-versions", left, word, right), check=False)
    assert said.returncode == 0, (left, word, right)


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("1.9", "1.10"),
        ("2.12-1.166.el6", "2.12-1.166.el6_7.7"),
        ("1.0~rc1", "1.0"),
        ("1.0", "1.0^git1"),
        ("1.0^git1", "1.0.1"),
        ("1.0~rc1^git1", "1.0~rc1.1"),
        ("1.a", "1.1"),
        ("99", "1:0"),
        ("1.0", "1.0.1"),
        ("2.6.32-504.12.2.el6", "2.6.32-573.8.1.el6"),
        ("345600.0", "1000000.0"),
        ("5", "6"),
        ("1.0", "1.0-1"),
        ("fc4", "fc.5"),
    ],
)
def test_rpms_order_is_that_of_rpm(older: str, newer: str) -> None:
    assert compare(older, newer) == -1
    assert compare(newer, older) == 1


@pytest.mark.parametrize(
    ("left", "right"), [("1.0", "1.00"), ("1.0", "1_0"), ("0:1.0", "1.0"), ("a", "a"), ("", "")]
)
def test_rpm_sees_no_difference(left: str, right: str) -> None:
    assert compare(left, right) == 0


@given(
    left=some.text(max_size=12),
    right=some.text(max_size=12),
    kind=some.sampled_from(["rpm", "dpkg"]),
)
def test_whatever_a_version_is_there_is_an_order(left: str, right: str, kind: str) -> None:
    assert compare(left, right, kind=kind) == -compare(right, left, kind=kind)
    assert compare(left, left, kind=kind) == 0
