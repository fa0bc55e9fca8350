"""What the `services` module answers: of hosts made up, held against systemctl where it is."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from tests.agent.modules.asking import ask, plant

from vedette.agent.modules import Context, Limits
from vedette.agent.modules.service_files import systemd_units
from vedette.agent.modules.services import Services
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid

needs_systemctl = pytest.mark.skipif(
    shutil.which("systemctl") is None, reason="systemctl is not on this machine"
)

LIB, ETC, RUN = "/usr/lib/systemd/system", "/etc/systemd/system", "/run/systemd/system"
WANTED = "[Unit]\nDescription=Does things\n[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
PLAIN = "[Service]\nExecStart=/bin/true\n"
HOST: Mapping[str, str] = {
    f"{LIB}/on.service": WANTED,
    f"{LIB}/off.service": WANTED,
    f"{LIB}/plain.service": PLAIN,
    f"{LIB}/also.service": f"{PLAIN}[Install]\nAlso=on.service\n",
    f"{LIB}/masked.service": WANTED,
    f"{LIB}/passing.service": WANTED,
    f"{LIB}/tty@.service": f"{PLAIN}[Install]\nWantedBy=x.target\nDefaultInstance=tty1\n",
    f"{LIB}/two@.service": f"{PLAIN}[Install]\nWantedBy=x.target\nDefaultInstance=tty1\n",
    f"{LIB}/off@.service": WANTED,
    f"{LIB}/renamed.service": f"{PLAIN}[Install]\nAlias=other.service\n",
    f"{LIB}/long.service": f"{PLAIN}[Install]\nWantedBy=\\\n  x.target\n",
    f"{LIB}/remark.service": f"{PLAIN}[Install]\n#WantedBy=x.target\n",
    f"{LIB}/job.timer": "[Timer]\nOnBootSec=1\n[Install]\nWantedBy=timers.target\n",
    f"{LIB}/over.service": PLAIN,
    f"{ETC}/over.service": WANTED,
    f"{ETC}/empty.service": "",
    "/opt/app/far.service": WANTED,
    f"{LIB}/README": "not a unit",
}
LINKS: Mapping[str, str] = {
    f"{ETC}/multi-user.target.wants/on.service": f"{LIB}/on.service",
    f"{ETC}/getty.target.wants/tty@one.service": f"{LIB}/tty@.service",
    f"{ETC}/getty.target.wants/two@tty1.service": f"{LIB}/two@.service",
    f"{RUN}/multi-user.target.wants/passing.service": f"{LIB}/passing.service",
    f"{ETC}/masked.service": "/dev/null",
    f"{ETC}/other.service": f"{LIB}/renamed.service",
    f"{LIB}/short.service": "plain.service",
    f"{ETC}/far.service": "/opt/app/far.service",
    f"{ETC}/gone.service": "/nowhere/gone.service",
}


def build(root: Path, files: Mapping[str, str], links: Mapping[str, str]) -> Context:
    context = plant(root, files)
    for name, to in links.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(to)
    return context


@pytest.fixture
def host(tmp_path: Path) -> Context:
    return build(tmp_path, HOST, LINKS)


def running(root: Path, **groups: int) -> Context:
    """Let systemd run on a host, with these numbers of processes in its groups."""
    plant(root, {"run/systemd/system/.keep": "", "sys/fs/cgroup/cgroup.procs": ""})
    files = {f"sys/fs/cgroup/{group}/cgroup.procs": "1\n" * n for group, n in groups.items()}
    return plant(root, files)


def enabled(context: Context) -> dict[str, str]:
    return {one.name: one.enabled for one in systemd_units(context, Tally(context))}


def said_by_systemctl(root: Path) -> dict[str, str]:
    words = ("systemctl", f"--root={root}", "list-unit-files", "--no-legend", "--no-pager")
    done = subprocess.run(words, capture_output=True, check=True, text=True)
    return {line.split()[0]: line.split()[1] for line in done.stdout.splitlines() if line.strip()}


def told(context: Context, **asked: Any) -> list[str]:
    return [one["name"] for one in ask(Services(), asked, context).elements["services"]]


def test_whether_a_service_begins_with_the_host_is_told_in_systemctls_words(host: Context) -> None:
    assert enabled(host) == {
        "also.service": "indirect",
        "empty.service": "masked",
        "far.service": "linked",
        "gone.service": "bad",
        "job.timer": "disabled",
        "long.service": "disabled",
        "masked.service": "masked",
        "off.service": "disabled",
        "off@.service": "disabled",
        "on.service": "enabled",
        "other.service": "alias",
        "over.service": "disabled",
        "passing.service": "enabled-runtime",
        "plain.service": "static",
        "remark.service": "static",
        "renamed.service": "enabled",
        "short.service": "alias",
        "tty@.service": "indirect",
        "two@.service": "enabled",
        "two@tty1.service": "enabled",
        "tty@one.service": "enabled",
    }


@needs_systemctl
def test_systemctl_says_the_same_of_that_host(host: Context) -> None:
    said, ours = said_by_systemctl(host.root), enabled(host)
    assert {name: ours[name] for name in said} == said
    assert set(ours) - set(said) == {"tty@one.service", "two@tty1.service"}  # it lists no instances


@needs_systemctl
def test_systemctl_says_the_same_of_this_host() -> None:
    said, ours = said_by_systemctl(Path("/")), enabled(Context())
    assert {name: ours.get(name) for name in said} == said
    assert all("@" in name for name in set(ours) - set(said))


stems = some.sampled_from(("a", "b", "c@", "d", "e", "f", "g@", "h", "i", "j", "k", "l"))
texts = some.sampled_from((WANTED, PLAIN, f"{PLAIN}[Install]\nAlso=a.service\n", ""))
folders = some.sampled_from((LIB, ETC, RUN))


@needs_systemctl
@settings(max_examples=20, deadline=None)
@given(
    files=some.dictionaries(some.tuples(folders, stems), texts, min_size=1, max_size=20),
    wanted=some.sets(some.tuples(some.sampled_from((ETC, RUN)), stems), max_size=8),
    masked=some.sets(some.tuples(some.sampled_from((ETC, RUN)), stems), max_size=3),
)
def test_systemctl_says_the_same_of_any_host(
    tmp_path_factory: pytest.TempPathFactory,
    files: dict[tuple[str, str], str],
    wanted: set[tuple[str, str]],
    masked: set[tuple[str, str]],
) -> None:
    planted = {f"{folder}/{stem}.service": text for (folder, stem), text in files.items()}
    links = {
        f"{folder}/x.target.wants/{stem}{'i' if '@' in stem else ''}.service": f"{LIB}/{stem}.service"
        for folder, stem in wanted
    }
    links |= {f"{folder}/{stem}.service": "/dev/null" for folder, stem in masked}
    planted = {name: text for name, text in planted.items() if name not in links}
    host = build(tmp_path_factory.mktemp("host"), planted, links)
    said, ours = said_by_systemctl(host.root), enabled(host)
    assert {name: ours.get(name) for name in said} == said


def test_services_are_told_with_what_runs_of_them(host: Context) -> None:
    running(
        host.root,
        **{
            "system.slice/on.service": 2,
            "system.slice/on.service/sub": 1,
            "system.slice/system-tty.slice/tty@one.service": 1,
            "system.slice/off.service": 0,
            "system.slice/unknown.service": 1,
            "user.slice/user-0.slice/user@0.service/app.slice/app.service": 3,
        },
    )
    result = ask(Services(), {"running": True}, host)
    found = {one["name"]: one["processes"] for one in result.elements["services"]}
    assert found == {
        "on.service": 3,
        "tty@one.service": 1,
        "unknown.service": 1,
        "user@0.service": 3,
    }
    assert result.elements["services"][0] == {
        "name": "on.service",
        "enabled": "enabled",
        "running": True,
        "processes": 3,
        "description": "Does things",
        "path": f"{LIB}/on.service",
    }
    assert (result.foundanything, result.success, result.errors) == (True, True, [])


def test_conditions_narrow_and_of_their_values_any_will_do(host: Context) -> None:
    assert told(host, names=["^on", r"^off\."]) == ["off.service", "on.service"]
    assert told(host, names=["^on", "^off"], enabled=["enabled"]) == ["on.service"]
    assert told(host, kinds=["timer"]) == ["job.timer"]
    assert told(host, enabled=["masked", "linked"], matchlimit=2) == [
        "empty.service",
        "far.service",
    ]


def test_openrcs_services_are_told(tmp_path: Path) -> None:
    scripts = {f"etc/init.d/{name}": "" for name in ("sshd", "crond", "functions.sh")}
    context = build(
        plant(tmp_path, scripts).root,
        {"run/openrc/softlevel": ""},
        {"/etc/runlevels/default/sshd": "/etc/init.d/sshd", "/run/openrc/started/sshd": "/x"},
    )
    (tmp_path / "run/openrc/started/sshd").unlink()
    plant(tmp_path, {"run/openrc/started/sshd": ""})
    assert told(context) == ["crond", "sshd"]
    assert told(context, enabled=["enabled"], running=True) == ["sshd"]


def test_where_no_manager_runs_that_is_said_and_running_cannot_be_told(host: Context) -> None:
    assert ask(Services(), {}, host).success
    result = ask(Services(), {"running": True}, host)
    assert (result.success, result.foundanything) == (False, False)
    assert result.errors == ["what runs cannot be told: no manager of services is running here"]


def test_a_host_without_a_manager_cannot_tell(tmp_path: Path) -> None:
    result = ask(Services(), {}, Context(root=tmp_path))
    assert not result.success
    assert result.errors == ["neither systemd nor OpenRC is on this host"]


def test_links_in_a_circle_and_units_of_any_bytes_harm_nothing(tmp_path: Path) -> None:
    context = build(
        tmp_path,
        {f"{LIB}/a.service": "\0\xff=\n[\n]=\n[Install\nDescription", f"{LIB}/b\n.service": PLAIN},
        {
            f"{LIB}/c.service": "c.service",
            f"{LIB}/d.service": "e.service",
            f"{LIB}/e.service": "d.service",
        },
    )
    os.mkfifo(tmp_path / LIB.lstrip("/") / "pipe.service")
    assert told(context, names=["^a|^b"]) == ["a.service", "b\n.service"]
    assert ask(Services(), {"names": ["pipe"]}, context).foundanything


def test_where_units_stand_is_masked_where_privacy_is_asked_for(host: Context) -> None:
    private = Context(root=host.root, privacy=True)
    found = ask(Services(), {"names": ["^on"]}, private).elements["services"]
    assert [one["path"] for one in found] == ["masked"]


def test_a_run_ends_at_its_limit_and_says_so(host: Context) -> None:
    result = ask(Services(), {}, Context(root=host.root, limits=Limits(elements=3)))
    assert len(result.elements["services"]) == 3
    assert result.errors[0].startswith("stopped early")


@pytest.mark.parametrize(
    "given", [{"names": ["("]}, {"enabled": ["on"]}, {"kinds": ["daemon"]}, {"state": "x"}]
)
def test_a_question_of_no_sense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        ask(Services(), given)
