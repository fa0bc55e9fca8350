"""What is sealed opens under its own name, with its own key, unchanged; and in no other case."""

import base64
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vedette.errors import Conflict, Denied, Invalid, Missing, Unavailable
from vedette.trust.seal import BrokenSeal, OtherSealKey, Seal

ONE, TWO = b"1" * 32, b"2" * 32


def line(key):
    return f"vedette-seal-1:{base64.b64encode(key).decode()}\n"


def key_file(folder, text, mode=0o600):
    path = folder / "seal.key"
    path.write_text(text)
    path.chmod(mode)
    return path


@given(st.text(max_size=40), st.binary(max_size=2000))
def test_what_was_sealed_opens_again(name, plain):
    seal = Seal([ONE])
    assert seal.open(name, seal.seal(name, plain)) == plain


def test_the_same_sealed_twice_looks_different():
    seal = Seal([ONE])
    assert seal.seal("pepper", b"x") != seal.seal("pepper", b"x")


def test_a_value_moved_to_another_name_does_not_open():
    seal = Seal([ONE])
    with pytest.raises(BrokenSeal, match="'cookie key' was changed or moved"):
        seal.open("cookie key", seal.seal("pepper", b"x"))


def test_no_byte_of_an_envelope_can_be_changed():
    seal = Seal([ONE])
    envelope = seal.seal("pepper", b"secret")
    for place in range(len(envelope)):
        changed = bytearray(envelope)
        changed[place] ^= 1
        with pytest.raises((BrokenSeal, OtherSealKey)):
            seal.open("pepper", bytes(changed))


@given(st.binary(max_size=200))
def test_rubbish_is_refused(envelope):
    with pytest.raises((BrokenSeal, OtherSealKey)):
        Seal([ONE]).open("pepper", envelope)


def test_another_key_says_which_one_it_takes():
    envelope = Seal([ONE]).seal("pepper", b"x")
    with pytest.raises(OtherSealKey, match=Seal([ONE]).key_id):
        Seal([TWO]).open("pepper", envelope)


def test_after_a_rotation_the_new_key_seals_and_the_old_one_still_opens(tmp_path):
    old = Seal.from_file(key_file(tmp_path, line(ONE)))
    both = Seal.from_file(key_file(tmp_path, line(TWO) + line(ONE)))
    assert both.open("pepper", old.seal("pepper", b"x")) == b"x"
    with pytest.raises(OtherSealKey):
        old.open("pepper", both.seal("pepper", b"x"))


def test_a_made_file_is_private_and_is_never_made_over(tmp_path):
    path = tmp_path / "seal.key"
    made = Seal.make_file(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Seal.from_file(path).key_id == made.key_id
    with pytest.raises(Conflict, match="already"):
        Seal.make_file(path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["seal.key"]


def test_those_who_make_it_at_once_agree_on_one(tmp_path):
    path = tmp_path / "seal.key"
    with ThreadPoolExecutor(8) as pool:
        ids = {seal.key_id for seal in pool.map(Seal.load_or_make, [path] * 32)}
    assert len(ids) == 1


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666, 0o620])
def test_a_file_others_can_read_is_refused_with_the_way_out(tmp_path, mode):
    path = key_file(tmp_path, line(ONE), mode)
    with pytest.raises(Denied, match=f"chmod 600 {path}"):
        Seal.from_file(path)


def test_a_mounted_secret_the_group_may_read_is_accepted(tmp_path):
    real = key_file(tmp_path, line(ONE), 0o440)
    link = tmp_path / "link"
    link.symlink_to(real)
    assert Seal.from_file(link).key_id == Seal([ONE]).key_id


@pytest.mark.parametrize(
    "text", ["", "\n\n", "hello\n", "vedette-seal-1:AAAA\n", "vedette-seal-1:***\n", "x" * 10_000]
)
def test_a_file_without_a_key_is_refused(tmp_path, text):
    with pytest.raises(Invalid, match="holds no seal key"):
        Seal.from_file(key_file(tmp_path, text))


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path):
    with pytest.raises(Missing, match="VEDETTE_SEAL_KEY_FILE"):
        Seal.from_file(tmp_path / "none")
    with pytest.raises(Unavailable, match="Is a directory"):
        Seal.from_file(tmp_path)
    with pytest.raises(Invalid, match="is not a file"):
        Seal.from_file(Path("/dev/null"))
    with pytest.raises(Unavailable):
        Seal.make_file(tmp_path / "no" / "such" / "folder")


@pytest.mark.skipif(os.name != "posix", reason="permissions are POSIX")
def test_the_key_appears_in_no_text_of_a_seal():
    assert base64.b64encode(ONE).decode() not in repr(Seal([ONE]))
    assert "1111" not in repr(vars(Seal([ONE])))
