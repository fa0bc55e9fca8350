"""What the `netstat` module answers: of tables made up, and of this host and sockets we open."""

import os
import shutil
import socket
import struct
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as some
from tests.agent.modules.asking import ask, plant

from vedette.agent.modules import Context, Limits, Needs, Result
from vedette.agent.modules.neighbours6 import messages, neighbour
from vedette.agent.modules.netstat import Netstat, NetstatParameters
from vedette.agent.modules.networks_elsewhere import OtherNetwork, other_macs
from vedette.agent.modules.sockets import read_table
from vedette.agent.modules.tally import Tally
from vedette.errors import Invalid

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(local: str, remote: str, state: str, inode: int = 7) -> str:
    return f"   0: {local} {remote} {state} 00000000:00000000 00:00000000 00000000   106        0 {inode} 1\n"


LISTENS = row("0100007F:0277", "00000000:0000", "0A")  # 127.0.0.1:631
CONNECTED = row("0100007F:CAFE", "0A00C0AD:01BB", "01")  # 173.192.0.10:443
GONE = row("0100007F:0277", "0101A8C0:A000", "06")  # TIME_WAIT of 192.168.1.1
MAPPED = row("0000000000000000FFFF00000100007F:1F90", "0000000000000000FFFF00000101A8C0:D431", "01")
LISTENS6 = row(
    "00000000000000000000000000000000:0016", "00000000000000000000000000000000:0000", "0A"
)
BOUND = row("00000000:0044", "00000000:0000", "07")  # UDP 68
ARP = (
    "IP address       HW type     Flags       HW address            Mask     Device\n"
    "172.21.0.6       0x1         0x2         8C:70:5a:c8:be:50     *        eth0\n"
    "172.21.0.7       0x1         0x0         00:00:00:00:00:00     *        eth0\n"
)
TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.0
        /8 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 172.21.0.0
        /24 link UNICAST
     |-- 172.21.0.3
        /32 host LOCAL
     |-- 172.21.0.255
        /32 link BROADCAST
"""
TABLES = {
    "tcp": HEAD + LISTENS + CONNECTED + GONE,
    "tcp6": HEAD + LISTENS6 + MAPPED,
    "udp": HEAD + BOUND,
    "udp6": HEAD,
    "arp": ARP,
    "fib_trie": TRIE,
    "if_inet6": "fe8000000000000000fc00fffe000001 04 40 20 80     eth0\n",
}


@pytest.fixture
def host(tmp_path: Path) -> Context:
    files = {f"proc/1/net/{name}": content for name, content in TABLES.items()}
    files |= {
        "sys/class/net/eth0/address": "8c:70:5a:c8:be:51\n",
        "sys/class/net/lo/address": "00:00:00:00:00:00\n",
        "sys/class/net/bonding_masters": "bond0\n",
    }
    return plant(tmp_path, files)


def answer(host: Context | None, kind: str, *values: str, **more: Any) -> Result:
    return ask(Netstat(), {kind: list(values), **more}, host)


def addresses(result: Result, kind: str, value: str, key: str) -> list[Any]:
    return [element[key] for element in result.elements[kind][value]]


# Where MIG is wrong.


def test_hits_are_counted(host: Context) -> None:
    result = answer(host, "connectedip", "173.192.0.0/16", "192.168.1.1")
    assert result.statistics["totalhits"] == 3
    assert result.statistics["examined"] == 6  # three connections, for each of two values
    assert result.foundanything


def test_nobody_is_connected_to_a_listener(host: Context) -> None:
    found = addresses(
        answer(host, "connectedip", "0.0.0.0/0"), "connectedip", "0.0.0.0/0", "remoteaddr"
    )
    assert found == ["173.192.0.10", "192.168.1.1", "192.168.1.1"]
    assert answer(host, "connectedip", "0.0.0.0").elements == {"connectedip": {"0.0.0.0": []}}


def test_a_port_is_listening_when_something_listens_on_it(host: Context) -> None:
    result = answer(host, "listeningport", "631", "51966", "22", "68", "8080")
    assert {port: len(found) for port, found in result.elements["listeningport"].items()} == {
        "631": 1,  # not its connection in TIME_WAIT
        "51966": 0,
        "22": 1,
        "68": 1,
        "8080": 0,
    }


def test_ipv4_that_ipv6_carries_is_ipv4(host: Context) -> None:
    result = answer(host, "connectedip", "::ffff:192.168.1.1", "192.168.0.0/16")
    for found in result.elements["connectedip"].values():
        assert {"localaddr": "127.0.0.1", "localport": 8080} in [
            {key: one[key] for key in ("localaddr", "localport")} for one in found
        ]


# What it can be asked.


def test_elements_are_migs(host: Context) -> None:
    everything = {
        "localmac": ["^8C:70:"],
        "localip": ["172.21.0.0/24"],
        "neighbormac": ["8c:70:5A:c8:be:50"],
        "neighborip": ["172.21.0.6"],
        "connectedip": ["173.192.0.0/12"],
        "listeningport": ["631"],
    }
    assert ask(Netstat(), everything, host).elements == {
        "localmac": {"^8C:70:": [{"localmacaddr": "8c:70:5a:c8:be:51"}]},
        "localip": {"172.21.0.0/24": [{"localaddr": "172.21.0.3", "namespace": "default"}]},
        "neighbormac": {
            "8c:70:5A:c8:be:50": [
                {
                    "remotemacaddr": "8C:70:5a:c8:be:50",
                    "remoteaddr": "172.21.0.6",
                    "namespace": "default",
                }
            ]
        },
        "neighborip": {
            "172.21.0.6": [
                {
                    "remotemacaddr": "8C:70:5a:c8:be:50",
                    "remoteaddr": "172.21.0.6",
                    "namespace": "default",
                }
            ]
        },
        "connectedip": {
            "173.192.0.0/12": [
                {
                    "localaddr": "127.0.0.1",
                    "localport": 51966,
                    "remoteaddr": "173.192.0.10",
                    "remoteport": 443,
                    "namespace": "default",
                }
            ]
        },
        "listeningport": {
            "631": [{"localaddr": "127.0.0.1", "localport": 631, "namespace": "default"}]
        },
    }


def test_who_never_answered_is_no_neighbour(host: Context) -> None:
    assert not answer(host, "neighborip", "172.21.0.7").foundanything


def test_a_neighbour_of_ipv6_in_a_network_of_others_cannot_be_told_and_that_is_said(
    host: Context,
) -> None:
    result = answer(host, "neighborip", "fe80::1")
    assert not result.success
    assert "IPv6" in result.errors[0]
    by_mac = answer(host, "neighbormac", "8c:70:5A:c8:be:50")
    assert by_mac.success
    assert "IPv6" in by_mac.errors[0]


def entry(address: str, *, state: int, mac: bytes = b"\2\0\0\0\0\1", length: int = 0) -> bytes:
    """A message of the kernel's about one neighbour; length: as it says of itself, 0 for the true one."""
    told = struct.pack("=BxxxiHBB", socket.AF_INET6, 1, state, 0, 0)
    for kind, value in ((1, ip_address(address).packed), (2, mac)):
        told += struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)
    return struct.pack("=IHHII", length or 16 + len(told), 28, 2, 1, 0) + told


