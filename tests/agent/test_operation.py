"""How an operation ends, and what is left of it: nothing."""

import asyncio
import json
import os
import secrets
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from tests.agent.operation_world import SHORT, found, install, rogues, run

from vedette.agent.operation import Ended, OperationLimits, run_operation

__all__ = ["rogues"]

pytestmark = pytest.mark.usefixtures("rogues")

PARENT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Every test here ends with the agent alive and nothing of the operation running."""
    before = set(children())
    yield
    assert set(children()) <= before


def children() -> Iterator[psutil.Process]:
    """Programs below this one, without those that other tests keep: they come and go as a database and a browser like."""
    for each in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if each.name() not in {"postgres", "chromium"}:
                yield each


def running(marker: str) -> list[str]:
    """Command lines of this host that hold the marker."""
    lines = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            lines.append(" ".join(each.cmdline()))
    return [line for line in lines if marker in line]


def marker() -> str:
    """A duration for `sleep` that nobody else waits."""
    return f"{900 + secrets.randbelow(99)}.{secrets.randbelow(10**9):09}"


# It answers.


async def test_an_answer_comes_back_in_migs_shape() -> None:
    ran = await run("found = {'s1': ['/etc/passwd']}")
    assert ran.ended is Ended.RETURNED
    assert ran.result == (
        b'{"foundanything":true,"success":true,"elements":{"s1":["/etc/passwd"]},'
        b'"statistics":null,"errors":[]}'
    )
    assert (ran.message, ran.truncated) == ("", False)
    assert ran.cpu_s > 0 and ran.took_s > 0


async def test_a_built_in_module_answers() -> None:
    asked = {"searches": {"s1": {"paths": ["/etc"], "names": ["^passwd$"]}}}
    ran = await run_operation("file", asked, SHORT, privacy=False, partial=False)
    assert "/etc/passwd" in {hit["file"] for hit in found(ran)["s1"]}


async def test_root_and_privacy_reach_the_module(tmp_path: Path) -> None:
    ran = await run("found = [str(context.root), context.privacy]", privacy=True, root=tmp_path)
    assert found(ran) == [str(tmp_path), True]


async def test_a_module_is_told_to_stop_before_it_is_ended() -> None:
    ran = await run("import time; found = context.deadline - time.monotonic()")
    assert 10 < found(ran) < SHORT.seconds


async def test_what_a_module_prints_is_no_part_of_its_answer() -> None:
    assert found(await run("import os; print('hello'); os.write(1, b'{}'); found = 1")) == 1


async def test_what_is_no_number_is_null_in_an_answer() -> None:
    assert found(await run("found = [float('nan'), float('inf'), 1.5]")) == [None, None, 1.5]


async def test_it_learns_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VEDETTE_JOIN_TOKEN", "secret")
    assert set(found(await run("import os; found = list(os.environ)"))) <= {
        "PATH",
        "LANG",
        "LC_CTYPE",
    }


async def test_it_holds_no_file_of_ours() -> None:
    ran = await run("import os; found = sorted(int(n) for n in os.listdir('/proc/self/fd'))")
    # Its three streams, the pipe of the answer, and the folder it is reading.
    assert len(found(ran)) == 5


async def test_operations_run_side_by_side() -> None:
    answers = await asyncio.gather(*(run(f"found = {number}") for number in range(1, 5)))
    assert [found(ran) for ran in answers] == [1, 2, 3, 4]


# It is refused.


async def test_a_module_nobody_knows_is_refused_naming_what_there_is() -> None:
    ran = await run("", module="fiel")
    assert ran.ended is Ended.REFUSED
    assert ran.message.startswith("there is no module called 'fiel' (installed: ")


async def test_a_module_that_lacks_a_library_here_is_refused_naming_it(tmp_path: Path) -> None:
    source = tmp_path / "rogues-site" / "rogues.py"
    source.write_text("import nosuchlibrary\n" + source.read_text())
    ran = await run("found = 1")
    assert ran.ended is Ended.UNAVAILABLE
    assert ran.message == (
        "the module rogue cannot be loaded here: No module named 'nosuchlibrary'"
    )


async def test_a_parameter_nobody_knows_is_refused_naming_what_there_is() -> None:
    ran = await run_operation("rogue", {"cod": ""}, SHORT, privacy=False, partial=False)
    assert ran.ended is Ended.REFUSED
    assert "there is no 'cod' (did you mean 'code'?" in ran.message


async def test_parameters_that_make_no_sense_to_the_module_are_refused() -> None:
    ran = await run("from vedette.errors import Invalid; raise Invalid('no such hash')")
    assert (ran.ended, ran.message) == (Ended.REFUSED, "no such hash")


async def test_parameters_that_are_no_json_are_refused() -> None:
    ran = await run_operation("rogue", {"code": object()}, SHORT, privacy=False, partial=False)
    assert ran.ended is Ended.REFUSED
    assert "no JSON" in ran.message


# It crashes.


async def test_an_exception_is_told_with_its_place() -> None:
    ran = await run("1 / 0")
    assert ran.ended is Ended.CRASHED
    assert ran.message == "ZeroDivisionError: division by zero (<string>:1)"


async def test_an_exception_names_nothing_in_privacy() -> None:
    ran = await run("open('/srv/alice/diary')", privacy=True)
    assert (ran.ended, ran.message) == (Ended.CRASHED, "FileNotFoundError")


async def test_control_characters_do_not_reach_the_message() -> None:
    ran = await run(r"raise ValueError('a\x1b[31mb\u202ec\nd\x00')")
    assert ran.message == "ValueError: a [31mb c d (<string>:1)"


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os, sys; sys.stderr.write('last words'); sys.stderr.flush(); os._exit(3)",
         "it ended by exit code 3 and did not answer: last words"),
        ("import os; os.abort()", "it ended by SIGABRT and did not answer"),
        ("import ctypes; ctypes.string_at(8)", "it ended by SIGSEGV and did not answer"),
        ("import os; os._exit(0)", "it ended by exit code 0 and did not answer"),
        ("import sys; sys.exit(0)", "SystemExit: 0 (<string>:1)"),
        ("raw = True; found = {'a': 1}", "TypeError: the module returned dict, not a Result"),
        ("found = []\nfor _ in range(10_000): found = [found]", "RecursionError: "),
        ("found = '\\ud800'", "UnicodeEncodeError: "),
        ("found = {1: object()}", "TypeError: Encoding objects of type object is unsupported"),
    ],
)  # fmt: skip
async def test_a_module_that_dies_says_how(code: str, how: str) -> None:
    ran = await run(code)
    assert ran.ended is Ended.CRASHED
    assert ran.message.startswith(how)
    assert ran.result == b""


async def test_stderr_is_told_in_part() -> None:
    ran = await run("import os; os.write(2, b'x' * 9_000_000); os._exit(3)")
    assert ran.ended is Ended.CRASHED
    assert len(ran.message) < 5_000


async def test_a_module_that_begins_a_thread_before_it_is_confined_does_not_run(
    tmp_path: Path,
) -> None:
    early = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
    source = tmp_path / "rogues-site" / "rogues.py"
    source.write_text(early + source.read_text())
    ran = await run("found = 1")
    assert (ran.ended, "began a thread" in ran.message) == (Ended.CRASHED, True)


# What it says on the pipe itself.


def say(content: str) -> str:
    return f"""
