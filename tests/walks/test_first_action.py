"""The first signed action, end to end: gpg's keys, a pinned agent, two people, answers that are verified; real programs only."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.signing_world import gpg_home, gpg_key, gpg_public, needs_gpg, needs_ssh
from tests.walks.programs import Program, ask, free_port, until

FIXTURES = Path(__file__).parents[3] / "shared/fixtures/mig/actions"
PEOPLE = ("ada", "bob")

pytestmark = [needs_gpg, needs_ssh, pytest.mark.slow, pytest.mark.timeout(240)]


@dataclass
class Fleet:
    """A server with one agent that obeys two people together; `folder` is where they type."""

    folder: Path
    keys: dict[str, str] = field(default_factory=dict)

    def says(self, *words: str) -> subprocess.CompletedProcess[str]:
        home = {"GNUPGHOME": str(gpg_home()), "HOME": str(self.folder)}
        return ask(*words, cwd=self.folder, **home)

    def well(self, *words: str) -> str:
        done = self.says(*words)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout

    def key(self, name: str) -> tuple[str, str]:
        return "--key", self.keys[name]

    def trusting(self) -> None:
        """Make a root, and a trust bundle in which the two weigh one each of two."""
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.folder / "root")]
        subprocess.run(made, check=True)
        self.well("trust", "init", "example.org", "--root", "root.pub")
        for name in PEOPLE:
            self.keys[name] = gpg_key(f"{name} of the walk")
            (self.folder / f"{name}.asc").write_text(gpg_public(self.keys[name]))
            self.well("trust", "add", name, "--key", f"{name}.asc")
            self.well("trust", "grant", name, "*", "1")
        self.well("trust", "minimum", "*", "2")
        self.well("trust", "sign", "--key", "root")

    def pinned(self) -> None:
        """Write the roots into the agent's own settings, as the host's owner does."""
        roots = json.loads(self.well("trust", "show", "-o", "json"))["roots_digest"]
        settings = self.folder / "vedette-data/agent/agent.yaml"
        settings.parent.mkdir(parents=True)
        settings.write_text(f'trust: {{root: "{roots}", threshold: 1}}\n')


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path_factory.mktemp("action"))
    fleet.trusting()
    fleet.pinned()
    up = Program("up", "--data-dir", "vedette-data", "--http", f"127.0.0.1:{free_port()}",
        "--grpc", f"127.0.0.1:{free_port()}", cwd=fleet.folder,
    )  # fmt: skip
    try:
        until(
            lambda: "online" in fleet.says("agents", "match", "-o", "csv").stdout,
            within_s=90,
            what="the agent is online",
            seen=lambda: up.errors[-5:],
        )
        fleet.well("trust", "push")
        yield fleet
    finally:
        if up.process.poll() is None:
            up.interrupt(within_s=60)
        up.kill()


def test_two_people_ask_a_host_and_verify_its_answer(fleet: Fleet) -> None:
    (fleet.folder / "looked-for").write_text("here")
    fleet.well("act", "write", "file", "-path", str(fleet.folder), "-name", "^looked-for$",
               "--target", "queueloc LIKE 'linux.%'", "--out", "look.json")  # fmt: skip
    fleet.well("act", "sign", "look.json", *fleet.key("ada"))
    sent = fleet.says("act", "send", "look.json")
    assert "means 1 agent and waits: file: 1 of 2 in all" in sent.stderr
    number = sent.stdout.strip()
    fleet.well("act", "sign", number, *fleet.key("bob"))
    answered = fleet.well("act", "follow", number)
    assert answered == f"local  success  s1: {fleet.folder}/looked-for\n"
    assert "yes" in fleet.well("act", "results", number, "--verify", "-o", "csv")


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="MIG's action files are not here")
def test_migs_own_file_signed_by_gpg_is_answered(fleet: Fleet) -> None:
    name = "sshd_backdoor.json"
    shutil.copy(FIXTURES / name, fleet.folder)
    for person in PEOPLE:
        fleet.well("act", "sign", name, *fleet.key(person))
    done = fleet.says("act", "send", name, "--follow")
    assert done.returncode == 0, done.stderr
    (result,) = json.loads(fleet.well("act", "results", done.stdout.split()[0], "-o", "json"))
    assert result["results"][0].keys() >= {"foundanything", "success", "elements", "statistics"}


def test_what_is_signed_once_is_run_by_itself(fleet: Fleet) -> None:
    fleet.well("act", "write", "example", "--target", "true", "--out", "often.json")
    every = ("--every", "1h", "--runs", "2")
    fleet.well("act", "schedule", "often.json", *every, *fleet.key("ada"))
    fleet.well("act", "sign", "often.json", *fleet.key("bob"))
    fleet.well("act", "schedule", "often.json")
    until(lambda: _runs(fleet) == 1, within_s=30, what="the first run is launched")
    (mandate,) = json.loads(fleet.well("act", "schedules", "-o", "json"))
    assert "local  success" in fleet.well("act", "follow", str(mandate["last_action"]))
    assert "mandate 1 is stopped" in fleet.says("act", "unschedule", "1").stderr


def _runs(fleet: Fleet) -> int:
    return int(json.loads(fleet.well("act", "schedules", "-o", "json"))[0]["runs"])