def test_of_ipv6_too_only_who_has_answered_is_a_neighbour() -> None:
    reachable, incomplete, failed, group = 0x02, 0x01, 0x20, 0x40
    told = [
        entry("fe80::1", state=reachable),
        entry("fe80::2", state=incomplete, mac=b""),
        entry("fe80::3", state=failed),
        entry("ff02::1", state=group),
        entry("fe80::4", state=reachable, mac=b"\0" * 6),
    ]
    found = [one for _, body in messages(b"".join(told)) for one in neighbour(body)]
    assert found == [(ip_address("fe80::1"), "02:00:00:00:00:01")]


def test_an_answer_of_the_kernels_that_ends_nowhere_ends() -> None:
    assert list(messages(entry("fe80::1", state=2, length=3))) == []


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
    reason="a network of one's own takes root and iproute2",
)
def test_the_neighbours_of_ipv6_are_those_that_ip_tells() -> None:
    add = "ip link set lo up && ip -6 neigh add fe80::1 lladdr 02:00:00:00:00:01 dev lo"
    code = "from vedette.agent.modules.neighbours6 import neighbours6; print(neighbours6())"
    done = subprocess.run(
        ["unshare", "-n", "sh", "-c", f'{add} && exec "$0" -c "$1"', sys.executable, code],
        capture_output=True,
        check=False,
        text=True,
    )
    if "Operation not permitted" in done.stderr:
        pytest.skip("this place gives no network of one's own")
    assert done.stdout.strip() == "[(IPv6Address('fe80::1'), '02:00:00:00:00:01')]", done.stderr


def test_a_question_about_this_hosts_own_network_needs_no_look_into_processes() -> None:
    def needed(**asked: object) -> Needs:
        return Netstat().needs_for(msgspec.convert(asked, NetstatParameters))

    assert needed(listeningport=["22"], neighborip=["10.0.0.1"]) == Needs()
    assert needed(neighborip=["fe80::1"]) == needed(neighbormac=["^02:"]) == Needs(netlink=True)
    assert needed(listeningport=["22"], namespaces=True) == Needs(processes=True)


