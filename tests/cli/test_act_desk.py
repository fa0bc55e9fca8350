"""`vedette act` on the desk: written in one line, read by another person, signed by both, verified."""

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from tests.signing_world import (
    gpg,
    gpg_home,
    gpg_key,
    gpg_public,
    needs_gpg,
    needs_ssh,
    ssh_key,
    ssh_public,
)

from vedette.actions.document import signed_text
from vedette.actions.document_read import read_action
from vedette.actions.target_match import Facts
from vedette.agent.act_judge import Here, judge, read_order
from vedette.app.tree import run
from vedette.cli.act_build import operation
from vedette.cli.target_macros import macros
from vedette.trust.bundle import read_bundle
from vedette.trust.reasons import Untrusted
from vedette.trust.signed import read_signed

pytestmark = needs_ssh
FIXTURES = Path(__file__).parents[3] / "shared/fixtures/mig"
SIGNED, SIGNERS_KEY = "vectors/validSignedAction1.json", "vectors/keyValidSigner1.asc"
AS_OF = ("--at", "2017-10-25T15:52:00Z")
PASSWD = ("file", "-path", "/etc", "-name", "^passwd$")
AGENT = "sha256:" + "a" * 64


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An empty folder, with gpg's keys of the tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GNUPGHOME", str(gpg_home()))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path


def done(*words):
    assert run(["act", *words]) == 0, words


def written(*words, out="a.json"):
    done("write", *words, "--out", out)
    return read(out)


def read(path="a.json"):
    return read_action(Path(path).read_bytes())


def signed(*names, path="a.json"):
    for name in names:
        done("sign", path, "--key", str(ssh_key(name)))
    return read(path)


def test_what_is_no_draft_is_not_written_over(desk, capsys):
    written(*PASSWD)
    written(*PASSWD, "--title", "again")
    assert signed("ada").name == "again"
    Path("notes").write_text("mine")
    for place in ("a.json", "notes"):
        before = Path(place).read_bytes()
        assert run(["act", "write", *PASSWD, "--out", place]) == 7
        assert "no draft" in capsys.readouterr().err
        assert Path(place).read_bytes() == before


def keys(*names):
    Path("keys").mkdir(exist_ok=True)
    for name in names:
        (Path("keys") / f"{name}.pub").write_text(ssh_public(name))
    return ("--keys", "keys")


def fixture(name):
    path = FIXTURES / name
    if not path.exists():
        pytest.skip("MIG's own actions are not on this machine")
    return str(path)


def test_an_action_is_written_in_one_line_and_read_in_plain_words(desk, capsys):
    action = written(*PASSWD, "--target", "os='linux'", "--reason", "INC-7", "--max-agents", "10")
    assert action.name == "file -path /etc -name '^passwd$'"
    assert (action.syntax_version, action.reason, action.limits.max_agents) == (3, "INC-7", 10)
    done("check", "a.json")
    said = capsys.readouterr().out
    for words in ("reads file names below /etc", "“linux”", "because INC-7", "without validity"):
        assert words in said


def test_who_signs_is_told_what_agents_hold_whatever_a_server_says(desk, capsys):
    written(*PASSWD)
    assert "any agent may run it" in printed(capsys, "check", "a.json")
    written(*PASSWD, "--target", "os='linux' AND status='online'")
    said = printed(capsys, "check", "a.json")
    assert "each agent itself sees to it that operating system is “linux”" in said
    written(*PASSWD, "--target", "os='linux'")
    assert "agent itself" not in printed(capsys, "check", "a.json")


def test_limits_are_written_as_people_write_them(desk):
    words = ("--cpu", "10s", "--memory", "256MiB", "--answer", "1MB", "--rate", "0.5")
    limits = written(*PASSWD, *words).limits
    assert (limits.cpu_s, limits.memory_bytes, limits.output_bytes) == (10, 256 << 20, 1_000_000)
    assert limits.rate == 0.5


