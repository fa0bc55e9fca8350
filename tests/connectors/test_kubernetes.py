"""A Kubernetes API that lists, watches, forgets, refuses, hangs and lies."""

import base64
import gc
import json

import pytest
import yaml
from tests.connectors.looks import a_look, entities, look_at, make, names, value, verdict
from tests.connectors.test_connector_commands import answer
from tests.fakes.kubernetes_api import deployment, kubernetes_api, node, pod

from vedette.agent.connectors.kubernetes_access import kubeconfig_access
from vedette.agent.connectors.kubernetes_objects import quantity
from vedette.clock import now
from vedette.errors import Invalid
from vedette.health.model import State


@pytest.fixture
async def api():
    async with kubernetes_api() as api:
        for name in ("n1", "n2"):
            await api.put("nodes", name, **node())
        await api.put("deployments", "web", "shop", **deployment())
        for n in range(3):
            await api.put("pods", f"web-{n}", "shop", **pod())
        yield api


@pytest.fixture
async def connector(api):
    made = make("kubernetes", url=api.url)
    yield made
    await made.aclose()


async def test_a_cluster_is_up_and_counted(api, connector):
    for n, phase in enumerate(("Pending", "Succeeded", "Failed")):
        await api.put("pods", f"p{n}", "shop", **pod(on="", phase=phase))
    report = await connector.probe(a_look())
    assert verdict(report) == ("up", "")
    assert report.rtt is not None
    assert report.facts["version"] == "v1.34.2"
    assert value(report, "nodes_ready") == 2
    assert value(report, "pods") == 4
    assert value(report, "pods_failed") == 1
    assert value(report, "pods", "node:n1") == 3
    assert value(report, "cpu_requested_ratio") == pytest.approx(0.3 / 7.84)
    assert value(report, "memory_requested_ratio") == pytest.approx(384 / (16 * 1024))
    assert value(report, "available", "deployment:shop/web") == 2
    assert entities(report) == {"node:n1", "node:n2", "deployment:shop/web"}


async def test_changes_come_by_the_watch_and_nothing_is_listed_twice(api, connector):
    await connector.probe(a_look())
    await api.put("nodes", "n2", **node(ready="Unknown"))
    report = await connector.probe(a_look())
    assert verdict(report) == ("degraded", "node_down")
    assert report.message == "1 of 2 nodes are not ready: n2"
    assert value(report, "state", "node:n2") == State.DOWN
    await api.delete("nodes", "n2")
    await api.put("pods", "web-9", "shop", **pod())
    report = await connector.probe(a_look())
    assert verdict(report) == ("up", "")
    assert value(report, "nodes") == 1
    assert value(report, "pods") == 4
    lists = [path for path in api.asked if path.startswith("/api/v1/pods?limit")]
    assert len(lists) == 1


async def test_a_watch_that_was_cut_goes_on_from_its_version(api, connector):
    await connector.probe(a_look())
    api.hang_up()
    await api.put("pods", "late", "shop", **pod())
    report = await connector.probe(a_look())
    assert value(report, "pods") == 4
    assert len([p for p in api.asked if p.startswith("/api/v1/pods?limit")]) == 1


async def test_a_version_that_is_gone_is_listed_again(api, connector):
    await connector.probe(a_look())
    api.hang_up()
    await api.delete("pods", "web-0", "shop")
    api.compact()
    report = await connector.probe(a_look())
    assert verdict(report) == ("up", "")
    assert value(report, "pods") == 2
    assert len([p for p in api.asked if p.startswith("/api/v1/pods?limit")]) == 2


async def test_gone_may_also_be_said_within_the_watch(api, connector):
    await connector.probe(a_look())
    await api.watched("pods")
    api.raw["pods"] = b'{"metadata":{"resourceVersion":"5000"},"items":[]}'
    api.version = 5000
    api.oldest = 4000

    async def settled():
        while value(report := await connector.probe(a_look()), "pods") != 0:
            pass
        return report

    assert verdict(await settled()) == ("up", "")


async def test_bookmarks_carry_the_version_forward(api, connector):
    await connector.probe(a_look())
    for n in range(5):
        await api.put("jobs", f"j{n}", "shop", status={"active": 1})
    await connector.probe(a_look())
    feed = next(f for f in connector._feeds if f.kind.name == "pods")
    assert int(feed._version) == api.version


