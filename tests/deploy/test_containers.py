"""The images and their composition, held as far as they can be where no engine runs."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml
from tests.app.up_world import clean, free_port
from tests.deploy.containerfiles import DEPLOY, IMAGES, health_of, last, path_of, stages_of
from tests.house.tree import ROOT, files
from tests.walks.programs import Program, until

from vedette.app.tree import tree
from vedette.lab.start import _identity

COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
OURS = {name: one for name, one in COMPOSE["services"].items() if name != "database"}


def command_of(service: dict) -> list[str]:
    """The words that the service's command line gives to `vedette`."""
    if "entrypoint" in service:
        [script] = service["command"]
        return shlex.split(script.rpartition("exec ")[2])[1:]
    image = service["image"].removeprefix("vedette-")
    [program] = last(image, "ENTRYPOINT").words
    return [*(["agent"] if program == "vedette-agent" else []), *service["command"]]


@pytest.mark.parametrize("image", IMAGES)
def test_what_is_copied_is_there_and_reaches_the_builder(image):
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"]
    for stage in stages_of(image):
        for one in stage:
            if one.word == "COPY" and "--from=" not in one.rest:
                for source in one.words[:-1]:
                    assert (ROOT / source).exists(), source
                    assert any(fnmatch(source, each) for each in kept), source


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_is_pinned_and_runs_as_nobody_in_particular(image):
    for stage in stages_of(image):
        assert re.fullmatch(
            r"docker\.io/library/python:3\.\d+\.\d+-slim-\w+( AS build)?", stage[0].rest
        )
    assert last(image, "USER").rest == "10001:10001"
    text = path_of(image).read_text()
    assert not re.search(r"curl|wget|apt|sudo|ADD |https?://(?!127)", text)


@pytest.mark.parametrize("image", IMAGES)
def test_whatever_comes_from_a_registry_comes_by_its_hash(image):
    installs = [one.rest for one in stages_of(image)[0] if "/pip " in one.rest]
    for line in installs:
        known = "--require-hashes" in line or "--no-deps" in line or " uninstall " in line
        assert known, line
        assert "--no-build-isolation" in line or " wheel " not in line
    for lock in re.findall(r"-r (\S+)", " ".join(installs)):
        assert "--hash=sha256:" in (ROOT / lock).read_text()


def test_server_and_collector_are_made_of_the_same():
    assert stages_of("collector")[0] == stages_of("server")[0]


def test_the_agents_lock_agrees_with_the_servers():
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))

    agents = pins("packaging/agent/requirements.lock")
    assert agents - pins("requirements.lock") == set()
    project = (ROOT / "packaging/agent/pyproject.toml").read_text()
    wanted = set(re.findall(r'^    "([\w-]+)[\[>]', project, re.MULTILINE))
    assert wanted - {pin.partition("==")[0] for pin in agents} == set()


@pytest.mark.parametrize("image", IMAGES)
def test_the_command_of_an_image_is_one(image):
    program, words = last(image, "ENTRYPOINT").words[0], last(image, "CMD").words
    parse([*(["agent"] if program == "vedette-agent" else []), *words])


@pytest.mark.parametrize("name", OURS)
def test_a_service_is_hardened_and_its_command_line_and_variables_exist(name):
    service = OURS[name]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges"]
    words = command_of(service)
    parse(words)
    if environment := service.get("environment"):
        arguments = tree()[words[0]].assemble_argument_collection()
        assert environment.keys() <= {v for one in arguments for v in one.parameter.env_var or ()}


def parse(words: list[str]) -> None:
    """Bind a command line to its command, as it is without any variable of ours."""
    kept = {key: os.environ.pop(key) for key in list(os.environ) if key.startswith("VEDETTE_")}
    try:
        tree().parse_args(words, exit_on_error=False, print_error=False)
    finally:
        os.environ.update(kept)


