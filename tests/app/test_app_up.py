"""`vedette up` as a stranger meets it; each test talks to a real one."""

import os
import re
import signal
import socket
import stat
from uuid import UUID

import httpx
import psutil
import pytest
from tests.app.up_world import Command, free_port, running, vedette

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    with running(tmp_path_factory.mktemp("up") / "data") as started:
        # Its agent is a process of its own, and on a busy machine a slow one.
        started.until(lambda: set(states(started).values()).isdisjoint({"unknown"}))
        yield started


def states(up, path="/api/v1/components"):
    return {each.get("service", each.get("name")): each["state"] for each in up.get(path).json()}


def test_it_watches_this_host_and_its_own_database(up):
    host = socket.gethostname()
    up.until(lambda: states(up).get("Vedette database") == "up")
    # A machine that is busy with tests may well be called degraded.
    up.until(lambda: states(up)[f"Host {host}"] in {"up", "degraded"})
    page = httpx.get(f"{up.url}/")
    assert page.status_code == 200
    assert "Vedette database" in page.text


def test_it_says_where_everything_is(up):
    said = up.said.read_text()
    for word in (
        up.url,
        "sha256:",
        str(up.directory),
        "vedette up -c FILE",
        "vedette agents token",
    ):
        assert word in said


def test_what_it_keeps_is_for_its_owner_alone(up):
    for name in ("admin.token", "seal.key", "endpoints.json", "agent/agent.yaml", "agent/key.pem"):
        assert stat.S_IMODE((up.directory / name).stat().st_mode) == 0o600, name


def test_everything_that_is_not_public_needs_a_token(up):
    from vedette.app.urls import URLS

    for url in URLS:
        path = url.path.replace("{token}", str(UUID(int=1)))  # a snapshot's is no number
        path = re.sub("{[a-z_]+}", "1", path)
        answer = httpx.request(url.method, up.url + path)
        if url.permission == "public":
            # What a path names need not be there; nor what nobody asked for: a feed without a region,
            # sign-in at a provider where there is none.
            is_there = "{" not in url.path and url.path not in {
                "/rss/",
                "/login/openid",
                "/login/callback",
                "/api/v1/session/device",
                "/api/v1/session/device/poll",
            }
            allowed = set() if is_there else {404}
            assert answer.status_code not in {401, 404, 500} - allowed, url
        elif url.path.startswith("/api/"):
            assert answer.status_code == 401, url
            assert answer.headers["www-authenticate"].startswith("Bearer")
            # Another system's clients are told in that system's words.
            theirs = url.permission == "component_status" or url.permission.startswith("mig:")
            if not theirs:
                assert answer.headers["content-type"] == "application/problem+json"
        else:
            assert answer.status_code in {302, 303, 401}, url


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/targets/", "/api//v1/targets", "/api/./v1/targets", "/x/../api/v1/targets",
        "/api/v1%2ftargets", "/%61pi/v1/targets", "/api/v1/targets;x=/livez", "/livez/../api/v1/targets",
    ],
)  # fmt: skip
def test_no_spelling_of_a_path_leads_around_its_permission(up, path):
    port = int(up.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while more := raw.recv(65536):
            answer += more
    assert answer.split()[1] in {b"401", b"404", b"400"}, answer


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
def test_a_method_cannot_be_disguised(up, header):
    answer = httpx.post(f"{up.url}/api/v1/targets", headers={header: "GET"})
    assert answer.status_code in {401, 405}


def test_every_answer_carries_security_headers_and_a_request_id(up):
    for path in ("/", "/livez", "/metrics", "/openapi.json", "/api/v1/targets", "/nothing"):
        headers = httpx.get(up.url + path, headers={"X-Request-Id": "mine-1"}).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "script-src" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] in {"no-referrer", "same-origin"}
        assert headers["x-request-id"] == "mine-1"


def test_head_is_get_without_a_body(up):
    answer = httpx.head(f"{up.url}/livez")
    assert (answer.status_code, answer.content) == (200, b"")
    assert httpx.head(f"{up.url}/api/v1/targets").status_code == 401
    assert up.get("/api/v1/targets").status_code == 200