def test_migs_line_is_typed_as_it_was_typed_there(desk):
    line = ("file", "-t", "name LIKE '%db%'", "-n", "who", "-e", "30m", "-z", "-path", "/etc")
    action = written(*line, "--v2")
    assert (action.syntax_version, action.name, action.target) == (2, "who", "name LIKE '%db%'")
    assert action.operations[0].want_compressed
    assert action.valid_from < datetime.now(UTC) < action.expire_after


def test_without_a_target_those_that_are_online_are_meant(desk):
    assert written(*PASSWD).target == "status='online'"


MIGRC = r"""
[api]
    url = "https://api.mig.example/"  ; macro = no:one
[Targets]
    macro = "quoted:environment->>'os'='linux' AND name = \"x\"" # a remark
    macro = bare:status='idle'
    macro = web:mode='daemon'
"""


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("bare", "status='idle'"),
        ("web", "tag:role=web"),
        ("os='linux'", "os='linux'"),
    ],
)
def test_a_target_may_have_a_name_of_ours_or_from_migs_own_file(desk, name, target):
    Path(".migrc").write_text(MIGRC)
    Path("config/vedette").mkdir(parents=True)
    Path("config/vedette/targets.yaml").write_text("web: tag:role=web\n")
    assert written("file", "-t", name, "-path", "/etc").target == target


def test_migs_quotes_are_read_as_mig_reads_them(desk):
    Path(".migrc").write_text(MIGRC)
    assert macros()["quoted"] == """environment->>'os'='linux' AND name = "x\""""
    assert "no" not in macros()


def test_a_name_that_nobody_gave_is_refused(desk, capsys):
    assert run(["act", "write", *PASSWD, "--target", "wbe"]) == 2
    assert "there is no macro 'wbe'" in capsys.readouterr().err


def test_names_that_are_no_names_are_refused(desk, capsys):
    Path("config/vedette").mkdir(parents=True)
    Path("config/vedette/targets.yaml").write_text("[web]\n")
    assert run(["act", "write", *PASSWD]) == 2
    assert "web: tag:role=web" in capsys.readouterr().err


def test_a_module_says_what_it_can_be_asked(desk, capsys):
    done("write", "file", "help")
    assert "-path, -paths TEXT, again for more" in capsys.readouterr().out


def test_an_option_of_a_module_is_never_taken_for_one_of_ours(desk):
    asked = operation("pkg", ["-name", "ssl", "-version", "^1"]).parameters
    assert asked == {"pkgmatch": {"matches": ["ssl"]}, "vermatch": "^1"}
    assert written("pkg", "-name", "ssl", "-version", "^1").operations[0].parameters == asked


def test_parameters_may_come_from_a_file_and_a_draft_grows(desk):
    asked = {"searches": {"s1": {"paths": ["/tmp"]}}}
    Path("p.json").write_text(json.dumps(asked))
    written("file", "--parameters", "p.json")
    done("write", *PASSWD, "--add-to", "a.json")
    one, two = read().operations
    assert one.parameters == asked
    assert "s1" in two.parameters["searches"]
    done("write", "ours", "--parameters", "p.json", "--foreign", "--add-to", "a.json")
    assert read().modules == ("file", "file", "ours")


def test_two_people_sign_the_same_bytes_and_both_are_found(desk, capsys):
    written(*PASSWD)
    before = signed("ada").document
    assert "reads file names below /etc" in capsys.readouterr().err
    assert signed("bob").document == before
    done("verify", "a.json", *keys("ada", "bob"), "-o", "json")
    assert len(json.loads(capsys.readouterr().out)["signers"]) == 2


def test_the_secret_key_may_stay_in_ssh_agent(desk, monkeypatch):
    public = Path("ada.pub")
    public.write_text(ssh_public("ada"))
    written(*PASSWD)
    with ssh_agent(ssh_key("ada")) as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", socket)
        done("sign", "a.json", "--key", "ada.pub")
    done("verify", "a.json", *keys("ada"))


