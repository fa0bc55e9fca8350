"""The seal key is changed under a server that runs, and the next start needs the new one."""

import pytest
from tests.app.up_world import Up, running, vedette

pytestmark = pytest.mark.slow


def test_the_seal_key_changes_while_a_server_runs(tmp_path):
    directory, new = tmp_path / "data", tmp_path / "new.key"
    change = ("db", "reseal", f"--new-seal-key-file={new}")
    with running(directory, "--no-agent") as up:
        changed = up.cli(*change)
        assert changed.returncode == 0, changed.stderr
        assert changed.stdout.startswith("3 secrets are sealed with key ")
        assert str(new) in changed.stderr
        assert new.stat().st_mode & 0o777 == 0o600
        again = up.cli(*change)
        assert again.returncode == 0, "whoever does not know whether it was done does it again"
        assert up.get("/api/v1/targets").status_code == 200
        fingerprint = up.said.read_text().partition("sha256:")[2].split()[0]

    with_the_old = Up(directory, "--no-agent")
    assert with_the_old.process.wait(timeout=60) == 7
    said = with_the_old.errors.read_text().splitlines()[-1]
    assert "the database was sealed with another key" in said
    assert "VEDETTE_SEAL_KEY_FILE" in said

    with running(directory, "--no-agent", f"--seal-key-file={new}") as up:
        assert up.get("/api/v1/targets").status_code == 200, "the admin token is what it was"
        assert fingerprint in up.said.read_text()


@pytest.mark.parametrize(
    ("old", "new", "code", "complaint"),
    [
        (None, "new", 6, "there is no seal key at"),
        ("rubbish", "new", 2, "holds no seal key"),
        ("old", "old", 2, "holds the key of"),
        ("old", "nowhere/new", 8, "cannot be written"),
    ],
)
def test_a_change_that_cannot_be_is_one_line(tmp_path, old, new, code, complaint):
    from vedette.trust.seal import Seal

    Seal.make_file(tmp_path / "old")
    (tmp_path / "rubbish").write_text("x")
    (tmp_path / "rubbish").chmod(0o600)
    refused = vedette(
        "db",
        "reseal",
        f"--data-dir={tmp_path / 'data'}",
        *([f"--seal-key-file={tmp_path / old}"] if old else []),
        f"--new-seal-key-file={tmp_path / new}",
    )
    assert refused.returncode == code
    assert complaint in refused.stderr
    assert refused.stderr.count("\n") == 1