def test_an_answer_that_is_known_already_is_not_sent_again(up):
    first = up.get("/api/v1/services")
    second = up.get("/api/v1/services", headers={"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.content) == (304, b"")


def test_an_unknown_query_parameter_is_refused_by_name(up):
    problem = up.get("/api/v1/targets?limt=5").json()
    assert problem["status"] == 400
    assert problem["errors"] == [
        {"detail": "not known here; known: cursor, limit", "parameter": "limt"}
    ]


def test_a_limit_out_of_bounds_and_a_forged_cursor_are_problems(up):
    assert up.get("/api/v1/targets?limit=0").json()["errors"][0]["parameter"] == "limit"
    assert up.get("/api/v1/targets?limit=1001").status_code == 400
    assert "cursor" in up.get("/api/v1/targets?cursor=AAAA").json()["detail"]


def test_long_lists_come_in_pages(up):
    first = up.get("/api/v1/targets?limit=1")
    assert len(first.json()) == 1
    second = up.get(first.links["next"]["url"])
    assert second.json()[0]["name"] > first.json()[0]["name"]


def test_a_body_too_large_or_too_deep_is_refused(up):
    headers = {"Authorization": f"Bearer {up.token}", "Content-Type": "application/json"}
    large = b'{"name": "' + b"x" * 2_000_000 + b'"}'
    assert httpx.post(f"{up.url}/api/v1/tokens", content=large, headers=headers).status_code == 413
    deep = b'{"name": ' + b"[" * 100_000
    answer = httpx.post(f"{up.url}/api/v1/tokens", content=deep, headers=headers)
    assert answer.status_code == 400
    answer = httpx.post(f"{up.url}/api/v1/tokens", content=b'{"name": 5}', headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"]


def test_the_metrics_tell_of_loops_agents_and_queue(up):
    up.until(lambda: "vedette_agents_connected 1.0" in httpx.get(f"{up.url}/metrics").text)
    text = httpx.get(f"{up.url}/metrics").text
    for line in (
        'vedette_loop_alive{loop="deadman"} 1.0',
        'vedette_loop_failures_total{loop="deadman"} 0.0',
        "vedette_database_up 1.0",
        "vedette_ingest_queue ",
        "vedette_ingest_reports_total ",
    ):
        assert line in text


def test_the_openapi_document_names_every_rest_route_and_its_scope(up):
    from vedette.app.urls import URLS

    document = httpx.get(f"{up.url}/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    said = {
        (method.upper(), path): operation["x-vedette-scope"]
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    table = {(url.method, url.path): url.permission for url in URLS}
    assert said.items() <= table.items()
    # Documents that are pages' bytes (feeds, badges, Statuspage's) are no part of the REST interface.
    rest = ("/api/v1/", "/v1/", "/federate")
    itself = ("GET", "/api/v1/openapi.json")
    assert {door for door in table if door[1].startswith(rest)} - {itself} <= said.keys()


def test_the_commands_find_the_server_by_its_data_directory(up):
    listed = up.cli("get", "components", "-o", "json")
    assert listed.returncode == 0
    import json

    for component in json.loads(listed.stdout):
        assert {"service", "region", "state", "since", "reason"} <= component.keys()
    assert up.cli("get", "targets", "-o", "name").stdout.splitlines()
    assert up.cli("status").returncode in {0, 3}
    assert "vedette-postgresql" in up.cli("get", "targets").stdout
    assert up.cli("get", "reports", "vedette-postgresql", "-o", "csv").returncode == 0
    assert up.cli("get", "reports", "nothing").returncode == 6


def test_a_token_is_made_used_and_revoked(up):
    made = up.cli("tokens", "create", "ci", "--scope", "read", "--expires", "90d")
    secret = made.stdout.strip()
    assert made.stdout == f"{secret}\n"
    assert made.stderr == ""
    env = {"VEDETTE_URL": up.url, "VEDETTE_TOKEN": secret}
    assert vedette("get", "targets", env=env).returncode == 0
    denied = vedette("tokens", "list", env=env)
    assert denied.returncode == 5
    assert denied.stderr.count("\n") == 1
    assert "ci" in up.cli("tokens", "list", "-o", "name").stdout
    assert up.cli("tokens", "revoke", "ci").returncode == 0
    assert vedette("get", "targets", env=env).returncode == 5


def test_the_admin_token_never_goes_to_another_address(up):
    with socket.create_server(("127.0.0.1", 0)) as other:
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        asking = Command("get", "targets", f"--data-dir={up.directory}", f"--url={url}")
        caller, _ = other.accept()
        with caller:
            request = caller.recv(65536).lower()
            caller.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        assert asking.result().returncode == 5
    assert request.startswith(b"get /api/v1/targets")
    assert b"authorization" not in request


def test_a_second_one_in_the_same_directory_is_refused_in_one_line(up):
    second = vedette("up", f"--data-dir={up.directory}", "--http=127.0.0.1:0", "--grpc=127.0.0.1:0")
    assert second.returncode == 7
    assert second.stderr.startswith("vedette: Vedette runs in")
    assert second.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_one_line_naming_the_flag(up, tmp_path):
    port = up.url.rpartition(":")[2]
    refused = vedette(
        "up", f"--data-dir={tmp_path}", f"--http=127.0.0.1:{port}", "--grpc=127.0.0.1:0"
    )
    assert refused.returncode == 8
    assert "--http HOST:PORT" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_the_local_agent_is_started_again_when_it_is_killed(up):
    agent = up.until(lambda: agent_of(up))
    agent.kill()
    up.until(lambda: (again := agent_of(up)) and again.pid != agent.pid)


def agent_of(up) -> psutil.Process | None:
    for child in psutil.Process(up.process.pid).children(recursive=True):
        try:
            if "vedette.agent" in child.cmdline():
                return child
        except psutil.Error:
            continue
    return None


def test_ctrl_c_stops_all_of_it_with_exit_code_0_and_kill_leaves_nothing_behind(tmp_path):
    with running(tmp_path / "d") as up:
        agent = up.until(lambda: agent_of(up))
        token = up.token
        assert up.stop() == 0
        agent.wait(timeout=10)
        assert not (up.directory / "endpoints.json").exists()
        assert "Traceback" not in up.errors.read_text()
    with running(tmp_path / "d") as up:
        assert up.token == token
        agent = up.until(lambda: agent_of(up))
        os.kill(up.process.pid, signal.SIGKILL)
        up.process.wait()
        agent.wait(timeout=15)
    with running(tmp_path / "d") as up:
        host = socket.gethostname()
        up.until(lambda: states(up).get(f"Host {host}") in {"up", "degraded"})


def test_a_file_is_followed_at_sighup_and_a_bad_one_changes_nothing(tmp_path):
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    config = tmp_path / "v.yaml"
    form = "targets:\n  - {{name: {name}, connector: tcp, every: 1s, settings: {{host: 127.0.0.1, port: {port}}}}}\n"
    config.write_text(form.format(name="one", port=port))
    with running(tmp_path / "d", f"--config={config}") as up:
        up.until(lambda: states(up, "/api/v1/targets") == {"one": "up"})
        config.write_text("targets: [{name: two}]")
        up.process.send_signal(signal.SIGHUP)
        up.until(lambda: "the old one stands" in up.errors.read_text())
        assert states(up, "/api/v1/targets") == {"one": "up"}
        config.write_text(form.format(name="two", port=port))
        up.process.send_signal(signal.SIGHUP)
        up.until(lambda: states(up, "/api/v1/targets") == {"two": "up"})
        listening.close()
        up.until(lambda: states(up, "/api/v1/targets") == {"two": "down"})
        assert up.cli("status").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--http", "0.0.0.0:8080"], 2, "--behind-proxy CIDR"),
        (["--http", "nonsense"], 2, "HOST:PORT"),
        (["--tls-cert", "/nope", "--tls-key", "/nope"], 6, "--tls-cert"),
        (["--behind-proxy", "10.0.0.0/33"], 2, "network"),
        (["--db-listen", "0.0.0.0:5433"], 2, "--insecure"),
        (["-c", "/nope.yaml"], 6, "/nope.yaml"),
        (["--data-dir", "/proc/nope"], 5, "--data-dir DIR"),
        (["--database-url", "mysql://x"], 2, "postgresql://"),
        (["--database-url", "postgresql://u@127.0.0.1:1/x"], 8, "does not answer"),
        (["--no-such-flag"], 2, "no-such-flag"),
    ],
)
def test_what_cannot_be_started_is_one_line_and_its_exit_code(tmp_path, arguments, code, words):
    ports = [f"--grpc=127.0.0.1:{free_port()}"]
    if "--http" not in arguments:
        ports.append(f"--http=127.0.0.1:{free_port()}")
    if "--data-dir" not in arguments:
        ports.append(f"--data-dir={tmp_path}")
    refused = vedette("up", *ports, *arguments)
    assert refused.returncode == code, refused.stderr
    assert refused.stderr.startswith("vedette: ")
    assert refused.stderr.count("\n") == 1, refused.stderr
    assert words in refused.stderr
