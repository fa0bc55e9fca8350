"""`vedette trust` on the desk: begun, filled, signed by k of n roots, handed to a server."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.signing_world import (
    gpg_home,
    gpg_key,
    gpg_public,
    needs_gpg,
    needs_ssh,
    ssh_key,
)

from vedette.app.tree import run
from vedette.trust.accept import Pin, accept
from vedette.trust.bundle import roots_digest
from vedette.trust.keys import key_fingerprint as agent_key_fingerprint
from vedette.trust.keys import make_csr, make_key
from vedette.trust.reasons import Reason, Untrusted
from vedette.trust.signed import read_signed, write_signed
from vedette.trust.verify import key_fingerprint

pytestmark = needs_ssh
FIXTURES = Path(__file__).parents[3] / "shared/fixtures/mig"
AGENT = "sha256:" + "a" * 64


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder, with gpg's keys of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GNUPGHOME", str(gpg_home()))
    return tmp_path


def public(name):
    return str(ssh_key(name).with_suffix(".pub"))


def done(*words):
    assert run(["trust", *words]) == 0, words


def begun(threshold="2"):
    roots = [word for name in ("root one", "root two") for word in ("--root", public(name))]
    done("init", "example.org", *roots, "--threshold", threshold)


def signed_by(*names):
    for name in names:
        done("sign", "--key", str(ssh_key(name)))


def shown(capsys):
    capsys.readouterr()
    done("show", "-o", "json")
    return json.loads(capsys.readouterr().out)


def text(capsys):
    capsys.readouterr()
    done("show")
    return capsys.readouterr().out


def taken(path="trust.json", threshold=2, now=None):
    """The bundle as an agent takes it, with the roots pinned."""
    signed = read_signed(Path(path).read_bytes())
    keys = [Path(public(name)).read_text() for name in ("root one", "root two")]
    pin = Pin(roots_digest(keys), threshold)
    return accept(signed, pin=pin, held=None, now=now or datetime.now(UTC))


def test_the_whole_ceremony_gives_a_bundle_that_agents_take(desk, capsys):
    begun()
    pin = capsys.readouterr().out
    done("add", "ada", "--key", public("ada"), "--valid-until", "365d")
    done("add", "bob", "--key", public("bob"))
    done("group", "databases", "--agent", AGENT, "--label", "role=db", "--two-persons", "--reason")
    done("minimum", "*", "2")
    done("minimum", "memory", "3", "--group", "databases")
    done("grant", "ada", "*", "2")
    done("grant", "bob", "memory", "2", "-g", "databases")
    with pytest.raises(Untrusted) as refused:
        taken()
    assert refused.value.reason is Reason.NO_SIGNATURE
    signed_by("root one")
    with pytest.raises(Untrusted) as refused:
        taken()
    assert refused.value.reason is Reason.THRESHOLD
    signed_by("root two")
    bundle = taken()
    assert bundle.version == 8
    assert bundle.groups[1].labels == {"role": "db"}
    said = text(capsys)
    assert pin in said
    assert "Signed by 2 of the 2 roots it needs:" in said
    assert "any other module needs 2; ada 2" in said
    assert "Group databases: 1 agent, labels role=db, asks two people and a reason" in said
    assert "memory needs 3; bob 2" in said


def test_what_is_no_bundle_is_refused_by_its_name(desk, capsys):
    Path("action.json").write_text('{"name": "look"}')
    assert run(["trust", "show", "-b", "action.json"]) == 2
    assert "action.json is no trust bundle: " in capsys.readouterr().err


def test_every_change_drops_the_signatures(desk, capsys):
    begun()
    signed_by("root one", "root two")
    assert len(shown(capsys)["signed_by"]) == 2
    done("minimum", "file", "1")
    after = shown(capsys)
    assert (after["version"], after["signed_by"]) == (2, [])


def test_roots_sign_copies_on_machines_of_their_own_and_one_gathers_them(desk, capsys):
    begun()
    document = Path("trust.json").read_bytes()
    for name in ("root one", "root two"):
        Path(name).mkdir()
        (Path(name) / "trust.json").write_bytes(document)
        done("sign", "--key", str(ssh_key(name)), "--bundle", name)
    done("gather", "root one", "root two/trust.json", "root one")
    assert taken().version == 1
    assert "2 of 2 roots signed" in capsys.readouterr().err


def test_signatures_of_another_version_are_not_gathered(desk, capsys):
    begun()
    Path("copy.json").write_bytes(Path("trust.json").read_bytes())
    done("minimum", "file", "1", "-b", "copy.json")
    assert run(["trust", "gather", "copy.json"]) == 7
    assert "another bundle" in capsys.readouterr().err


def test_who_is_no_root_does_not_sign(desk, capsys):
    begun()
    before = Path("trust.json").read_bytes()
    assert run(["trust", "sign", "--key", str(ssh_key("eve"))]) == 5
    assert "whom nobody here knows" in capsys.readouterr().err
    assert Path("trust.json").read_bytes() == before


def test_a_wrong_signature_is_told_and_taken_out_by_the_next_root(desk, capsys):
    begun()
    signed_by("root one")
    other = read_signed(Path("trust.json").read_bytes())
    done("minimum", "file", "1")
    signed_by("root two")
    mixed = read_signed(Path("trust.json").read_bytes()).with_signature(other.signatures[0])
    Path("trust.json").write_bytes(write_signed(mixed))
    assert "Agents refuse it for a signature under it" in text(capsys)
    assert run(["trust", "push"]) == 5
    assert "vedette trust sign takes it out" in capsys.readouterr().err
    with pytest.raises(Untrusted):
        taken()
    signed_by("root one")
    assert "a signature is taken out" in capsys.readouterr().err
    assert taken().version == 2


def test_a_root_that_signs_twice_is_one(desk, capsys):
    begun()
    signed_by("root one", "root one")
    assert len(shown(capsys)["signed_by"]) == 1


@needs_gpg
def test_roots_and_people_may_have_openpgp_keys(desk, capsys):
    root, ada = gpg_key("Root <root@example.org>"), gpg_key("Ada <ada@example.org>")
    Path("root.asc").write_text(gpg_public(root))
    Path("ada.asc").write_text(gpg_public(ada))
    done("init", "example.org", "--root", "root.asc")
    done("add", "ada", "--key", "ada.asc")
    done("sign", "--key", root)
    found = shown(capsys)
    assert found["signed_by"] == [root]
    signed = read_signed(Path("trust.json").read_bytes())
    pin = Pin(found["roots_digest"], 1)
    bundle = accept(signed, pin=pin, held=None, now=datetime.now(UTC) + timedelta(seconds=1))
    assert key_fingerprint(bundle.investigators[0].keys[0]) == ada


def test_an_agent_is_named_by_the_certificate_on_its_host(desk, capsys):
    begun()
    request = make_csr(make_key(), "web1")
    Path("agent.pem").write_bytes(request)
    done("group", "web", "--agent", "agent.pem", "--agent", AGENT)
    agents = shown(capsys)["groups"][1]["agents"]
    assert agents == [f"sha256:{agent_key_fingerprint(request).hex()}", AGENT]


def test_a_signed_action_is_withdrawn_by_its_file_and_counts_again(desk, capsys):
    begun()
    words = ["act", "write", "file", "-path", "/etc", "-name", "^passwd$", "--out", "a.json"]
    assert run(words) == 0
    assert run(["act", "sign", "a.json", "--key", str(ssh_key("ada"))]) == 0
    assert run(["trust", "withdraw", "a.json"]) == 2
    assert "say why" in capsys.readouterr().err
    done("add", "ada", "--key", public("ada"))
    done("withdraw", "a.json", "--reason", "it is over")
    digest = shown(capsys)["withdrawn"][0]["digest"]
    assert f"Withdrawn: {digest}, it is over" in text(capsys)
    assert run(["act", "verify", "a.json", "--bundle", "trust.json"]) == 5
    assert "withdrew it: it is over" in capsys.readouterr().err
    done("withdraw", digest, "--remove")
    assert shown(capsys)["withdrawn"] == []
    assert run(["trust", "withdraw", digest, "--remove"]) == 6


def test_a_change_that_nobody_could_read_leaves_the_bundle_as_it_is(desk, capsys):
    begun()
    before = Path("trust.json").read_bytes()
    assert run(["trust", "withdraw", "a" * 64, "--reason", "x" * 3_000]) == 2
    assert "length <= 2000" in capsys.readouterr().err
    assert Path("trust.json").read_bytes() == before


def test_who_is_revoked_stays_listed_until_they_are_restored(desk, capsys):
    begun()
    done("add", "ada", "--key", public("ada"))
    done("revoke", "ada")
    assert "ada, revoked" in text(capsys)
    assert run(["trust", "add", "ada", "--key", public("bob")]) == 7
    assert "--restore" in capsys.readouterr().err
    done("add", "ada", "--restore")
    assert "ada, revoked" not in text(capsys)


def test_one_key_of_a_person_is_revoked_by_its_fingerprint(desk, capsys):
    begun()
    done("add", "ada", "--key", public("ada"), "--key", public("ada two"))
    lost, kept = map(key_fingerprint, shown(capsys)["investigators"][0]["keys"])
    done("revoke", "ada", "--key", lost)
    said = text(capsys)
    assert kept in said
    assert lost not in said


def test_an_old_key_counts_only_with_a_reason(desk, capsys):
    key = FIXTURES / "vectors/keyValidSigner1.asc"
    if not key.exists():
        pytest.skip("MIG's signed vectors are not on this machine")
    begun()
    done("add", "julien", "--key", str(key))
    said = capsys.readouterr().err
    assert "vouches for itself by SHA-1" in said
    fingerprint = said.split("accept-sha1 ")[1].split()[0]
    assert run(["trust", "accept-sha1", fingerprint]) == 2
    done("accept-sha1", fingerprint, "--reason", "the owner is on leave")
    assert "accepted: the owner is on leave" in text(capsys)
    done("accept-sha1", fingerprint, "--remove")
    assert "on leave" not in text(capsys)
    capsys.readouterr()
    assert run(["trust", "accept-sha1", fingerprint, "--remove"]) == 6
    assert "was not accepted" in capsys.readouterr().err


def test_an_old_key_is_no_root(desk, capsys):
    key = FIXTURES / "vectors/keyValidSigner1.asc"
    if not key.exists():
        pytest.skip("MIG's signed vectors are not on this machine")
    assert run(["trust", "init", "example.org", "--root", str(key)]) == 2
    assert "can be no root" in capsys.readouterr().err


def test_new_roots_have_a_new_pin(desk, capsys):
    begun()
    before = shown(capsys)["pin"]
    done("roots", "--root", public("root three"), "--threshold", "1")
    assert shown(capsys)["pin"] != before


def test_the_end_is_moved_and_an_ended_bundle_says_so(desk, capsys):
    begun()
    first = shown(capsys)["expires_at"]
    done("renew", "--valid-for", "300d")
    assert shown(capsys)["expires_at"] > first
    assert "Agents obey it until" in text(capsys)


def test_yaml_holds_the_same(desk, capsys):
    begun()
    value = shown(capsys)
    done("show", "-o", "yaml")
    assert yaml.safe_load(capsys.readouterr().out)["pin"] == value["pin"]


@pytest.mark.parametrize(
    ("words", "code", "way_out"),
    [
        (("init", "other", "--root", "nowhere.pub"), 7, "there already"),
        (("add", "eve"), 2, "--key FILE"),
        (("add", "eve", "--key", "nowhere.pub"), 6, "no file nowhere.pub"),
        (("add", "eve", "--key", "trust.json"), 2, "no public key"),
        (("add", "ada", "--key", "ada.pub"), 2, "stands twice"),
        (("grant", "eve", "*", "1"), 6, "no investigator 'eve'"),
        (("grant", "ada", "*", "1", "-g", "web"), 6, "vedette trust group web"),
        (("grant", "ada", "*", "1001"), 2, "0 to 1000"),
        (("group", "web"), 2, "--agent"),
        (("group", "web", "--agent", "web1"), 2, "sha256:"),
        (("group", "web", "--agent", AGENT, "--label", "db"), 2, "role=db"),
        (("group", "web", "--remove"), 6, "no group"),
        (("add", "ada", "--valid-until", "tomorrow"), 2, "no time"),
        (("add", "ada", "--valid-from", "2d", "--valid-until", "1d"), 2, "would count until"),
        (("sign", "--key", "no/such/key"), 6, "no file"),
        (("show", "--bundle", "elsewhere.json"), 6, "vedette trust init"),
        (("push",), 5, "0 of 2 roots"),
    ],
)
def test_errors_name_the_way_out_and_change_nothing(desk, capsys, words, code, way_out):
    begun()
    done("add", "ada", "--key", public("ada"))
    Path("ada.pub").write_text(Path(public("ada")).read_text())
    before = Path("trust.json").read_bytes()
    assert run(["trust", *words]) == code
    assert way_out in capsys.readouterr().err
    assert Path("trust.json").read_bytes() == before


def test_no_half_file_is_left_and_it_is_no_secret(desk):
    begun()
    assert [path.name for path in desk.iterdir()] == ["trust.json"]
    assert Path("trust.json").stat().st_mode & 0o044