def test_the_addresses_of_others_are_masked_where_privacy_is_asked_for(host: Context) -> None:
    private = Context(root=host.root, privacy=True)
    result = answer(private, "connectedip", "173.192.0.0/16")
    assert addresses(result, "connectedip", "173.192.0.0/16", "remoteaddr") == ["masked"]
    assert addresses(result, "connectedip", "173.192.0.0/16", "localaddr") == ["127.0.0.1"]


def test_every_namespace_is_looked_into_once_when_asked_for(tmp_path: Path) -> None:
    context = plant(
        tmp_path,
        {
            "proc/1/net/tcp": HEAD + LISTENS,
            "proc/1/net/udp": HEAD,
            "proc/2/net/tcp": "must not be read",
            "proc/3/net/tcp": HEAD + LISTENS + LISTENS,
            "proc/3/net/udp": HEAD,
            "proc/uptime": "1 1\n",
        },
    )
    for pid, space in ((1, "net:[1]"), (2, "net:[1]"), (3, "net:[9]")):
        (tmp_path / f"proc/{pid}/ns").mkdir()
        (tmp_path / f"proc/{pid}/ns/net").symlink_to(space)
    result = answer(context, "listeningport", "631", namespaces=True)
    assert addresses(result, "listeningport", "631", "namespace") == [
        "net:[1]",
        "net:[9]",
        "net:[9]",
    ]
    assert not result.errors


def test_a_namespace_that_only_root_may_name_is_looked_into_all_the_same(tmp_path: Path) -> None:
    tables = {"tcp": HEAD + LISTENS, "udp": HEAD}
    context = plant(
        tmp_path,
        {f"proc/{pid}/net/{name}": table for pid in (1, 3) for name, table in tables.items()},
    )
    for pid in (2, 4):  # of the networks of 1 and 3
        (tmp_path / f"proc/{pid}").mkdir()
        (tmp_path / f"proc/{pid}/net").symlink_to(f"../{pid - 1}/net")
    (tmp_path / "proc/2/ns").mkdir()
    (tmp_path / "proc/2/ns/net").symlink_to("net:[1]")
    result = answer(context, "listeningport", "631", namespaces=True)
    number = (tmp_path / "proc/3/net/tcp").stat().st_ino
    spaces = addresses(result, "listeningport", "631", "namespace")
    assert sorted(spaces) == ["net:[1]", f"net:[hidden-{number}]"]
    assert result.success


def test_processes_whose_namespace_is_hidden_are_counted(tmp_path: Path) -> None:
    context = plant(tmp_path, {"proc/9/stat": "", "proc/10/stat": ""})
    (tmp_path / "proc/9/net").symlink_to("net")  # as for a table one may not see; 10 has ended
    result = answer(context, "listeningport", "22", namespaces=True)
    assert result.errors == ["the network of 1 processes cannot be told: that takes root"]
    assert not result.success


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "nothing is asked for"),
        ({"namespaces": True}, "nothing is asked for"),
        ({"connectedip": ["10.0.0.300"]}, "is no address"),
        ({"localip": ["10.0.0.0/40"]}, "is no address"),
        ({"listeningport": ["http"]}, "is no port"),
        ({"listeningport": ["65536"]}, "is no port"),
        ({"listeningport": ["0"]}, "is no port"),
        ({"listeningport": ["-1"]}, "is no port"),
        ({"listeningport": [631]}, "Expected `str`"),
        ({"localmac": ["(?=x)"]}, "cannot be read"),
        ({"connectip": ["10.0.0.1"]}, "did you mean 'connectedip'"),
    ],
)
def test_a_question_of_no_sense_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid) as refused:
        ask(Netstat(), given)
    assert said in str(refused.value)


# What it reads may be broken, or not there.


def test_a_host_without_tables_cannot_tell(tmp_path: Path) -> None:
    result = answer(Context(root=tmp_path), "connectedip", "10.0.0.1")
    assert not result.success
    assert result.errors[0] == "tcp of the network default: No such file or directory"


def test_lines_that_cannot_be_read_are_counted_and_the_others_read(tmp_path: Path) -> None:
    broken = "nonsense\n   0: 01:02 03:04 05\n   1: 0100007F:0277 0000:0000 0A\n\n"
    context = plant(tmp_path, {"proc/1/net/tcp": HEAD + broken + LISTENS, "proc/1/net/udp": HEAD})
    result = answer(context, "listeningport", "631")
    assert len(result.elements["listeningport"]["631"]) == 1
    assert result.errors == ["tcp of the network default: 3 lines cannot be read"]


def test_a_table_that_is_a_pipe_keeps_nobody_waiting(tmp_path: Path) -> None:
    (tmp_path / "proc/1/net").mkdir(parents=True)
    os.mkfifo(tmp_path / "proc/1/net/tcp")
    result = answer(Context(root=tmp_path), "listeningport", "631")
    assert "tcp of the network default: it is no regular file" in result.errors


