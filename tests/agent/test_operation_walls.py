"""What a module is not given is not there, whatever its code tries."""

import inspect
import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.agent.operation_world import found, rogues, run

from vedette.agent import confine, landlock, seccomp, seccomp_calls
from vedette.agent.modules import Needs
from vedette.agent.operation import sandbox_offers

__all__ = ["rogues"]

pytestmark = [
    pytest.mark.usefixtures("rogues"),
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has these walls"),
]

LANDLOCKED = pytest.mark.skipif(landlock.abi() == 0, reason="this kernel has no Landlock")
SUPERUSER = pytest.mark.skipif(os.geteuid() != 0, reason="only root has what is taken here")


TRY = """
import errno
found = []
for code in {codes!r}:
    try:
        exec(code, {{}})
        found.append("")
    except OSError as fault:
        found.append(errno.errorcode[fault.errno])
"""


async def outcomes(codes: list[str], module: str = "rogue") -> list[str]:
    """The name of the error that each code meets, "" for none; all in one operation."""
    answer = found(await run(TRY.format(codes=[inspect.cleandoc(code) for code in codes]), module))
    assert len(answer) == len(codes)
    return list(answer)


async def outcome(code: str, module: str = "rogue") -> str:
    """The name of the error that this code meets, "" for none."""
    return (await outcomes([code], module))[0]


# Writing.

CHANGES = [
    "open('{there}', 'w')",
    "open('{there}', 'r+')",
    "open('{there}', 'a')",
    "open('{new}', 'x')",
    "import os; os.open('{folder}', os.O_TMPFILE | os.O_RDWR)",
    "import os; os.truncate('{there}', 0)",
    "import os; os.unlink('{there}')",
    "import os; os.rename('{there}', '{new}')",
    "import os; os.mkdir('{new}')",
    "import os; os.symlink('{there}', '{new}')",
    "import os; os.link('{there}', '{new}')",
    "import os; os.mkfifo('{new}')",
    "import os; os.chmod('{there}', 0o777)",
    "import os; os.fchmod(os.open('{there}', os.O_RDONLY), 0o777)",
    "import os; os.chown('{there}', 0, 0)",
    "import os; os.utime('{there}', (0, 0))",
    "import os; os.setxattr('{there}', 'user.x', b'x')",
    "import os; os.open('/proc/self/oom_score_adj', os.O_WRONLY)",
    "import fcntl; fcntl.ioctl(open('{there}'), 0x40086602, bytes([0x40] + [0] * 7))",
]