async def test_long_lists_come_in_pages(api):
    for n in range(1200):
        await api.put("pods", f"many-{n}", "shop", **pod())
    connector = make("kubernetes", url=api.url)
    report = await connector.probe(a_look())
    assert value(report, "pods") == 1203
    pages = [path for path in api.asked if "/pods?limit=500" in path]
    assert len(pages) == 3
    await connector.aclose()


async def test_a_list_that_expires_between_pages_is_begun_again(api, connector):
    api.page_max = 2
    list_ = api._list

    async def expiring(writer, kind, namespace, query):
        if kind == "pods" and "continue" in query and not api.oldest:
            api.compact()
        return await list_(writer, kind, namespace, query)

    api._list = expiring
    report = await connector.probe(a_look())
    assert value(report, "pods") == 3


@pytest.mark.parametrize(
    ("failing", "live", "said"),
    [
        (["etcd"], False, ("down", "unhealthy")),
        (["poststarthook/rbac/bootstrap-roles"], True, ("initialising", "starting")),
        (["shutdown"], True, ("draining", "stopping")),
    ],
)
async def test_a_server_that_is_not_ready_says_why(api, connector, failing, live, said):
    api.failing, api.live = failing, live
    report = await connector.probe(a_look())
    assert verdict(report) == said
    assert failing[0] in report.message


async def test_stopped_it_is_down_and_back_it_is_up(api, connector):
    await connector.probe(a_look())
    api.server.close()
    api.hang_up()
    assert verdict(await connector.probe(a_look())) == ("down", "refused")


async def test_nodes_in_trouble_degrade_and_all_lost_are_down(api, connector):
    await api.put("nodes", "n1", **node(MemoryPressure="True", DiskPressure="False"))
    report = await connector.probe(a_look())
    assert verdict(report) == ("degraded", "unhealthy")
    assert report.message == "n1 has MemoryPressure"
    await api.put("nodes", "n1", **node(unschedulable=True))
    report = await connector.probe(a_look())
    assert verdict(report) == ("up", "")
    assert value(report, "state", "node:n1") == State.DRAINING
    for name in ("n1", "n2"):
        await api.put("nodes", name, **node(ready="False"))
    assert verdict(await connector.probe(a_look())) == ("down", "node_down")


async def test_deployments_are_judged_by_their_conditions(api, connector):
    await api.put("deployments", "web", "shop", **deployment(3, 2))
    assert verdict(await connector.probe(a_look())) == ("up", "")
    await api.put("deployments", "web", "shop", **deployment(3, 0, Available="False"))
    report = await connector.probe(a_look())
    assert verdict(report) == ("degraded", "unhealthy")
    assert report.message == "deployment shop/web has 0 of 3 pods (Available)"
    assert value(report, "state", "deployment:shop/web") == State.DOWN
    assert value(report, "deployments_failing") == 1


@pytest.mark.parametrize(
    ("waiting", "measure"),
    [("CrashLoopBackOff", "pods_crashing"), ("ImagePullBackOff", "pods_without_image")],
)
async def test_a_limit_past_is_degraded_with_the_reason(api, waiting, measure):
    await api.put("pods", "bad", "shop", **pod(waiting=waiting, restarts=7))
    report = await look_at("kubernetes", url=api.url)
    assert verdict(report) == ("degraded", "threshold")
    assert report.message == f"{measure} is 1, above 0"
    assert value(report, "restarts", "pod:shop/bad") == 7
    lifted = await look_at("kubernetes", url=api.url, thresholds={measure: None})
    assert verdict(lifted) == ("up", "")


async def test_restarts_are_a_rate_that_survives_a_pods_end(api, connector):
    await api.put("pods", "web-0", "shop", **pod(restarts=5))
    assert "restarts_per_s" not in names(await connector.probe(a_look()))
    await api.put("pods", "web-0", "shop", **pod(restarts=6))
    assert value(await connector.probe(a_look()), "restarts_per_s") > 0
    await api.delete("pods", "web-0", "shop")
    assert value(await connector.probe(a_look()), "restarts_per_s") == 0