def test_everything_a_service_names_is_declared():
    for name, service in COMPOSE["services"].items():
        for kind in ("secrets", "networks"):
            assert set(service.get(kind, ())) <= COMPOSE[kind].keys(), name
        assert {v.partition(":")[0] for v in service.get("volumes", ())} <= COMPOSE[
            "volumes"
        ].keys()
        assert service.get("depends_on", {}).keys() <= COMPOSE["services"].keys()
        for config in service.get("configs", ()):
            assert config["source"] in COMPOSE["configs"]
        if "build" in service:
            assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
            assert service["build"]["dockerfile"].endswith(service["image"].rpartition("-")[2])
    for secret in COMPOSE["secrets"].values():
        path = (DEPLOY / secret["file"]).resolve().relative_to(ROOT)
        ignored = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
        assert ignored.returncode == 0 or not (ROOT / ".git").exists(), path


def test_a_server_with_the_variables_of_the_composition_is_well_by_its_own_health_check(
    tmp_path, fresh_app_url
):
    service, port = OURS["server"], free_port()
    (tmp_path / "url").write_text(fresh_app_url)
    (tmp_path / "vedette.yaml").write_text("targets: []\n")
    data = tmp_path / "data"
    data.mkdir()
    moved = {
        "/run/secrets/app_url": str(tmp_path / "url"),
        "0.0.0.0:8080": f"0.0.0.0:{port}",
        "0.0.0.0:4000": f"127.0.0.1:{free_port()}",
        "0.0.0.0:4001": f"127.0.0.1:{free_port()}",
    }
    environment = {k: moved.get(v, v.rpartition(":-")[2].rstrip("}") if "$" in v else v)
                   for k, v in service["environment"].items()}  # fmt: skip
    words = [w.replace("/etc/vedette", str(tmp_path)) for w in command_of(service)]
    server = Program(*words, cwd=data, VEDETTE_DATA_DIR=str(data), **environment)
    program, *rest = health_of("server")
    assert program == "python"
    check = [sys.executable, *(word.replace(":8080", f":{port}") for word in rest)]

    def is_well() -> bool:
        return subprocess.run(check, capture_output=True, check=False).returncode == 0

    try:
        until(is_well, within_s=60, what="the server is well", seen=lambda: server.errors)
        assert not [line for line in server.lines if line.startswith("{")]  # no log on stdout
        assert server.interrupt(within_s=40) == 0
        assert not is_well()
    finally:
        if server.process.poll() is None:
            server.kill()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(
    not os.environ.get("VEDETTE_TEST_IMAGES"),
    reason="takes minutes and a registry: VEDETTE_TEST_IMAGES=1",
)
@pytest.mark.parametrize("image", ("server", "agent"))
def test_the_steps_that_install_leave_a_program_that_runs_from_a_tree_nobody_may_write(
    image, tmp_path
):
    identity = _identity(tmp_path)
    place = {"/tree": tmp_path / "tree", "/opt": tmp_path / "opt"}
    for folder in place.values():
        folder.mkdir()

    def run(line: str) -> str:
        for known, real in place.items():
            line = re.sub(rf"(?<![\w.]){known}/", f"{real}/", line)
        ended = subprocess.run(
            ["sh", "-euc", line], cwd=place["/tree"], text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=identity.becomes(),
            env=clean({"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.defpath}"}),
        )  # fmt: skip
        assert ended.returncode == 0, f"{line}: {ended.stdout[-2000:]}"
        return ended.stdout

    tracked = [path.relative_to(ROOT) for path in files()]
    for one in stages_of(image)[0]:
        if one.word == "COPY":
            *sources, target = one.words
            for path in tracked:
                for source in sources:
                    if path.is_relative_to(source):
                        inside = target.removeprefix("/tree").strip("/")
                        rest = path.relative_to(source)
                        name = path.name if path == Path(source) and target.endswith("/") else rest
                        to = place["/tree"] / inside / name
                        to.parent.mkdir(parents=True, exist_ok=True)
                        shutil.copy(ROOT / path, to)
        elif one.word == "RUN":
            run(one.rest)
    for folder in (place["/opt"], *place["/opt"].rglob("*")):
        if not folder.is_symlink():
            folder.chmod(folder.stat().st_mode & ~0o222)
    program = last(image, "ENTRYPOINT").words[0]
    said = run(f"PYTHONDONTWRITEBYTECODE=1 /opt/vedette/bin/{program} --version")
    assert re.match(r"\d+\.\d+", said)
    installed = {path.name.lower() for path in place["/opt"].glob("vedette/lib/*/site-packages/*")}
    assert not {"pip", "hatchling"} & installed
    assert ("litestar" in installed) == (image != "agent")
