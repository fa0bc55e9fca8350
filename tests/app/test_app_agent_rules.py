import yaml

from vedette.app.agent_rules import keep_agent_rules, secrets_named
from vedette.app.settings import Settings, TargetSettings


def target(name="x", agents=("local",), **settings):
    return TargetSettings(name=name, connector="tcp", agents=list(agents), settings=settings)


def test_what_the_local_agents_targets_name_it_may_read_and_nothing_else():
    settings = Settings(
        targets=[
            target(password_file="/run/pg", url="http://${USER_X}:${PASS_X}@h"),
            target(name="y", agents=["edge"], password_file="/run/other", url="${OTHER}"),
            target(name="z", agents=["*"], headers={"a": ["${DEEP}"]}),
        ]
    )
    assert secrets_named(settings) == ({"USER_X", "PASS_X", "DEEP"}, {"/run/pg"})


def test_the_owners_own_keys_are_kept_and_ours_written_anew(tmp_path):
    path = tmp_path / "agent.yaml"
    path.write_text("commands: {disk: [/bin/true]}\nenv: [OLD]\n")
    assert keep_agent_rules(tmp_path, Settings(targets=[target(password="${NEW}")]))
    assert yaml.safe_load(path.read_text()) == {
        "commands": {"disk": ["/bin/true"]},
        "env": ["NEW"],
        "secret_files": [],
    }


def test_nothing_new_is_not_written(tmp_path):
    settings = Settings(targets=[target(password="${NEW}")])
    assert keep_agent_rules(tmp_path, settings)
    assert not keep_agent_rules(tmp_path, settings)


def test_the_roots_that_its_owner_pinned_stay(tmp_path):
    rules = tmp_path / "agent.yaml"
    rules.write_text("trust: {root: 'sha256:aa', threshold: 1}\n")
    assert keep_agent_rules(tmp_path, Settings())
    said = rules.read_text()
    assert "yours and is kept: trust," in said
    assert yaml.safe_load(said)["trust"] == {"root": "sha256:aa", "threshold": 1}