async def test_claims_and_jobs_are_counted(api, connector):
    for name, phase in (("a", "Bound"), ("b", "Pending"), ("c", "Lost")):
        await api.put("persistentvolumeclaims", name, "shop", status={"phase": phase})
    failed = {"conditions": [{"type": "Failed", "status": "True"}]}
    await api.put("jobs", "j1", "shop", status={"active": 1})
    await api.put("jobs", "j2", "shop", status=failed)
    done = {"lastSuccessfulTime": "2026-11-21T00:00:00Z"}
    await api.put("cronjobs", "nightly", "shop", spec={"suspend": False}, status=done)
    report = await connector.probe(a_look())
    assert report.message == "claims_lost is 1, above 0; jobs_failed is 1, above 0"
    assert value(report, "claims_pending") == 1
    assert value(report, "jobs_active") == 1
    assert value(report, "last_success_age_s", "cronjob:shop/nightly") > 0


async def test_namespaces_and_kinds_bound_what_is_looked_at(api):
    await api.put("pods", "other", "play", **pod())
    report = await look_at("kubernetes", url=api.url, namespaces=["shop"], kinds=["pods", "nodes"])
    assert value(report, "pods") == 3
    assert "deployments" not in names(report)
    assert any(path.startswith("/api/v1/namespaces/shop/pods") for path in api.asked)
    assert any(path.startswith("/api/v1/nodes") for path in api.asked)


async def test_what_one_may_not_see_is_a_fact_and_no_fault(api):
    api.forbidden |= {("list", "pods"), ("list", "secrets")}
    report = await look_at("kubernetes", url=api.url)
    assert verdict(report) == ("up", "")
    assert "pods is forbidden" in report.facts["no pods"]
    assert "pods" not in names(report)
    api.forbidden |= {("list", kind) for kind in api.objects}
    assert verdict(await look_at("kubernetes", url=api.url)) == ("unknown", "auth")


async def test_who_may_list_but_not_watch_lists_each_look(api, connector):
    api.forbidden.add(("watch", "pods"))
    await connector.probe(a_look())
    await api.put("pods", "late", "shop", **pod())
    assert value(await connector.probe(a_look()), "pods") == 4


async def test_a_kind_that_hangs_is_slow_and_the_rest_is_told(api):
    api.hang.add("pods")
    report = await look_at("kubernetes", url=api.url, timeout_s=1.0)
    assert verdict(report) == ("degraded", "slow")
    assert report.message == "the API does not show pods in time"
    assert value(report, "nodes") == 2


async def test_the_token_is_shown_and_its_lack_is_our_own_fault():
    async with kubernetes_api(token="sesame-open") as api:
        await api.put("nodes", "n1", **node())
        assert verdict(await look_at("kubernetes", url=api.url)) == ("unknown", "auth")
        report = await look_at("kubernetes", url=api.url, bearer_token="sesame-open")
        assert verdict(report) == ("up", "")


async def test_a_pods_own_account_is_read_anew_each_look(authority, tmp_path, monkeypatch):
    tls = authority.server("127.0.0.1")
    async with kubernetes_api(token="first", tls=tls) as api:
        monkeypatch.setattr("vedette.agent.connectors.kubernetes_access.ACCOUNT", tmp_path)
        assert verdict(await look_at("kubernetes", in_cluster=True)) == ("unknown", "auth")
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(api.port))
        (tmp_path / "ca.crt").write_bytes(authority.ca_file.read_bytes())
        (tmp_path / "token").write_text("first\n")
        connector = make("kubernetes", in_cluster=True, kinds=["nodes"])
        report = await connector.probe(a_look())
        assert verdict(report) == ("up", "")
        assert 80 < value(report, "api_certificate_days_left") < 91
        api.token = "second"
        assert verdict(await connector.probe(a_look())) == ("unknown", "auth")
        (tmp_path / "token").write_text("second\n")
        assert verdict(await connector.probe(a_look())) == ("up", "")
        await connector.aclose()


def kubeconfig(server, user=None, **cluster):
    return yaml.safe_dump(
        {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": server, **cluster}}],
            "users": [{"name": "u", "user": user or {}}],
        }
    )


