"""A target of `command` as the agent watches it: the server's name, the host's program."""

from datetime import timedelta

from tests.connectors.looks import verdict

from vedette import clock
from vedette.agent.host import read_host_rules
from vedette.agent.reach import HostReach
from vedette.agent.secrets import Secrets
from vedette.agent.watch import Host, Watch
from vedette.link.client import Assignment


async def seen(settings_json):
    rules = read_host_rules(
        {"commands": {"disk": ["/bin/sh", "-c", "echo 'WARN | /=95%'; exit 1"]}}
    )
    host = Host(
        reach=HostReach([]), secrets=Secrets(rules), clock=clock.now, commands=rules.commands
    )
    watch = Watch(
        Assignment(
            target_id=1,
            name="web1-disk",
            connector="command",
            every=timedelta(seconds=60),
            timeout=timedelta(seconds=10),
            settings_json=settings_json,
        ),
        host,
    )
    looked = await watch.look()
    await watch.close()
    return looked.report


async def test_the_hosts_owner_says_what_the_name_means():
    report = await seen('{"command": "disk"}')
    assert verdict(report) == ("degraded", "unhealthy")
    assert report.message == "WARN"


async def test_no_command_line_comes_from_the_server():
    for name in ("/bin/sh", "disk -w 1", "DISK"):
        report = await seen(f'{{"command": "{name}"}}')
        assert verdict(report) == ("unknown", "refused_by_host")
    report = await seen('{"command": "disk", "arguments": ["-c", "id"]}')
    assert verdict(report) == ("unknown", "bad_settings")
