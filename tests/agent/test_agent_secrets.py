"""Secrets are read on the probing host, where its owner said, and nowhere else."""

import os

import pytest

from vedette.agent.connector import RefusedByHost
from vedette.agent.host import HostRules
from vedette.agent.secrets import SecretMissing, Secrets, redact


@pytest.fixture
def below(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "pg").write_text("hunter2\n")
    (tmp_path / "outside").write_text("not yours")
    return tmp_path


def secrets(below, **rules):
    return Secrets(HostRules(secrets_dir=str(below / "secrets"), **rules))


def test_a_file_below_secrets_dir_becomes_the_setting(below):
    resolved = secrets(below).resolve({"host": "db", "password_file": "pg"})
    assert resolved.settings == {"host": "db", "password": "hunter2"}
    assert resolved.secrets == {"hunter2"}


def test_an_absolute_path_below_it_is_as_good(below):
    path = str(below / "secrets" / "pg")
    assert secrets(below).resolve({"password_file": path}).settings == {"password": "hunter2"}


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "pg/../../outside", "", "a\0b"])
def test_nothing_else_is_read(below, path):
    with pytest.raises((RefusedByHost, SecretMissing)):
        secrets(below).resolve({"password_file": path})


def test_a_link_does_not_lead_out(below):
    (below / "secrets" / "link").symlink_to(below / "outside")
    with pytest.raises(RefusedByHost):
        secrets(below).resolve({"password_file": "link"})


@pytest.mark.parametrize("key", ["ca_file", "client_cert", "client_key"])
def test_a_file_of_certificates_is_one_the_owner_named_and_stays_a_path(below, key):
    """Else a server could have the host's own keys shown, to whom it likes."""
    inside, outside = below / "secrets" / "pg", below / "outside"
    held = secrets(below)
    assert held.resolve({key: "pg"}).settings == {key: str(inside)}
    assert held.resolve({key: None}).settings == {key: None}
    for named in (str(outside), "/dev/zero", "../outside", 7.5):
        with pytest.raises(RefusedByHost, match=key):
            Secrets(HostRules()).resolve({key: named})
    with pytest.raises(RefusedByHost, match=key):
        held.resolve({key: str(outside)})
    listed = secrets(below, secret_files=[str(outside)])
    assert listed.resolve({key: str(outside)}).settings == {key: str(outside)}
    (below / "secrets" / "way").write_text(str(outside))
    with pytest.raises(RefusedByHost, match=key):
        held.resolve({f"{key}_file": "way"})


def test_a_path_listed_exactly_is_read_without_a_secrets_dir(below):
    path = str(below / "outside")
    allowed = Secrets(HostRules(secret_files=[path]))
    assert allowed.resolve({"password_file": path}).settings == {"password": "not yours"}
    with pytest.raises(RefusedByHost):
        allowed.resolve({"password_file": str(below / "secrets" / "pg")})


def test_variables_are_replaced_where_the_owner_named_them(below, monkeypatch):
    monkeypatch.setenv("PGUSER", "watcher")
    monkeypatch.setenv("AWS_SECRET", "no")
    allowed = secrets(below, env=["PGUSER", "UNSET_HERE"])
    resolved = allowed.resolve({"headers": {"x": ["${PGUSER}@db"]}, "port": 1})
    assert resolved.settings == {"headers": {"x": ["watcher@db"]}, "port": 1}
    with pytest.raises(RefusedByHost, match="AWS_SECRET"):
        allowed.resolve({"user": "${AWS_SECRET}"})
    with pytest.raises(SecretMissing, match="UNSET_HERE"):
        allowed.resolve({"user": "${UNSET_HERE}"})


@pytest.mark.parametrize("key", ["password_file", "client_cert", "client_cert_file"])
@pytest.mark.parametrize("named", ["${PGPASSWORD}", "sub/${PGPASSWORD}", "../${PGPASSWORD}"])
def test_a_variable_in_a_path_is_not_told(below, monkeypatch, key, named):
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    for held in (
        secrets(below, env=["PGPASSWORD"]),
        Secrets(HostRules(env=["PGPASSWORD"])),
    ):
        try:
            told = str(held.resolve({key: named}).settings.keys())
        except (RefusedByHost, SecretMissing) as refused:
            told = str(refused)
        assert "hunter2" not in told
        assert key.removesuffix("_file") in told


def test_a_secret_that_is_rotated_is_read_again(below):
    held = secrets(below)
    held.resolve({"password_file": "pg"})
    path = below / "secrets" / "pg"
    path.write_text("hunter3")
    os.utime(path, ns=(1, 1))
    assert held.resolve({"password_file": "pg"}).settings == {"password": "hunter3"}


def test_a_missing_secret_is_named_without_its_content(below):
    with pytest.raises(SecretMissing, match="password_file: gone cannot be read"):
        secrets(below).resolve({"password_file": "gone"})


def test_messages_show_no_secret_even_when_one_holds_another():
    said = "auth failed for hunter2-long, not hunter2"
    assert redact(said, frozenset({"hunter2", "hunter2-long"})) == "auth failed for …, not …"


def test_nor_as_a_message_spells_one():
    key = "-----BEGIN KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49/+=\n-----END KEY-----"
    secrets = frozenset({"Hunter2 &", key})
    for said in (
        "not 'Hunter2 &'",
        "http://hunter2 &/",
        "?q=Hunter2%20%26",
        f"must be a number, not {key!r}",
        " ".join(key.split()),
        "a line: MIGHAgEAMBMGByqGSM49AgEGCCqGSM49/+=",
    ):
        told = redact(said, secrets).lower()
        assert "hunter" not in told, said
        assert "migha" not in told, said
    assert redact("plain words", secrets) == "plain words"
