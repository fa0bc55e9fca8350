"""agent.yaml is read strictly: what it says is the host owner's word."""

import pytest

from vedette.agent.host import load_host_rules
from vedette.errors import Invalid


def rules(tmp_path, text):
    path = tmp_path / "agent.yaml"
    path.write_text(text)
    return load_host_rules(path)


def test_everything_it_may_say(tmp_path):
    said = rules(
        tmp_path,
        """
        commands: {disk: [/usr/lib/nagios/plugins/check_disk, -w, '10%']}
        secrets_dir: /etc/vedette/secrets
        secret_files: [/run/secrets/pg]
        env: [PGPASSWORD]
        reach: ['10.0.0.0/8:5432', '!10.0.0.1:*']
        spool: {size: 64MiB, age: 2d}
        actions: [file, netstat]
        trust: {root: sha256:ab, threshold: 2}
        limits: {timeout: 1m, cpu: 30s, memory: 256MiB, output: 1MiB}
        sandbox: partial
        privacy: true
        tags: {role: edge}
        metrics: 127.0.0.1:9100
        """,
    )
    assert said.commands["disk"][1:] == ["-w", "10%"]
    assert said.spool.size == "64MiB"
    assert said.tags == {"role": "edge"}
    assert said.actions == ["file", "netstat"]
    assert (said.limits.seconds, said.limits.cpu_s) == (60, 30)
    assert (said.limits.memory_bytes, said.limits.output_bytes) == (256 << 20, 1 << 20)


def test_an_empty_or_absent_file_allows_nothing_but_to_connect(tmp_path):
    assert rules(tmp_path, "") == load_host_rules(None)
    assert load_host_rules(None).secrets_dir == ""


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("reech: []", "no key 'reech' .did you mean 'reach'"),
        ("spool: {sise: 1MiB}", "no key 'sise' .did you mean 'size'"),
        ("env: PGPASSWORD", "Expected `array`"),
        ("spool: {size: lots}", "'lots' is not a size"),
        ("spool: {age: soon}", "'soon' is not a duration"),
        ("actions: some", "actions is 'some'"),
        ("sandbox: none", "sandbox is 'none'"),
        ("trust: {roots: x}", "no key 'roots' .did you mean 'root'"),
        ("limits: {timeout: 0s}", "timeout must be from 1s to 1d"),
        ("limits: {cpu: 2d}", "cpu must be from 1s to 1d"),
        ("limits: {memory: 1MiB}", "memory must be at least 64MiB"),
        ("limits: {output: 0}", "Expected `str`"),
        ("commands: {disk: [check_disk]}", "absolute path"),
        ("secrets_dir: secrets", "absolute path"),
        ("reach: ['nowhere']", "not a pattern"),
        ("a: [", "is not YAML"),
    ],
)
def test_what_it_may_not_say_is_named(tmp_path, text, complaint):
    with pytest.raises(Invalid, match=complaint):
        rules(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Invalid, match="cannot be read"):
        load_host_rules(tmp_path / "none.yaml")