async def test_a_kubeconfig_opens_with_token_and_certificate(authority):
    tls = authority.server("127.0.0.1")
    tls.load_verify_locations(authority.ca_file)
    import ssl

    tls.verify_mode = ssl.CERT_REQUIRED
    both = base64.b64encode((authority.folder / "127.0.0.1--1-90.pem").read_bytes()).decode()
    ca = base64.b64encode(authority.ca_file.read_bytes()).decode()
    async with kubernetes_api(token="open", tls=tls) as api:
        text = kubeconfig(
            f"https://127.0.0.1:{api.port}",
            {"token": "open", "client-certificate-data": both, "client-key-data": both},
            **{"certificate-authority-data": ca},
        )
        assert verdict(await look_at("kubernetes", kubeconfig=text)) == ("up", "")
        text = kubeconfig(f"https://127.0.0.1:{api.port}", {"token": "open"})
        assert verdict(await look_at("kubernetes", kubeconfig=text)) == ("down", "untrusted")


@pytest.mark.parametrize(
    "text",
    [
        "", "- 1", "{", "a: 1",
        kubeconfig("https://x", {"tokenFile": "/etc/shadow"}),
        kubeconfig("https://x", {"client-certificate": "/etc/shadow"}),
        kubeconfig("https://x", {}, **{"certificate-authority": "/etc/passwd"}),
        kubeconfig("https://x", {"exec": {"command": "/bin/sh"}}),
        kubeconfig("https://x", {"client-certificate-data": "!"}),
        kubeconfig("https://x", {"client-certificate-data": "aGk="}),
        kubeconfig("ftp://x"),
    ],
)  # fmt: skip
def test_a_kubeconfig_reads_no_file_and_runs_no_program(text):
    with pytest.raises(Invalid):
        kubeconfig_access(text)


async def test_secrets_are_read_only_when_asked_and_never_their_keys(api, authority):
    authority.server("soon.example", days=(-1, 3))
    pem = (authority.folder / "soon.example--1-3.pem").read_bytes()
    data = {"tls.crt": base64.b64encode(pem).decode(), "tls.key": "c2VjcmV0LWtleQ=="}
    await api.put("secrets", "web-tls", "shop", data=data)
    await api.put("secrets", "odd", "shop", data={"tls.crt": "aGVsbG8="})
    assert verdict(await look_at("kubernetes", url=api.url)) == ("up", "")
    assert not any("secrets" in path for path in api.asked)
    connector = make("kubernetes", url=api.url, certificates=True)
    report = await connector.probe(a_look())
    assert verdict(report) == ("degraded", "expiring")
    assert "the certificate of shop/web-tls expires in 3.0 days" in report.message
    assert any("fieldSelector=type%3Dkubernetes.io%2Ftls" in path for path in api.asked)
    assert not any(
        isinstance(thing, str) and thing == data["tls.key"] and thing is not data["tls.key"]
        for feed in connector._feeds
        for item in feed.objects.values()
        for thing in gc.get_referents(item)
    )
    await connector.aclose()


HOSTILE = [
    b"", b"[]", b"null", b"{", b'{"items":[]}', b'{"metadata":{},"items":{}}',
    b'{"metadata":{"resourceVersion":7},"items":[]}', b'{"metadata":{},"items":[7]}',
    b'{"metadata":{},"items":[{"metadata":{"name":[]}}]}',
    b'{"metadata":{},"items":[{"metadata":{"name":"a"},"status":{"phase":1}}]}',
    b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe",
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE)
async def test_hostile_lists_are_clean_reports(api, body):
    api.raw["pods"] = body
    assert verdict(await look_at("kubernetes", url=api.url)) == ("down", "protocol")


@pytest.mark.parametrize("line", [b"x\n", b'{"type":"ADDED"}\n', b'{"type":"ADDED","object":[]}\n',
                                  b"[" * 100_000 + b"\n"])  # fmt: skip
async def test_hostile_watches_are_clean_reports(api, line):
    api._line = lambda writer, _event: writer.write(b"%x\r\n%b\r\n" % (len(line), line))
    connector = make("kubernetes", url=api.url, kinds=["pods"])
    await connector.probe(a_look())
    await api.watched("pods")
    await api.put("pods", "x", "shop", **pod())

    async def settled():
        while verdict(report := await connector.probe(a_look())) != ("down", "protocol"):
            await api.put("pods", "x", "shop", **pod())
        return report

    await settled()
    await connector.aclose()


