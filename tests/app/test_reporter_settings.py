"""The secret that reporters share: where it comes from, and that nobody reads it in passing."""

import pytest

from vedette.app.settings_reporters import (
    ReporterFlags,
    ReporterSettings,
    reporters_of,
)
from vedette.errors import Missing

NOTHING = ReporterFlags()


def test_without_a_secret_no_token_of_theirs_counts():
    assert reporters_of(NOTHING, ReporterSettings(), {}).key() is None


def test_flag_then_variable_then_file(tmp_path):
    for name in ("flag", "file"):
        (tmp_path / name).write_text(f"{name} secret\n")
    flags = ReporterFlags(reporter_secret_file=tmp_path / "flag")
    said = ReporterSettings(secret_file=str(tmp_path / "file"))
    environ = {"VEDETTE_REPORTER_SECRET": "variable secret"}
    assert reporters_of(flags, said, environ).secret == b"flag secret"
    assert reporters_of(NOTHING, said, environ).secret == b"variable secret"
    assert reporters_of(NOTHING, said, {}).secret == b"file secret"


def test_the_secret_is_not_in_what_is_printed():
    found = reporters_of(NOTHING, ReporterSettings(), {"VEDETTE_REPORTER_SECRET": "hush hush"})
    assert found.key() is not None
    assert "hush" not in repr(found) + repr(found.key())


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_file_without_a_secret_is_told_before_anything_starts(tmp_path, content):
    path = tmp_path / "secret"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Missing, match="--reporter-secret-file"):
        reporters_of(ReporterFlags(reporter_secret_file=path), ReporterSettings(), {})
