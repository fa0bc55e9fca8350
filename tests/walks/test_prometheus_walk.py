"""Debian's Prometheus writes to a running server, and scrapes what it shows."""

import json
import shutil
import subprocess
import time
from contextlib import contextmanager

import httpx
import pytest
from tests.app.up_world import free_port, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@contextmanager
def prometheus(folder, up):
    """A Prometheus that scrapes itself and our /federate, and writes all of it to us."""
    port = free_port()
    address = up.url.removeprefix("http://")
    settings = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]},
            {
                "job_name": "vedette",
                "honor_labels": True,
                "metrics_path": "/federate",
                "params": {"match[]": ["vedette_target_up"]},
                "authorization": {"credentials": up.token},
                "static_configs": [{"targets": [address]}],
            },
        ],
        "remote_write": [
            {
                "url": f"{up.url}/api/v1/prometheus/write",
                "authorization": {"credentials": up.token},
                "write_relabel_configs": [
                    {"source_labels": ["job"], "regex": "self", "action": "keep"}
                ],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(settings))
    with (folder / "prometheus.log").open("w") as log:
        process = subprocess.Popen(
            [
                shutil.which("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stderr=log,
        )
        try:
            yield f"http://127.0.0.1:{port}", process
        finally:
            process.kill()
            process.wait()


def until(claim, *, seconds, what):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            found = claim()
        except httpx.TransportError:
            found = None
        if found:
            return found
        time.sleep(0.2)
    pytest.fail(f"{what}: not within {seconds} s")


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_what_a_prometheus_writes_is_a_target_and_what_we_show_it_scrapes(tmp_path):
    with running(tmp_path / "data") as up, prometheus(tmp_path, up) as (url, process):
        name = f"self@{url.removeprefix('http://')}"

        def shown():
            answer = up.get(f"/api/v1/targets/{name}")
            return (
                answer.json()
                if answer.status_code == 200 and answer.json()["last_report_at"]
                else None
            )

        target = until(shown, seconds=60, what="the target it writes")
        assert (target["state"], target["connector"]) == ("up", "remote_write")

        def whole():
            (observer,) = up.get(f"/api/v1/targets/{name}").json()["observers"]
            measured = {m["name"]: m["value"] for m in observer["measurements"]}
            return len(observer["measurements"]) > 300 and measured.get("up") == 1

        until(whole, seconds=60, what="a whole scrape in one report")

        def scraped():
            query = {"query": f'vedette_target_up{{target="{name}"}}'}
            answer = httpx.get(f"{url}/api/v1/query", params=query).json()
            return answer["data"]["result"]

        (result,) = until(scraped, seconds=60, what="our /federate in its database")
        assert result["value"][1] == "1"

        def failed():
            lines = httpx.get(f"{url}/metrics").text.splitlines()
            words = (
                "remote_storage_samples_failed_total{",
                "remote_storage_samples_retried_total{",
            )
            return [line for line in lines if any(f"prometheus_{w}" in line for w in words)]

        assert [line.rpartition(" ")[2] for line in failed()] == ["0", "0"]
        process.kill()