@contextmanager
def ssh_agent(key):
    """An agent that holds the key; its socket has a short path, as sockets must."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        socket = f"{folder}/agent"
        agent = subprocess.Popen(
            ["ssh-agent", "-D", "-a", socket], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        try:
            agent.stdout.readline()  # it says where it listens once it does
            add = ["ssh-add", "-q", str(key)]
            env = {**os.environ, "SSH_AUTH_SOCK": socket}
            subprocess.run(add, check=True, env=env, capture_output=True)
            yield socket
        finally:
            agent.terminate()
            agent.wait()


def test_two_people_sign_copies_and_one_gathers_them(desk, capsys):
    written(*PASSWD)
    signed("ada")
    Path("b.json").write_bytes(Path("a.json").read_bytes())
    signed("bob", path="b.json")
    signed("eve")
    done("gather", "a.json", "b.json")
    assert len(read().signatures) == 3
    done("verify", "a.json", *keys("ada", "bob", "eve"))
    assert "signed by 3, valid" in capsys.readouterr().out


def test_signatures_of_another_action_are_not_gathered(desk, capsys):
    for path in ("a.json", "b.json"):
        written(*PASSWD, out=path)
        signed("ada", path=path)
    assert run(["act", "gather", "a.json", "b.json"]) == 7
    assert "over other bytes" in capsys.readouterr().err


def test_nobody_signs_twice(desk, capsys):
    written(*PASSWD)
    signed("ada")
    assert run(["act", "sign", "a.json", "--key", str(ssh_key("ada"))]) == 7
    assert "let another person sign" in capsys.readouterr().err


def test_a_draft_gets_its_validity_when_it_is_signed(desk):
    written(*PASSWD)
    done("sign", "a.json", "--key", str(ssh_key("ada")), "--valid-for", "2h", "--out", "b.json")
    action, now = read("b.json"), datetime.now(UTC)
    assert 7_100 < (action.expire_after - now).total_seconds() <= 7_200
    assert 59 <= (now - action.valid_from).total_seconds() < 120
    assert read("a.json").valid_from is None


def test_what_is_signed_keeps_its_validity(desk, capsys):
    written(*PASSWD)
    signed("ada")
    words = ["act", "sign", "a.json", "--key", str(ssh_key("bob")), "--valid-for", "2h"]
    assert run(words) == 2
    assert "stand fast" in capsys.readouterr().err


def test_what_nobody_would_run_any_more_is_not_signed_by_a_second_person(desk, capsys):
    path = fixture(SIGNED)
    words = ["act", "sign", path, "--key", str(ssh_key("ada")), "--out", "b.json"]
    assert run(words) == 2
    assert "expired at 2017-10-25T15:56:05Z" in capsys.readouterr().err
    assert not Path("b.json").exists()


def test_what_no_module_can_be_asked_is_not_signed(desk, capsys):
    fields = {**json.loads(written_bytes()), **UNKNOWN_KEY}
    Path("a.json").write_text(json.dumps(fields))
    assert run(["act", "sign", "a.json", "--key", str(ssh_key("ada"))]) == 2
    assert "there is no 'pats'" in capsys.readouterr().err
    assert read().signatures == ()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("file", "-path", "/etc", "-name", "["), "missing ]"),
        (("file", "-path", "/etc", "-size", "big"), "the size 'big' cannot be read"),
        (("memory", "-content", "(?=a)"), "the pattern '(?=a)' cannot be read"),
        (("netstat", "-lp", "70000"), "'70000' is no port"),
        (("pkg", "-name", "("), "the pattern '(' cannot be read"),
        (("process", "-cmdline", "*"), "the pattern '*' cannot be read"),
        (("services", "-name", "["), "missing ]"),
        (("users", "-name", "["), "missing ]"),
        (("sysinfo", "-hostname", "["), "missing ]"),
        (("ping", "-d", "127.0.0.1", "-p", "tcp"), "tcp needs a port"),
        (("yara", "-yara", "rule", "-files", "-path /etc"), "the rules cannot be read"),
        (("osquery", "-query", "DROP TABLE users"), "osquery is only asked"),
        (("example", "-lookuphost", "no host"), "is no host's name"),
    ],
)
def test_what_every_host_would_refuse_is_not_written(desk, capsys, words, why):
    assert run(["act", "write", *words, "--out", "a.json"]) == 2
    assert why in capsys.readouterr().err
    assert not Path("a.json").exists()


def test_a_pattern_nobody_can_read_is_not_signed(desk, capsys):
    written(*PASSWD)
    draft = json.loads(Path("a.json").read_text())
    draft["operations"][0]["parameters"]["searches"]["s1"]["names"] = ["["]
    Path("a.json").write_text(json.dumps(draft))
    assert run(["act", "sign", "a.json", "--key", str(ssh_key("ada"))]) == 2
    assert "operations[0]: the pattern '[' cannot be read" in capsys.readouterr().err


def test_an_expired_draft_is_not_signed(desk, capsys):
    draft = {**json.loads(written_bytes()), "expireafter": "2020-01-01T00:00:00Z"}
    Path("a.json").write_text(json.dumps({**draft, "validfrom": "2019-01-01T00:00:00Z"}))
    assert run(["act", "sign", "a.json", "--key", str(ssh_key("ada"))]) == 2
    assert "--valid-for 1h" in capsys.readouterr().err


def written_bytes(*words):
    written(*PASSWD, *words)
    return Path("a.json").read_bytes()


def test_an_action_for_later_is_not_valid_yet(desk, capsys):
    written(*PASSWD)
    done("sign", "a.json", "--key", str(ssh_key("ada")), "--valid-from", "2h")
    assert run(["act", "verify", "a.json", *keys("ada")]) == 5
    assert "counts from" in capsys.readouterr().err


def test_packed_parameters_are_packed_before_they_are_signed(desk, capsys):
    written(*PASSWD, "--compress")
    assert signed("ada").operations[0].is_compressed
    done("check", "a.json")
    assert "reads file names below /etc" in capsys.readouterr().out


@needs_gpg
@pytest.mark.parametrize("version", ["--v2", "--v3"])
def test_what_gpg_signed_for_us_gpg_verifies(desk, capsys, version):
    ada = gpg_key("Ada <ada@example.org>")
    written(*PASSWD)
    done("sign", "a.json", "--key", ada, version)
    Path("ada.asc").write_text(gpg_public(ada))
    done("verify", "a.json", "--keys", "ada.asc")
    assert ada in capsys.readouterr().out
    Path("text").write_bytes(printed(capsys, "text", "a.json").encode())
    Path("text.sig").write_text(printed(capsys, "text", "a.json", "--signature", "1"))
    found = gpg("--status-fd", "1", "--verify", "text.sig", "text").decode()
    assert f"VALIDSIG {ada}" in found
    assert Path("text").read_bytes() == signed_text(read())


def test_what_ssh_keygen_signed_for_us_ssh_keygen_verifies(desk, capsys):
    written(*PASSWD)
    signed("ada")
    Path("text.sig").write_text(printed(capsys, "text", "a.json", "--signature", "1"))
    Path("allowed").write_text(f"ada {ssh_public('ada')}\n")
    checked = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "ada"]
    done = subprocess.run(
        [*checked, "-n", "vedette-action", "-s", "text.sig"],
        input=printed(capsys, "text", "a.json").encode(),
        check=True,
        capture_output=True,
    )
    assert b'Good "vedette-action" signature for ada' in done.stdout


def printed(capsys, *words):
    capsys.readouterr()
    done(*words)
    return capsys.readouterr().out


@needs_gpg
def test_version_2_is_migs_line_byte_for_byte(desk, capsys):
    written("file", "-t", "os='linux'", "-n", "é <&>", "-path", "/etc", "--v2")
    done("sign", "a.json", "--key", gpg_key("Ada <ada@example.org>"))
    text = printed(capsys, "text", "a.json")
    action = read()
    seconds = int(action.expire_after.timestamp())
    assert text.startswith("name=é <&>;target=os='linux';validfrom=")
    assert f";expireafter=%!s(int64={seconds});operations=[{{" in text
    assert not text.endswith("\n")


def test_migs_signed_action_verifies_as_of_then_where_its_old_key_is_accepted(desk, capsys):
    words = ["act", "verify", fixture(SIGNED), "--keys", fixture(SIGNERS_KEY)]
    assert run([*words, *AS_OF]) == 5
    refused = capsys.readouterr().err
    assert "SHA-1" in refused
    fingerprint = refused.split("the key ")[1].split()[0]
    accepted = [*words, "--accept-sha1-key", fingerprint]
    assert run([*accepted, *AS_OF]) == 0
    assert f"{fingerprint}, 2017-10-25T15:51:05Z" in capsys.readouterr().out
    assert run(accepted) == 5
    assert "expired at 2017-10-25T15:56:05Z" in capsys.readouterr().err
    assert run([*accepted, "--at", "2017-10-25T16:00:00Z"]) == 5
    changed = Path(fixture(SIGNED)).read_text().replace("status='online'", "status='idle'")
    Path("changed.json").write_text(changed)
    assert run(["act", "verify", "changed.json", *accepted[3:], *AS_OF]) == 5
    assert "not over this text" in capsys.readouterr().err


def test_migs_key_is_found_in_a_folder_of_keys(desk, capsys):
    folder = str(Path(fixture(SIGNERS_KEY)).parent)
    assert run(["act", "verify", fixture(SIGNED), "--keys", folder, *AS_OF]) == 5
    assert "SHA-1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "does", "more"),
    [
        ("endpoints_with_high_uptime", "reads contents below /proc/uptime", "is read as contents"),
        ("linux-backdoor-kanada-team-ips", "looks at connections with 78.129.205.2", "as netstat"),
        ("sshd_backdoor", "reads SHA-2 sums below /usr/sbin/", "“linux.%”"),
        ("shellshock_iocs", "looks at connections with 108.162.197.26", "mode is “daemon”"),
    ],
)
def test_migs_own_files_say_what_they_do(desk, capsys, name, does, more):
    done("check", fixture(f"actions/{name}.json"))
    said = capsys.readouterr().out
    assert does in said
    assert more in said


def test_every_file_of_migs_asks_only_what_our_modules_can_be_asked(desk):
    for path in sorted(Path(fixture("actions")).glob("*.json")):
        done("check", str(path))


def test_migs_scribe_document_is_wrapped_in_one_line(desk, capsys):
    (document,) = Path(fixture("actions/scribe")).glob("*.json")
    written("scribe", "-path", str(document), "-onlytrue")
    assert "a scribe document" in printed(capsys, "check", "a.json")
    signed("ada")


@needs_gpg
def test_migs_own_file_is_signed_as_it_stands(desk, capsys):
    file = fixture("actions/example_v2.json")
    ada = gpg_key("Ada <ada@example.org>")
    done("sign", file, "--key", ada, "--valid-for", "10m", "--out", "a.json")
    Path("ada.asc").write_text(gpg_public(ada))
    done("verify", "a.json", "--keys", "ada.asc")
    before = read_action(Path(file).read_bytes())
    assert (read().operations, read().target) == (before.operations, before.target)


def trusted(capsys):
    """A bundle in which ada and bob weigh 1 each, file needs 2, memory 3, and groups differ."""
    for words in (
        ("init", "t", "--root", str(ssh_key("root one").with_suffix(".pub"))),
        ("add", "ada", "--key", str(ssh_key("ada").with_suffix(".pub"))),
        ("add", "bob", "--key", str(ssh_key("bob").with_suffix(".pub"))),
        ("minimum", "file", "2"),
        ("grant", "ada", "file", "1"),
        ("grant", "bob", "file", "1"),
    ):
        assert run(["trust", *words]) == 0
    capsys.readouterr()


def test_what_signers_weigh_is_said_and_an_agent_is_asked(desk, capsys):
    trusted(capsys)
    written(*PASSWD)
    signed("ada")
    verify = ["act", "verify", "a.json", "--bundle", "trust.json"]
    assert run(verify) == 0
    said = capsys.readouterr()
    assert "file in all: 1 of 2, not enough" in said.out
    assert "0 of 1 roots signed" in said.err
    assert run([*verify, "--agent", AGENT]) == 5
    assert "file has 1 of 2" in capsys.readouterr().err
    signed("bob")
    assert run([*verify, "--agent", AGENT]) == 0
    said = capsys.readouterr().out
    assert " ada, " in said
    assert "file in all: 2 of 2, enough" in said


def test_no_agent_obeys_by_a_bundle_of_then_or_of_later(desk, capsys):
    trusted(capsys)
    written(*PASSWD, "--valid-for", "300d")
    signed("ada", "bob")
    words = ["act", "verify", "a.json", "--bundle", "trust.json", "--agent", AGENT, "--at"]
    later = datetime.now(UTC) + timedelta(days=100)
    assert run([*words, later.isoformat()]) == 5
    assert "the trust bundle ended at" in capsys.readouterr().err


def test_an_agent_judges_as_the_desk_said(desk, capsys):
    trusted(capsys)
    written(*PASSWD, "--target", "os='linux' and name='web1'")
    here = Here(key=AGENT, facts=Facts(name="web1", environment={"os": "linux"}), modules="all")
    bundle = read_bundle(read_signed(Path("trust.json").read_bytes()).document)
    verify = ["act", "verify", "a.json", "--bundle", "trust.json", "--agent", AGENT]
    for name in ("ada", "bob"):
        action = signed(name)
        order = read_order(action.document, action.signatures)
        allowed = run(verify) == 0
        if allowed:
            assert judge(order, bundle, here, kept={}, now=datetime.now(UTC)) == ("ada", "bob")
        else:
            with pytest.raises(Untrusted, match="file has 1 of 2"):
                judge(order, bundle, here, kept={}, now=datetime.now(UTC))
    assert allowed


def test_whoever_is_not_in_the_bundle_is_not_known(desk, capsys):
    trusted(capsys)
    written(*PASSWD)
    signed("eve")
    assert run(["act", "verify", "a.json", "--bundle", "trust.json"]) == 5
    assert "whom nobody here knows" in capsys.readouterr().err


def test_who_was_revoked_signs_in_vain(desk, capsys):
    trusted(capsys)
    written(*PASSWD)
    signed("ada")
    assert run(["trust", "revoke", "ada"]) == 0
    assert run(["act", "verify", "a.json", "--bundle", "trust.json"]) == 5
    assert "the signature of ada does not count now" in capsys.readouterr().err


def test_plain_words_are_json_and_yaml_too(desk, capsys):
    written(*PASSWD)
    found = json.loads(printed(capsys, "check", "a.json", "-o", "json"))
    assert found["does"] == ["reads file names below /etc: file names ^passwd$"]
    assert yaml.safe_load(printed(capsys, "check", "a.json", "-o", "yaml")) == found


def test_an_authors_line_break_forges_no_line(desk, capsys):
    written(*PASSWD, "--reason", "x\n  signed, it says, by root", "--title", "a\x1b[2J")
    said = printed(capsys, "check", "a.json")
    assert "\x1b" not in said
    assert "\n  signed, it says" not in said


UNKNOWN_KEY = {"operations": [{"module": "file", "parameters": {"searches": {"s1": {"pats": []}}}}]}


@pytest.mark.parametrize(
    ("change", "code", "place"),
    [
        (UNKNOWN_KEY, 2, "operations[0]: module file, searches, 's1': there is no 'pats'"),
        ({"operations": [{"module": "fiel", "parameters": {}}]}, 6, "--foreign"),
        ({"tagret": "x"}, 2, "a.json: the action has no key 'tagret'; did you mean 'target'"),
        ({"target": "agents.nam = 'x'"}, 2, "target"),
        ({"syntaxversion": 1}, 2, "syntaxversion 1"),
    ],
)
def test_what_nobody_can_mean_is_refused_with_its_place(desk, capsys, change, code, place):
    fields = {**json.loads(written_bytes()), **change}
    Path("a.json").write_text(json.dumps(fields))
    assert run(["act", "check", "a.json"]) == code
    assert place in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "code", "way_out"),
    [
        (("write", "file", "-path", "/etc", "-nam", "x"), 2, "did you mean -name?"),
        (("write", "fiel", "-path", "/etc"), 6, "no module called 'fiel'"),
        (("write", *PASSWD, "--target", "os='linux"), 2, "target"),
        (("write", *PASSWD, "--v2", "--reason", "x"), 2, "leave out --v2"),
        (("write", *PASSWD, "--max-agents", "0"), 2, "above 0"),
        (("write", *PASSWD, "--memory", "much"), 2, "not a size"),
        (("write", *PASSWD, "--parameters", "p.json"), 2, "either --parameters or"),
        (("write", "file", "--parameters", "p.json"), 6, "no file p.json"),
        (("write", "ours", "-x", "1", "--foreign"), 2, "--parameters FILE"),
        (("write", "file", "-t"), 2, "takes a value"),
        (("check", "nowhere.json"), 6, "no file nowhere.json"),
        (("sign", "a.json", "--key", "no/such"), 6, "no file no/such"),
        (("sign", "a.json", "--key", "x", "--v2", "--v3"), 2, "either"),
        (("text", "a.json"), 2, "a draft"),
        (("text", "a.json", "--signature", "1"), 6, "it has 0"),
        (("verify", "a.json"), 2, "--bundle trust.json"),
        (("verify", "a.json", "--keys", "."), 6, "holds no keys"),
        (("verify", "a.json", "--keys", "keys"), 2, "a draft"),
        (("verify", "a.json", "--keys", "keys", "--agent", AGENT), 2, ""),
        (("verify", "a.json", "--keys", "keys", "--at", "then"), 2, "no time"),
    ],
)
def test_errors_name_the_way_out(desk, capsys, words, code, way_out):
    written(*PASSWD)
    keys("ada")
    assert run(["act", *words]) == code
    said = capsys.readouterr().err
    assert way_out in said
    assert "a bug" not in said


@needs_gpg
@pytest.mark.parametrize("options", [("--armor",), ()], ids=["armoured", "binary"])
def test_the_file_of_an_openpgp_key_is_no_key_to_sign_with(desk, capsys, options):
    written(*PASSWD)
    ada = gpg_key("Ada <ada@example.org>")
    Path("ada.asc").write_bytes(gpg(*options, "--export", ada))
    assert run(["act", "sign", "a.json", "--key", "ada.asc"]) == 2
    said = capsys.readouterr().err
    assert "ada.asc holds an OpenPGP key" in said
    assert "--key FINGERPRINT, as `gpg --show-keys ada.asc` says it" in said


@needs_gpg
def test_gpgs_own_words_are_told_when_it_does_not_sign(desk, capsys):
    written(*PASSWD)
    assert run(["act", "sign", "a.json", "--key", "nobody@example.org"]) == 5
    said = capsys.readouterr().err
    assert "gpg did not sign" in said
    assert "gpg --list-secret-keys" in said


def test_drafts_go_through_pipes(desk, capsys, monkeypatch):
    draft = printed(capsys, "write", *PASSWD)
    Path("in").write_text(draft)
    with open("in") as standard:
        monkeypatch.setattr("sys.stdin", standard)
        out = printed(capsys, "sign", "-", "--key", str(ssh_key("ada")))
    assert len(read_action(out.encode()).signatures) == 1