def test_a_run_ends_at_its_limit_and_says_so(tmp_path: Path) -> None:
    plant(tmp_path, {"proc/1/net/tcp": HEAD + LISTENS * 50, "proc/1/net/udp": HEAD})
    few = Context(root=tmp_path, limits=Limits(elements=10))
    result = answer(few, "listeningport", "631")
    assert len(result.elements["listeningport"]["631"]) == 10
    assert (result.success, result.errors[0][:28]) == (False, "stopped early: it found 10, ")


def test_a_run_whose_time_is_over_says_so(host: Context) -> None:
    late = Context(root=host.root, deadline=0)
    result = answer(late, "listeningport", "631")
    assert (result.success, result.errors) == (False, ["stopped early: the time was over"])


@given(some.binary(max_size=400))
def test_any_bytes_are_a_table(noise: bytes) -> None:
    found, broken = read_table(b"head\n" + noise, "tcp")
    assert len(found) + broken <= noise.count(b"\n") + 1


@given(
    some.lists(some.tuples(some.ip_addresses(), some.ip_addresses(), some.integers(1, 65535))),
    some.ip_addresses(),
    some.integers(0, 32),
)
def test_whatever_the_table_says_is_what_is_read(
    sockets: list[tuple[Any, Any, int]], near: Any, prefix: int
) -> None:
    def written(address: Any) -> str:
        words = [address.packed[at : at + 4] for at in range(0, len(address.packed), 4)]
        return "".join(f"{int.from_bytes(word, sys.byteorder):08X}" for word in words)

    table = HEAD + "".join(
        row(f"{written(local)}:{port:04X}", f"{written(remote)}:{port:04X}", "01")
        for local, remote, port in sockets
    )
    found, broken = read_table(table.encode(), "tcp")
    assert broken == 0

    def carried(address: Any) -> Any:
        return getattr(address, "ipv4_mapped", None) or address

    assert [(one.local, one.remote, one.local_port) for one in found] == [
        (carried(local), carried(remote), port) for local, remote, port in sockets
    ]


# This host.


@pytest.fixture
def listening() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_sockets_of_ours_are_found_on_this_host(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as client:
        result = ask(
            Netstat(), {"listeningport": [str(port)], "connectedip": ["127.0.0.1"]}, Context()
        )
        ends = {
            (one["localport"], one["remoteport"])
            for one in result.elements["connectedip"]["127.0.0.1"]
        }
        assert (client.getsockname()[1], port) in ends
    assert result.elements["listeningport"][str(port)] == [
        {"localaddr": "127.0.0.1", "localport": port, "namespace": "default"}
    ]
    assert result.success


@pytest.mark.skipif(shutil.which("ss") is None, reason="ss is not on this machine")
def test_every_port_that_ss_lists_is_found(listening: socket.socket) -> None:
    said = subprocess.run(("ss", "-Hltn"), capture_output=True, check=True, text=True).stdout
    ports = {line.split()[3].rpartition(":")[2] for line in said.splitlines()}
    assert str(listening.getsockname()[1]) in ports
    result = answer(None, "listeningport", *ports)
    missing = [port for port, found in result.elements["listeningport"].items() if not found]
    now = {str(one.laddr.port) for one in psutil.net_connections("tcp") if one.status == "LISTEN"}
    assert not set(missing) & now  # others of this machine may have closed theirs meanwhile


def test_addresses_and_macs_are_those_the_system_tells() -> None:
    told = psutil.net_if_addrs()
    inet = {
        str(ip_address(one.address.partition("%")[0]))
        for interface in told.values()
        for one in interface
        if one.family in (socket.AF_INET, socket.AF_INET6)
    }
    result = ask(Netstat(), {"localip": ["0.0.0.0/0", "::/0"], "localmac": ["."]})
    found = [one for values in result.elements["localip"].values() for one in values]
    assert {one["localaddr"] for one in found} == inet
    assert {one["localmacaddr"] for one in result.elements["localmac"]["."]} == set(other_macs())


def test_what_psutil_tells_elsewhere_is_what_proc_tells_here(listening: socket.socket) -> None:
    port = listening.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)) as client:
        client_port = client.getsockname()[1]
        table = OtherNetwork(Tally(Context())).sockets()
    told = {
        (str(one.local), one.local_port, one.remote_port, one.is_listening, one.is_connected)
        for one in table
        if port in (one.local_port, one.remote_port) and one.protocol == "tcp"
    }
    assert ("127.0.0.1", port, 0, True, False) in told
    assert ("127.0.0.1", client_port, port, False, True) in told
    assert ("127.0.0.1", port, client_port, False, True) in told