import os
pipe = max(fd for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{{fd}}'))
content = {content}
while content:
    content = content[os.write(pipe, content):]
os._exit(0)
"""


KEYS = '"foundanything":true,"success":true,"statistics":null,"errors":[]'


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f"""b'R{{{KEYS},"elements":' + b'[' * 10_000 + b']' * 10_000 + b'}}'""", "nested deeper"),
        (f"""b'R{{{KEYS},"elements":' + b'[' * 65 + b']' * 65 + b'}}'""", "nested deeper"),
        (f"""b'R{{{KEYS},"elements":NaN}}'""", "not a module's"),
        (f"""b'R{{{KEYS},"elements":1}} 2'""", "not a module's"),
        (f"""b'R{{{KEYS}}}'""", "missing required field `elements`"),
        (f"""b'R{{{KEYS},"elements":1,"status":"done"}}'""", "unknown field `status`"),
        (f"""b'R{{{KEYS},"elements":"\\xff"}}'""", "not UTF-8"),
        ("""b'R'""", "not a module's"),
        ("""b'Z{}'""", "did not answer"),
        ("""b'{}'""", "did not answer"),
    ],
)
async def test_an_answer_that_is_none_is_a_crash(content: str, why: str) -> None:
    ran = await run(say(content))
    assert (ran.ended, ran.result) == (Ended.CRASHED, b"")
    assert why in ran.message


# It takes too much.


async def test_a_module_that_hangs_is_ended() -> None:
    ran = await run("import time; time.sleep(60)", limits=OperationLimits(seconds=1))
    assert (ran.ended, ran.message) == (Ended.TIMEOUT, "it took longer than 1 s")
    assert ran.took_s < 5


async def test_a_module_that_spins_is_ended_by_the_kernel() -> None:
    ran = await run("while True: pass", limits=OperationLimits(seconds=60, cpu_s=1))
    assert (ran.ended, ran.message) == (Ended.KILLED, "it used more than 1 s of the processor")
    assert 1 <= ran.cpu_s < 4


async def test_ten_gigabytes_of_answer_are_killed_and_not_kept() -> None:
    before = psutil.Process().memory_info().rss
    ran = await run(
        say("b'R' + b' ' * 1_000_000").replace(
            "while content:", "while True:\n    content = content or b' ' * 1_000_000"
        )
    )
    assert (ran.ended, ran.result, ran.truncated) == (Ended.KILLED, b"", True)
    assert ran.message == f"its answer is longer than {16 << 20} bytes"
    assert psutil.Process().memory_info().rss - before < 64 << 20


async def test_a_module_that_prints_without_end_is_ended() -> None:
    ran = await run("import os\nwhile True: os.write(2, b'x' * 65_536)")
    assert (ran.ended, ran.message) == (Ended.KILLED, f"it printed more than {16 << 20} bytes")


async def test_an_answer_of_just_the_length_is_kept() -> None:
    limits = OperationLimits(output_bytes=4096)
    empty = await run("found = 'x'", limits=limits)
    room = 4096 - len(empty.result) + 1
    assert found(await run(f"found = 'x' * {room}", limits=limits)) == "x" * room
    assert (await run(f"found = 'x' * {room + 1}", limits=limits)).ended is Ended.KILLED


async def test_a_module_that_takes_all_memory_is_ended() -> None:
    ran = await run("found = bytearray(1 << 30)")
    assert (ran.ended, ran.message) == (Ended.KILLED, "it wanted more than 512 MiB of memory")


async def test_whoever_waits_may_leave_and_nothing_goes_on() -> None:
    waiting = asyncio.create_task(run("import time; time.sleep(60)"))
    while not psutil.Process().children():  # noqa: ASYNC110 - until the kernel shows it
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


# It starts others.


async def test_a_module_that_starts_no_programs_cannot_fork() -> None:
    ran = await run("import os; os.fork()")
    assert (ran.ended, ran.message) == (
        Ended.CRASHED,
        "PermissionError: [Errno 1] Operation not permitted (<string>:1)",
    )


async def test_a_program_of_the_host_runs_within_the_same_walls(tmp_path: Path) -> None:
    code = f"""
    import subprocess
    said = subprocess.run(["/bin/sh", "-c", "echo hello; echo x > {tmp_path}/x"],
                          stdin=subprocess.DEVNULL, capture_output=True)
    found = [said.stdout.decode(), said.returncode != 0]
    """
    assert found(await run(code, "rogue-programs")) == ["hello\n", True]
    assert not (tmp_path / "x").exists()


async def test_a_fork_bomb_is_ended_as_a_whole() -> None:
    ran = await run("import os\nwhile True: os.fork()", "rogue-programs")
    assert ran.ended is Ended.KILLED
    assert ran.message in (
        "it started more than 256 processes and threads",
        "its processes held more than 512 MiB of memory",
    )
    assert ran.took_s < 15


async def test_a_module_that_begins_ever_more_threads_is_ended() -> None:
    code = """
    import threading, time
    threading.stack_size(32 << 10)
    while True: threading.Thread(target=time.sleep, args=(60,)).start()
    """
    ran = await run(code)
    assert (ran.ended, ran.message) == (Ended.KILLED, "it began more than 256 threads")
    assert ran.took_s < 10


async def test_programs_that_come_and_go_are_counted_together() -> None:
    code = """
    import subprocess
    while True: subprocess.run(["/bin/sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"])
    """
    ran = await run(code, "rogue-programs", OperationLimits(seconds=60, cpu_s=1))
    assert ran.ended is Ended.KILLED
    assert ran.message == "its processes used more than 1 s of the processor"


async def test_what_a_module_leaves_behind_is_ended_with_it() -> None:
    wait = marker()
    ran = await run(
        f"import subprocess; found = subprocess.Popen(['sleep', '{wait}']).pid", "rogue-programs"
    )
    assert found(ran) > 0
    assert running(wait) == []


async def test_a_module_that_becomes_a_daemon_does_not_get_away() -> None:
    wait = marker()
    code = f"""
    import os, time
    if os.fork() == 0:
        try:
            os.setsid()
        except OSError:
            pass
        if os.fork() == 0:
            os.execv("/bin/sleep", ["/bin/sleep", "{wait}"])
        os._exit(0)
    time.sleep(60)
    """
    ran = await run(code, "rogue-programs", OperationLimits(seconds=1))
    assert ran.ended is Ended.TIMEOUT
    assert running(wait) == []


async def test_programs_may_not_use_more_than_one_module_may() -> None:
    code = """
    import subprocess
    busy = [subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(3)]
    busy[0].wait()
    """
    ran = await run(code, "rogue-programs", OperationLimits(seconds=60, cpu_s=1))
    assert ran.ended is Ended.KILLED
    assert ran.message == "its processes used more than 1 s of the processor"


# The agent is killed.

AGENT = """
import asyncio, json, sys
from vedette.agent.operation import OperationLimits, run_operation
said = json.loads(sys.argv[1])
sys.path.insert(0, said["site"])
asyncio.run(run_operation(said["module"], {"code": said["code"]}, OperationLimits(), privacy=False, partial=True))
"""


@pytest.mark.parametrize("module", ["rogue-write", "rogue-programs-write"])
async def test_an_agent_that_is_killed_leaves_nothing_behind(module: str, tmp_path: Path) -> None:
    fifo = tmp_path / "pids"
    os.mkfifo(fifo)
    start = (
        "child = subprocess.Popen(['sleep', '900']).pid" if "programs" in module else "child = 0"
    )
    code = f"""
import os, subprocess, time
{start}
with open({str(fifo)!r}, "w") as told:
    told.write(f"{{os.getpid()}} {{child}}")
time.sleep(900)
"""
    said = {"site": str(install(tmp_path / "agent")), "module": module, "code": code}
    agent = subprocess.Popen([sys.executable, "-c", AGENT, json.dumps(said)])  # noqa: ASYNC220
    try:
        pids = [int(pid) for pid in (await asyncio.to_thread(fifo.read_text)).split()]
        watched = [os.pidfd_open(pid) for pid in pids if pid]
    finally:
        agent.kill()
        agent.wait()
    for one in watched:
        assert select.select([one], [], [], 10.0)[0], "it still runs"
        os.close(one)
