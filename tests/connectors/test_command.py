"""Commands of the host's own list, and what Nagios plugins say."""

import pytest
from tests.connectors.looks import a_look, make, value, verdict

from vedette.agent.connector import RefusedByHost
from vedette.agent.connectors.command_perfdata import read_output
from vedette.agent.run import Stuck, look_once
from vedette.health.model import Measurement


async def ran(script: str, *, timeout_s: float = 10.0, **settings):
    look = a_look(timeout_s=timeout_s, commands={"check": ("/bin/sh", "-c", script)})
    return await make("command", command="check", **settings).probe(look)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, ("up", "")),
        (1, ("degraded", "unhealthy")),
        (2, ("down", "unhealthy")),
        (3, ("unknown", "no_verdict")),
        (4, ("unknown", "no_verdict")),
        (127, ("unknown", "no_verdict")),
    ],
)
async def test_the_exit_code_is_the_verdict(code, said):
    assert verdict(await ran(f"echo 'what it says'; exit {code}")) == said


async def test_the_line_is_the_message_and_the_data_are_measurements():
    report = await ran("echo \"DISK WARNING - 5 % free | /=95%;90;98;0;100 'a b'=1.5GB;\"; exit 1")
    assert report.message == "DISK WARNING - 5 % free"
    assert value(report, "share", "perfdata:/") == 0.95
    assert value(report, "size", "perfdata:a b") == 1.5e9
    assert value(report, "run_s") > 0
    assert report.rtt is not None


async def test_a_limit_past_is_degraded_with_the_reason():
    report = await ran("echo 'OK | queue=7'", thresholds={"value": 5})
    assert verdict(report) == ("degraded", "threshold")
    assert "value of perfdata:queue is 7, above 5" in report.message


async def test_what_the_host_does_not_name_is_refused():
    for name in ("rm", "/bin/sh", "well -rf", ""):
        connector = make("command", command=name)
        with pytest.raises(RefusedByHost, match=r"commands in agent\.yaml does not name"):
            await connector.probe(a_look())
        report = await look_once(connector, a_look(), Stuck())
        assert verdict(report) == ("unknown", "refused_by_host")


async def test_silence_is_down():
    assert verdict(await ran("sleep 60", timeout_s=0.5)) == ("down", "timeout")


async def test_a_check_that_is_not_there_says_nothing_of_the_target():
    look = a_look(commands={"check": ("/nonexistent/check_disk",)})
    report = await make("command", command="check").probe(look)
    assert verdict(report) == ("unknown", "no_verdict")
    assert "/nonexistent/check_disk cannot be run: No such file" in report.message


async def test_without_a_line_its_complaint_is_the_message():
    report = await ran("echo 'no route' >&2; exit 2")
    assert report.message == "no route"
    assert (await ran("exit 2")).message == "it says nothing"


async def test_a_signal_says_nothing_of_the_target():
    report = await ran("kill -9 $$")
    assert verdict(report) == ("unknown", "no_verdict")
    assert "SIGKILL" in report.message


async def test_endless_and_foreign_output_is_a_clean_report():
    report = await ran("head -c 300000 /dev/urandom; exit 1")
    assert verdict(report) == ("degraded", "unhealthy")
    assert report.facts["cut"]
    assert len(report.message) <= 1024


async def test_a_secret_it_repeats_is_not_told():
    look = a_look(commands={"check": ("/bin/echo", "hunter2|x=1")}, secrets={"hunter2"})
    report = await make("command", command="check").probe(look)
    assert "hunter2" not in repr(report)


@pytest.mark.parametrize(
    ("data", "name", "number"),
    [
        ("t=250ms", "time", 0.25),
        ("t=0.005s;1;2;0;10", "time", 0.005),
        ("t=3us", "time", 3e-6),
        ("t=42ns", "time", 4.2e-8),
        ("t=2m", "time", 120.0),
        ("t=1d", "time", 86_400.0),
        ("p=50%", "share", 0.5),
        ("n=12c", "counter", 12.0),
        ("n=-3", "value", -3.0),
        ("n=+.5", "value", 0.5),
        ("n=1e3", "value", 1000.0),
        ("n=1,5", "value", 1.5),
        ("n=21.5C;~:30;@10:20", "value", 21.5),
        ("s=10B", "size", 10.0),
        ("s=1KB", "size", 1000.0),
        ("s=1KiB", "size", 1024.0),
        ("s=2GiB;;;0", "size", 2.0 * (1 << 30)),
        ("s=1.5TB", "size", 1.5e12),
        ("s=100Mb", "bits", 1e8),
    ],
)
def test_every_unit_is_read_into_ours(data, name, number):
    (measured,) = read_output(f"OK | {data}").measurements
    assert measured.name == name
    assert measured.value == pytest.approx(number)


def test_labels_may_be_quoted_and_stand_on_later_lines():
    said = read_output(
        "OK - fine | 'it''s here'=1 plain=2\nmore words\nand more | third=3\n'fo=rth'=4\n"
    )
    assert said.line == "OK - fine"
    assert [(m.entity, m.value) for m in said.measurements] == [
        ("perfdata:it's here", 1.0),
        ("perfdata:plain", 2.0),
        ("perfdata:third", 3.0),
        ("perfdata:fo=rth", 4.0),
    ]


def test_what_is_undetermined_or_no_number_is_left_out():
    said = read_output("OK | a=U b=;;; c=x d=1e999 e=5 e=6")
    assert said.measurements == (Measurement("value", 5.0, "perfdata:e"),)
    assert said.unread == 2


def test_data_without_end_is_cut():
    said = read_output("OK | " + " ".join(f"n{i}={i}" for i in range(10_000)))
    assert len(said.measurements) == 256
    assert said.unread == 10_000 - 256


@pytest.mark.parametrize(
    "output", ["", "|", "|||", "'=1", "OK | '", "OK | " + "'" * 60_000, "x|" + "y" * 65_000]
)
def test_nonsense_is_read_as_nothing(output):
    assert read_output(output).measurements == ()