@pytest.mark.parametrize(
    "module",
    ["rogue", "rogue-memory", "rogue-processes", "rogue-network", "rogue-programs", "rogue-root"],
)
async def test_a_module_that_does_not_write_changes_nothing(module: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("kept")
    before = there.stat()
    codes = [each.format(there=there, new=tmp_path / "new", folder=tmp_path) for each in CHANGES]
    met = dict(zip(CHANGES, await outcomes(codes, module), strict=True))
    assert {each for each, how in met.items() if how not in {"EACCES", "EPERM"}} == set()
    after = there.stat()
    assert there.read_text() == "kept"
    assert (after.st_mode, after.st_uid, after.st_nlink, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_mode, before.st_uid, before.st_nlink, before.st_mtime_ns, before.st_ctime_ns
    )  # fmt: skip
    assert not (tmp_path / "new").exists()


async def test_a_module_that_writes_may(tmp_path: Path) -> None:
    code = f"import os; open('{tmp_path}/new', 'w').write('x'); os.chmod('{tmp_path}/new', 0o600)"
    assert await outcome(code, "rogue-write") == ""
    assert (tmp_path / "new").read_text() == "x"


@LANDLOCKED
async def test_what_is_thrown_away_may_be_written() -> None:
    assert await outcome("open('/dev/null', 'w').write('x')") == ""


async def test_every_file_can_be_read() -> None:
    assert await outcome("open('/etc/passwd').read(); open('/proc/1/stat').read()") == ""


# The network.

SOCKETS = ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK", "AF_ALG"]


@pytest.mark.parametrize(
    "module", ["rogue", "rogue-memory", "rogue-processes", "rogue-write", "rogue-programs"]
)
async def test_a_module_without_network_opens_no_socket(module: str) -> None:
    codes = [f"import socket; socket.socket(socket.{each}, socket.SOCK_DGRAM)" for each in SOCKETS]
    assert await outcomes(codes, module) == ["EPERM"] * len(SOCKETS)


async def test_whoever_asks_the_kernel_of_networks_asks_of_nothing_else() -> None:
    sockets = [*((each, 0) for each in SOCKETS), ("AF_NETLINK", 9), ("AF_NETLINK", 4)]
    codes = [
        f"import socket; socket.socket(socket.{family}, socket.SOCK_RAW, {protocol})"
        for family, protocol in sockets
    ]
    met = dict(zip(sockets, await outcomes(codes, "rogue-netlink"), strict=True))
    assert [each for each, how in met.items() if not how] == [("AF_NETLINK", 0)]
    assert set(met.values()) == {"", "EPERM"}


@LANDLOCKED
async def test_what_is_opened_by_a_helper_is_read_from_behind_both_walls() -> None:
    code = """
    import os
    pid = os.getpid()
    agent = int(open('/proc/self/stat').read().rpartition(')')[2].split()[1])
    opener = context.opener
    maps = os.read(opener.open(f'/proc/{agent}/maps'), 4096).decode()
    start = int(maps.partition('-')[0], 16)
    memory = opener.open(f'/proc/{agent}/mem')
    found = [
        opener.link(f'/proc/{agent}/exe').decode(),
        os.pread(memory, 4, start).hex(),
        os.read(opener.open(f'/proc/{agent}/exe'), 4).hex(),
        opener.link(f'/proc/{agent}/ns/net').decode(),
        len(opener.links(f'/proc/{agent}/fd')) > 3,
    ]
    for attempt in (
        lambda: os.readlink(f'/proc/{agent}/exe'),
        lambda: open(f'/proc/{agent}/mem'),
        lambda: os.write(memory, b'x'),
        lambda: opener.open('/etc/passwd'),
        lambda: opener.open(f'/proc/{agent}/environ'),
        lambda: opener.open(f'/proc/{agent}/../{agent}/mem'),
        lambda: opener.open(f'/proc/{agent}/task/{agent}/mem'),
        lambda: opener.link(f'/proc/{agent}/cwd'),
        lambda: opener.links(f'/proc/{agent}/map_files'),
        lambda: opener.open(f'/proc/4194304/mem'),
    ):
        try:
            found.append(str(attempt()))
        except OSError as fault:
            found.append(type(fault).__name__)
    """
    exe, magic, program, space, has_files, *attempts = found(await run(code, "rogue-processes"))
    assert exe == os.readlink("/proc/self/exe")
    assert magic == program == b"\x7fELF".hex()
    assert space == os.readlink("/proc/self/ns/net")
    assert has_files
    no = "PermissionError"
    assert attempts == [no, no, "OSError", no, no, no, no, no, no, "FileNotFoundError"]


async def test_as_many_links_as_a_process_may_hold_come_through_the_helper(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 200) / ("y" * 200)
    folder.mkdir(parents=True)
    files = [(folder / str(number)).open("w") for number in range(200)]
    code = """
    import os
    agent = int(open('/proc/self/stat').read().rpartition(')')[2].split()[1])
    found = [one.decode() for one in context.opener.links('/proc/%d/fd' % agent)]
    """
    told = found(await run(code, "rogue-processes"))
    for file in files:
        file.close()
    assert {file.name for file in files} <= set(told)


async def test_a_helper_opens_below_the_root_that_was_said_and_nowhere_else(tmp_path: Path) -> None:
    process = tmp_path / "proc" / "77"
    process.mkdir(parents=True)
    (process / "exe").symlink_to("/usr/bin/foo")
    (process / "maps").write_text("mapped")
    code = """
    import os
    opener = context.opener
    found = [opener.link(f'{context.root}/proc/77/exe').decode()]
    found.append(os.read(opener.open(f'{context.root}/proc/77/maps'), 100).decode())
    try:
        opener.link('/proc/1/exe')
    except PermissionError as fault:
        found.append(fault.strerror)
    """
    told = found(await run(code, "rogue-processes", root=tmp_path))
    assert told == ["/usr/bin/foo", "mapped", "Operation not permitted"]


async def test_a_module_outlives_its_helper_and_is_told() -> None:
    code = """
    context.opener._helper.send(b'')  # as at the end of the stream
    try:
        context.opener.link('/proc/1/exe')
    except OSError as fault:
        found = str(fault)
    """
    assert found(await run(code, "rogue-processes")), "nobody said that it has ended"


@LANDLOCKED
async def test_a_question_that_needs_less_stands_behind_both_walls() -> None:
    look = "import os; os.readlink(f'/proc/{os.getppid()}/exe')"
    assert await outcome(f"{look}  # needs memory", "rogue-sparing") == ""
    assert await outcome(look, "rogue-sparing") == "EACCES"


async def test_a_program_without_network_reaches_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"""
        import subprocess, sys
        found = subprocess.run(
            [sys.executable, "-ISc", "import socket; socket.create_connection(('127.0.0.1', {port}))"],
            stdin=subprocess.DEVNULL, capture_output=True).returncode
        """
        assert found(await run(code, "rogue-programs")) == 1


async def test_a_module_with_network_reaches_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}))"
        assert await outcome(code, "rogue-network") == ""