async def test_a_change_without_end_is_not_kept(api):
    api._line = lambda writer, _event: writer.write(b"%x\r\n%b\r\n" % (5 << 20, b" " * (5 << 20)))
    connector = make("kubernetes", url=api.url, kinds=["pods"])
    await connector.probe(a_look())
    await api.watched("pods")
    await api.put("pods", "x", "shop", **pod())

    async def settled():
        while verdict(report := await connector.probe(a_look())) != ("unknown", "too_large"):
            pass
        return report

    await settled()
    assert connector._feeds[0]._rest == b""
    await connector.aclose()


async def test_a_page_without_end_is_not_kept(api):
    api.raw["pods"] = b'{"metadata":{},"items":[' + b" " * (33 << 20)
    report = await look_at("kubernetes", url=api.url, kinds=["pods"])
    assert verdict(report) == ("unknown", "too_large")


@pytest.mark.parametrize(
    ("text", "number"),
    [("100m", 0.1), ("2", 2.0), ("1.5", 1.5), ("2Gi", 2.0**31), ("129M", 129e6), ("123Ki", 125952.0),
     ("1e3", 1000.0), ("1E", 1e18), ("", 0.0), (None, 0.0), ("many", 0.0), ("1 Gi", 0.0)],
)  # fmt: skip
def test_quantities_are_numbers(text, number):
    assert quantity(text) == pytest.approx(number)


@pytest.mark.parametrize(
    "settings",
    [{}, {"url": "http://x", "in_cluster": True}, {"url": "http://x", "kinds": ["secrets"]},
     {"url": "http://x", "namespaces": ["../nodes"]}],
)  # fmt: skip
def test_settings_that_cannot_be_are_invalid(settings):
    with pytest.raises(Invalid):
        make("kubernetes", **settings)


def test_a_pod_is_kept_small():
    from vedette.agent.connectors.kubernetes_objects import KINDS, read_page

    items = [{"metadata": {"name": f"p{n}", "namespace": "shop", "uid": "x" * 36,
                           "labels": {f"l{i}": "v" * 40 for i in range(60)}}, **pod()}
             for n in range(500)]  # fmt: skip
    body = json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()
    begun = now()
    kept = [KINDS["pods"].keep(item) for item in read_page(KINDS["pods"], body).items]
    assert (now() - begun).total_seconds() < 2
    assert len(body) / len(kept) > 3000
    assert len(kept) == 500


async def test_it_tells_the_pods_that_are_not_ready_and_why(api):
    await api.put("pods", "crash", "shop", **pod(waiting="CrashLoopBackOff", restarts=9))
    await api.put("pods", "done", "shop", **pod(phase="Succeeded"))
    unready = pod()
    unready["status"]["conditions"] = [
        {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "probe"}
    ]
    await api.put("pods", "slow", "shop", **unready)
    rows = await answer("kubernetes", "pods", url=api.url)
    assert [(r["pod"], r["reason"], r["restarts"]) for r in rows] == [
        ("shop/crash", "CrashLoopBackOff", 9),
        ("shop/slow", "ContainersNotReady", 0),
    ]
    assert rows[1]["message"] == "probe"
    assert len(await answer("kubernetes", "pods", params={"all": True}, url=api.url)) == 6
    assert await answer("kubernetes", "pods", url=api.url, namespaces=["other"]) == []


async def test_it_tells_what_happened_the_newest_first(api):
    about = {"kind": "Pod", "namespace": "shop", "name": "web-1"}
    for minute, type_ in ((1, "Warning"), (3, "Warning"), (5, "Normal")):
        await api.put(
            "events", f"e{minute}", "shop", type=type_, reason="BackOff", message="again",
            count=minute, involvedObject=about, lastTimestamp=f"2026-11-22T04:0{minute}:00Z",
        )  # fmt: skip
    rows = await answer("kubernetes", "events", url=api.url)
    assert [(r["at"], r["count"]) for r in rows] == [
        ("2026-11-22T04:03:00Z", 3),
        ("2026-11-22T04:01:00Z", 1),
    ]
    assert rows[0]["object"] == "Pod/shop/web-1"
    everything = await answer("kubernetes", "events", params={"all": True, "limit": 1}, url=api.url)
    assert [r["type"] for r in everything] == ["Normal"]