async def test_a_network_is_not_every_kind_of_socket() -> None:
    codes = [f"import socket; socket.socket(socket.{each}, socket.SOCK_DGRAM)" for each in SOCKETS]
    met = await outcomes(codes, "rogue-network")
    assert met == ["", "", "EPERM", "", "EPERM", "EPERM", "EPERM"]


@SUPERUSER
async def test_only_the_superuser_speaks_to_services_of_the_host() -> None:
    code = "import socket; socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)"
    assert await outcome(code, "rogue-network-root") == ""


async def test_a_pair_of_sockets_is_no_network() -> None:
    assert await outcome("import socket; one, other = socket.socketpair(); one.send(b'x')") == ""


@pytest.mark.parametrize("module", ["rogue", "rogue-memory", "rogue-network", "rogue-programs"])
async def test_a_pair_of_datagram_sockets_would_be_a_way_to_services_of_the_host(
    module: str, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as service:
        service.bind(str(tmp_path / "log"))
        pair = "import socket; one, _ = socket.socketpair(socket.AF_UNIX, socket.{kind})\n"
        codes = [
            pair.format(kind=kind) + f"one.sendto(b'x', {service.getsockname()!r})"
            for kind in ("SOCK_DGRAM", "SOCK_RAW", "SOCK_DGRAM | socket.SOCK_CLOEXEC")
        ]
        assert await outcomes(codes, module) == ["EPERM"] * 3


@LANDLOCKED
async def test_a_module_without_network_still_sees_the_hosts_connections() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = f":{server.getsockname()[1]:04X} "
        assert port in found(await run("found = open('/proc/net/tcp').read()"))


# Other processes.

CALL = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
PROBE = CALL + "if libc.syscall({number}, *{arguments}) < 0: raise OSError(ctypes.get_errno(), '')"


def number(name: str) -> int:
    column = ["x86_64", "aarch64"].index(platform.machine())
    return next(table[name][column] for table in TABLES if name in table)  # type: ignore[return-value]


async def test_a_module_without_memory_does_not_look_into_others() -> None:
    names = ["ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd"]
    arguments = (0, os.getpid(), 0, 0, 0, 0)
    codes = [PROBE.format(number=number(name), arguments=arguments) for name in names]
    assert await outcomes(codes) == ["EPERM"] * 4


@LANDLOCKED
async def test_proc_is_no_way_around() -> None:
    names = ["mem", "maps", "environ"]
    codes = [f"open('/proc/{os.getpid()}/{name}', 'rb').read(1)" for name in names]
    assert await outcomes(codes) == ["EACCES"] * 3


@SUPERUSER
async def test_a_module_with_memory_reads_that_of_others() -> None:
    code = f"import os; open('/proc/{os.getpid()}/maps').read(); os.readlink('/proc/{os.getpid()}/exe')"
    assert await outcome(code, "rogue-memory") == ""
    code = PROBE.format(number=number("process_vm_readv"), arguments=(os.getpid(), 0, 0, 0, 0, 0))
    assert await outcome(code, "rogue-memory") == ""


async def test_a_module_with_memory_does_not_write_into_others() -> None:
    code = PROBE.format(number=number("ptrace"), arguments=(16, os.getpid(), 0, 0))
    assert await outcome(code, "rogue-memory") == "EPERM"
    assert await outcome(f"open('/proc/{os.getpid()}/mem', 'r+b')", "rogue-memory") in {
        "EACCES",
        "EPERM",
    }
    code = PROBE.format(number=number("process_vm_writev"), arguments=(os.getpid(), 0, 0, 0, 0, 0))
    assert await outcome(code, "rogue-memory") == "EPERM"


@pytest.mark.parametrize("module", ["rogue", "rogue-memory", "rogue-write"])
async def test_the_agent_cannot_be_signalled(module: str) -> None:
    code = f"import os, signal; os.kill({os.getpid()}, signal.SIGUSR1)"
    assert await outcome(code, module) == "EPERM"


@LANDLOCKED
async def test_a_module_ends_the_programs_it_started() -> None:
    code = """
    import subprocess
    child = subprocess.Popen(["sleep", "60"])
    child.kill()
    found = child.wait()
    """
    assert found(await run(code, "rogue-programs")) == -9


@pytest.mark.parametrize("module", ["rogue", "rogue-network", "rogue-write", "rogue-memory"])
async def test_a_module_that_starts_no_programs_starts_none(module: str) -> None:
    codes = [
        "import subprocess; subprocess.run(['/bin/true'])",
        "import os; os.execv('/bin/true', ['true'])",
        "import os; os.fork()",
    ]
    assert set(await outcomes(codes, module)) <= {"EPERM", "EACCES"}


async def test_threads_are_free() -> None:
    code = """
    import threading
    found = []
    one = threading.Thread(target=found.append, args=(1,))
    one.start(); one.join()
    """
    assert found(await run(code)) == [1]


# The kernel.


@pytest.mark.parametrize("module", ["rogue", "rogue-root", "rogue-programs-write"])
async def test_nobody_reaches_the_kernel(module: str) -> None:
    names = [
        name for name, (x86, arm) in seccomp_calls.ALWAYS.items()
        if (x86 if platform.machine() == "x86_64" else arm) is not None
    ]  # fmt: skip
    # Arguments that the kernel itself would answer otherwise.
    codes = [PROBE.format(number=number(name), arguments=(-1, 0, 0, 0, 0, 0)) for name in names]
    met = dict(zip(names, await outcomes(codes, module), strict=True))
    assert {name: how for name, how in met.items() if how != "EPERM"} == {}


async def test_calls_that_we_do_not_know_do_not_exist() -> None:
    newer = [452, 462, 1000, 0x40000000]
    codes = [PROBE.format(number=each, arguments=(0, 0, 0, 0)) for each in newer]
    assert await outcomes(codes) == ["ENOSYS"] * 4


async def test_memory_that_no_limit_counts_is_not_to_be_had() -> None:
    codes = ["import os; os.memfd_create('x')"]
    codes += [
        PROBE.format(number=number(name), arguments=(0, 1 << 20, 0o1600, 0))
        for name in ("shmget", "semget", "msgget", "mq_open")
    ]
    assert await outcomes(codes) == ["EPERM"] * 5


async def test_the_agents_own_limits_stay() -> None:
    code = f"import resource; resource.prlimit({os.getpid()}, resource.RLIMIT_NOFILE, (3, 3))"
    assert await outcome(code, "rogue-root") == "EPERM"


@SUPERUSER
async def test_only_the_powers_it_needs_are_left_to_root() -> None:
    read = "found = [l.split()[1] for l in open('/proc/self/status') if l.startswith('CapEff')][0]"
    assert int(found(await run(read)), 16) == 1 << 2
    assert int(found(await run(read, "rogue-memory")), 16) == 1 << 2 | 1 << 19
    assert int(found(await run(read, "rogue-network")), 16) == 1 << 2 | 1 << 13
    assert int(found(await run(read, "rogue-write")), 16) == 0b11111
    assert int(found(await run(read, "rogue-root")), 16) > 1 << 32


@SUPERUSER
async def test_what_only_root_reads_is_read_by_root() -> None:
    assert await outcome("open('/etc/shadow').read()") == ""


async def test_a_program_that_is_setuid_gives_nothing_back() -> None:
    read = "found = [l.split()[1] for l in open('/proc/self/status') if l.startswith('NoNewPrivs')]"
    assert found(await run(read)) == ["1"]


async def test_it_lets_everything_else_go_first() -> None:
    code = """
    import ctypes, os
    found = [os.getpriority(os.PRIO_PROCESS, 0)]
    """
    assert found(await run(code)) == [min(19, os.getpriority(os.PRIO_PROCESS, 0) + 10)]


# What a host lacks.


def test_what_the_kernel_gives_is_plain_for_the_agents_facts() -> None:
    plain = sandbox_offers().plain()
    assert set(plain) == {"landlock", "seccomp", "user_namespaces", "rlimits", "ionice"}
    assert all(isinstance(value, int) for value in plain.values())


def test_a_kernel_without_filters_lacks_them_for_every_module() -> None:
    nothing = confine.Offers(
        landlock=7, seccomp=False, user_namespaces=True, rlimits=True, ionice=True
    )
    assert confine.lacking(Needs(), nothing, superuser=True) == [
        "a filter of system calls (seccomp on x86-64 or aarch64)"
    ]


def test_a_kernel_without_landlock_lacks_nothing() -> None:
    older = confine.Offers(
        landlock=0, seccomp=True, user_namespaces=False, rlimits=True, ionice=True
    )
    assert confine.lacking(Needs(), older, superuser=False) == []


def test_a_module_that_must_be_root_lacks_root() -> None:
    missing = confine.lacking(Needs(root=True), sandbox_offers(), superuser=False)
    assert missing[-1:] == ["the superuser, whom the module needs"]


WITHOUT = """
import ctypes, sys
from vedette.agent import seccomp
filters = seccomp.Filter(__import__("platform").machine())
filters.deny_unless_among({prctl}, 0, (38, 1, 15, 16, 3, 4, 8, 23))
seccomp._install(filters.program())  # what an older kernel is: no filter, and no question about one
from vedette.agent.confine import confine
from vedette.agent.modules import Needs
from vedette.errors import Unavailable
try:
    confine(Needs(), partial=sys.argv[1] == "partial")
    print("confined")
except Unavailable as refused:
    print(refused)
"""


@pytest.mark.parametrize(
    ("sandbox", "said"),
    [
        ("full", "this host cannot keep the operation in; it lacks a filter of system calls"),
        ("partial", "confined"),
    ],
)
def test_a_host_that_lacks_a_wall_refuses_unless_its_owner_says_so(sandbox: str, said: str) -> None:
    code = "import ctypes; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)" + WITHOUT.format(
        prctl=(157, 167)
    )
    answer = subprocess.run([sys.executable, "-c", code, sandbox], capture_output=True, text=True)
    assert answer.stdout.startswith(said), answer.stderr


# The tables.

TABLES = [
    seccomp_calls.ALWAYS,
    seccomp_calls.UNLESS_MEMORY,
    seccomp_calls.INTO_OTHERS,
    seccomp_calls.UNLESS_WRITE,
    seccomp_calls.UNLESS_PROGRAMS,
    seccomp_calls.SIGNALS,
]
BY_ARGUMENTS = [
    *("OPEN", "OPENAT", "OPENAT2", "SOCKET", "SOCKETPAIR", "IOCTL"),
    *("CLONE", "CLONE3", "PRLIMIT64", "TGKILL"),
]


def test_the_numbers_are_the_kernels_own() -> None:
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    if not header.exists():
        pytest.skip(f"{header} is not there")
    kernels = {
        name: int(said)
        for name, said in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())
    }
    ours = {name: numbers[0] for table in TABLES for name, numbers in table.items()}
    ours |= {name.lower(): getattr(seccomp_calls, name)[0] for name in BY_ARGUMENTS}
    assert len(ours) > 90
    assert {name: kernels[name] for name in ours} == ours


def test_a_filter_fits_the_kernel_and_each_jump_lands_within_it() -> None:
    for machine in ("x86_64", "aarch64"):
        filters = seccomp.Filter(machine)
        for table in TABLES:
            filters.deny(table.values())
        program = filters.program()
        assert len(program) % 8 == 0
        assert len(program) // 8 < 4096


def test_every_call_is_spoken_of_once() -> None:
    for column in (0, 1):
        numbers = [
            each[column] for table in TABLES for each in table.values() if each[column] is not None
        ]
        assert len(numbers) == len(set(numbers))
