"""`vedette apply` and `vedette get KIND` from end to end: the command line, HTTP, the database."""

import asyncio
import gzip
import io
import json
from types import SimpleNamespace

import pytest
from tests.house.tree import ROOT
from tests.rest_world import rest_over
from tests.web.chromium import served

from vedette import clock
from vedette.access.tokens import create_token
from vedette.app.tree import run
from vedette.cli import apply_told

EXAMPLE = ROOT / "examples" / "imagemanifestvuln.json"

FIRST_LINES = """\
token created
cluster cluster-01 created
namespace cso created
image quay.io/app-sre/centos created
feature platform-python-pip created
severity Medium created
vulnerability RHSA-2020:1916 created
"""

TABLE = """\
REPOSITORY              NAME      MANIFEST          AFFECTED_PODS  VULNERABILITY    SEVERITY    PACKAGE                   CURRENT_VERSION    FIXED_IN_VERSION     LINK
----------------------  --------  --------------  ---------------  ---------------  ----------  ------------------------  -----------------  -------------------  -----------------------------------------------
quay.io/app-sre/centos  centos:8  sha256:9e0c275                3  RHSA-2020:0273   High        sqlite-libs               3.26.0-3.el8       0:3.26.0-4.el8_1     https://access.redhat.com/errata/RHSA-2020:0273
quay.io/app-sre/centos  centos:8  sha256:9e0c275                3  RHSA-2020:0229   High        sqlite-libs               3.26.0-3.el8       0:3.26.0-4.el8_0     https://access.redhat.com/errata/RHSA-2020:0229
quay.io/app-sre/centos  centos:8  sha256:9e0c275                3  RHSA-2020:0575   High        systemd-udev              239-18.el8_1.1     0:239-18.el8_1.4     https://access.redhat.com/errata/RHSA-2020:0575
quay.io/app-sre/centos  centos:8  sha256:9e0c275                3  RHSA-2020:0575   High        systemd-libs              239-18.el8_1.1     0:239-18.el8_1.4     https://access.redhat.com/errata/RHSA-2020:0575
quay.io/app-sre/centos  centos:8  sha256:9e0c275                3  RHSA-2020:0575   High        systemd                   239-18.el8_1.1     0:239-18.el8_1.4     https://access.redhat.com/errata/RHSA-2020:0575
quay.io/app-sre/centos  centos:8  sha256:9e0c275                3  RHSA-2020:0271   High        libarchive                3.3.2-7.el8        0:3.3.2-8.el8_1      https://access.redhat.com/errata/RHSA-2020:0271
quay.io/app-sre/centos  centos:8  sha256:9e0c275                3  RHSA-2020:0575   High        systemd-pam               239-18.el8_1.1     0:239-18.el8_1.4     https://access.redhat.com/errata/RHSA-2020:0575
quay.io/app-sre/centos  centos:7  sha256:a42f741                2  RHSA-2018:1700   High        procps-ng                 3.3.10-10.el7      0:3.3.10-17.el7_5.2  https://access.redhat.com/errata/RHSA-2018:1700
quay.io/app-sre/centos  centos:7  sha256:a42f741                2  RHSA-2019:0368   High        systemd-libs              219-30.el7_3.6     0:219-62.el7_6.5     https://access.redhat.com/errata/RHSA-2019:0368
"""


@pytest.fixture
async def vedette(fresh_app_url, monkeypatch, capsys):
    """Run a command line against a server; returns its exit code, stdout and stderr."""
    async with rest_over(fresh_app_url) as rest, served(rest.app) as address:
        async with rest.pool.connection() as conn:
            secret = await create_token(conn, "cli", ["admin"], pepper=rest.secrets.pepper,
                                        by="test", now=clock.now())  # fmt: skip
        monkeypatch.setenv("VEDETTE_URL", address)
        monkeypatch.setenv("VEDETTE_TOKEN", secret)

        async def ran(*words, stdin=b""):
            monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(stdin)))
            code = await asyncio.to_thread(run, words)
            said = capsys.readouterr()
            return code, said.out, said.err

        yield ran


async def well(vedette, *words, **more):
    code, out, err = await vedette(*words, **more)
    assert code == 0, err
    return out


def halves():
    """The example's two manifests, each as a document of its own."""
    return [json.dumps(item).encode() for item in json.loads(EXAMPLE.read_bytes())["items"]]


APPLY = ("apply", "imagemanifestvuln", "-c", "cluster-01", "-f")
GET = ("get", "imagemanifestvuln", "-c", "cluster-01", "-n", "cso")


async def test_dash_dbs_quickstart_prints_what_its_readme_says(vedette):
    said = await well(vedette, *APPLY, str(EXAMPLE))
    assert said.startswith(FIRST_LINES)
    table = await well(vedette, *GET, "-s", "High")
    assert table.startswith(TABLE)
    again = await vedette(*APPLY, str(EXAMPLE))
    assert again == (0, "token created\n", "2 unchanged\n")
    assert await well(vedette, *GET, "-s", "High") == table


async def test_vulnerabilities_are_json_csv_and_yaml_with_the_headings_in_lower_case(vedette):
    await well(vedette, *APPLY, str(EXAMPLE))
    low = json.loads(await well(vedette, *GET, "-s", "Low", "-o", "json"))
    high = json.loads(await well(vedette, *GET, "-s", "high", "Medium", "-o", "json"))
    assert len(low) == 2
    assert {row["severity"] for row in high} == {"High", "Medium"}
    assert low[1] == {
        "repository": "quay.io/app-sre/centos",
        "name": "centos:7",
        "manifest": "sha256:a42f741",
        "affected_pods": 2,
        "vulnerability": "RHBA-2019:0001",
        "severity": "Low",
        "package": "systemd-libs",
        "current_version": "219-30.el7_3.6",
        "fixed_in_version": None,
        "link": "https://access.redhat.com/errata/RHBA-2019:0001",
    }
    csv = (await well(vedette, *GET, "-o", "csv")).splitlines()
    assert csv[0].startswith("repository,name,manifest,affected_pods,")
    assert len(csv) == 1 + 16
    assert "- repository: quay" in await well(vedette, *GET, "-o", "yaml")
    assert await well(vedette, "get", "vulnerabilities", "--package", "nss", "-o", "name") == "RHSA-2017:1100\n"  # fmt: skip


async def test_several_files_and_a_folder_are_one_snapshot(vedette, tmp_path):
    one, two = halves()
    (tmp_path / "a.json").write_bytes(one)
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(two))
    (tmp_path / ".hidden").write_text("no JSON")
    said = await well(vedette, *APPLY, str(tmp_path))
    assert said.count("token created") == 1
    assert "feature nss created" in said
    assert len((await well(vedette, *GET, "-s", "High")).splitlines()) == 2 + 11
    # Only the first: what the second found stands as it was, unless this is all there is.
    await well(vedette, *APPLY, str(tmp_path / "a.json"), str(tmp_path / "a.json"))
    assert "centos:7" in await well(vedette, *GET)
    await well(vedette, *APPLY, str(tmp_path / "a.json"), "--complete")
    assert "centos:7" not in await well(vedette, *GET)


async def test_what_is_refused_names_file_and_place_and_stores_nothing(vedette, tmp_path):
    one, _ = halves()
    (tmp_path / "good.json").write_bytes(one)
    (tmp_path / "cut.json").write_bytes(one[:500])
    code, out, err = await vedette(*APPLY, str(tmp_path / "good.json"), str(tmp_path / "cut.json"))
    assert (code, out) == (2, "")
    assert err.startswith(f"vedette: {tmp_path}/cut.json:1:")
    assert err.count("\n") == 1
    assert (await vedette(*GET))[1] == ""
    code, _, err = await vedette("apply", "imagemanifestvuln", "-f", "-", stdin=one)
    assert (code, err) == (
        2,
        "vedette: stdin: it names namespaces, and nobody says of which cluster (say which with -c NAME)\n",
    )
    code, _, err = await vedette(*APPLY, str(tmp_path / "none.json"))
    assert (code, err) == (6, f"vedette: there is no file {tmp_path}/none.json\n")
    code, _, err = await vedette("apply", "nonsense", "-f", str(EXAMPLE))
    assert code == 6
    assert "imagemanifestvuln" in err


async def test_auto_recognises_what_comes_on_stdin(vedette):
    one, two = halves()
    said = await well(vedette, "apply", "auto", "-c", "c1", "-f", "-", stdin=one + two)
    assert "namespace cso created" in said
    assert len((await well(vedette, "get", "imagemanifestvuln", "-o", "name")).splitlines()) == 16


async def test_of_many_new_things_some_are_named_and_the_others_counted(vedette, monkeypatch):
    monkeypatch.setattr(apply_told, "LINES", 4)
    code, out, err = await vedette(*APPLY, str(EXAMPLE))
    assert code == 0
    assert out.splitlines()[4].startswith("… and also created: ")
    assert "14 feature" in out
    assert "--verbose" in err


async def test_a_large_file_is_sent_packed_and_read_whole(vedette, tmp_path):
    (manifest, _) = (json.loads(half) for half in halves())
    manifest["spec"]["features"] = [
        {"name": f"package-{n}", "version": "1", "vulnerabilities": [
            {"name": f"CVE-2020-{n}", "namespaceName": "x", "severity": "Low", "description": "d" * 900}
        ]} for n in range(3_000)
    ]  # fmt: skip
    (tmp_path / "large.json").write_text(json.dumps(manifest))
    said = json.loads(await well(vedette, *APPLY, str(tmp_path / "large.json"), "-o", "json"))
    assert said["opened"] == 3_000
    assert len(json.loads(await well(vedette, *GET, "-o", "json"))) == 3_000
    assert len(json.loads(await well(vedette, *GET[:2], "--limit", "7", "-o", "json"))) == 7


async def test_what_cannot_be_got_says_what_can(vedette):
    for words, why in (
        (("get", "nonsense"), "there is nothing called 'nonsense' to get"),
        (("get", "kev"), "`vedette find CVE-…` shows it"),
        (("get", "validations", "-s", "High"), "validations is not listed by --severity"),
        (("get", "validations", "--limit", "0"), "--limit must be at least 1"),
        (("top", "--limit", "0"), "--limit must be at least 1"),
        (("diff", "--limit", "-1"), "--limit must be at least 1"),
    ):
        code, _, err = await vedette(*words)
        assert code in (2, 6)
        assert why in err


@pytest.mark.parametrize(
    "kind", ["deploymentvalidation", "serviceslometrics", "objectives", "deployments", "dora", "trivy"]
)  # fmt: skip
async def test_every_family_is_listed(vedette, kind):
    code, out, err = await vedette("get", kind, "-o", "json")
    assert (code, json.loads(out)) == (0, []), err


async def test_where_a_vulnerability_is_and_what_to_mend_first(vedette):
    await well(vedette, *APPLY, str(EXAMPLE))
    said = await well(vedette, "find", "RHSA-2020:0575")
    for words in (
        "exploited: not known, no catalogue is loaded",
        "EPSS: not known, no scores are loaded",
        "quay.io/app-sre/centos",
        "systemd-pam",
        "0:239-18.el8_1.4",
        "cluster-01/cso",
    ):
        assert words in said
    answer = json.loads(await well(vedette, "find", "RHSA-2020:0575", "-o", "json"))
    assert (answer["count"], len(answer["items"])) == (4, 4)
    assert (await vedette("find", "CVE-1999-9999"))[0] == 6
    code, out, err = await vedette("top", "-o", "csv")
    assert code == 0, err
    assert out.startswith("rank,name,severity,why,fix,")
    code, out, err = await vedette("diff", "imagemanifestvuln", "--since", "7d", "-o", "json")
    assert code == 0, err
    code, _, err = await vedette("diff", "dora")
    assert (code, "only vulnerabilities are compared" in err) == (2, True)
    assert (await vedette("diff", "nonsense"))[0] == 6


async def test_what_was_decided_of_a_vulnerability_is_listed_and_taken_back(vedette):
    await well(vedette, *APPLY, str(EXAMPLE))
    why = ("--reason", "No archive is read here.")
    made = await well(
        vedette, "triage", "accept", "RHSA-2020:0271", "--until", "90d", *why, "-o", "json"
    )
    (decision,) = json.loads(made)
    assert (decision["decision"], decision["holds"]) == ("accepted", True)
    await well(vedette, "triage", "reject", "RHSA-2020:0229", *why, "--package", "sqlite-libs")
    await well(vedette, "triage", "not-affected", "RHSA-2020:1840", *why,
               "--justification", "component_not_present", "-n", "cso", "-c", "cluster-01")  # fmt: skip
    await well(vedette, "triage", "confirm", "RHSA-2020:1766", *why)
    await well(vedette, "triage", "investigate", "RHSA-2017:1095", *why)
    assert len((await well(vedette, "triage", "list", "-o", "name")).split()) == 5
    assert "accepted by" in await well(vedette, "find", "RHSA-2020:0271")
    await well(vedette, "triage", "end", str(decision["number"]))
    assert len((await well(vedette, "triage", "list", "-o", "name")).split()) == 4
    code, _, err = await vedette("triage", "accept", "RHSA-2020:0271", *why)
    assert (code, "--until" in err) == (2, True)


async def test_a_misspelt_place_is_no_place_without_vulnerabilities(vedette):
    await well(vedette, *APPLY, str(EXAMPLE))
    for words in (
        ("get", "imagemanifestvuln", "-c", "cluster-1", "-n", "cso"),
        ("get", "validations", "-c", "cluster-1"),
        ("top", "-c", "cluster-1"),
        ("diff", "-c", "cluster-1"),
    ):
        said = "vedette: there is no cluster 'cluster-1' (did you mean 'cluster-01'?)\n"
        assert await vedette(*words) == (6, "", said)
    code, _, err = await vedette("top", "-n", "cos")
    assert (code, err) == (6, "vedette: there is no namespace 'cos' (did you mean 'cso'?)\n")
    said = "vedette: there is nothing called 'validation' to get (did you mean 'validations'?)\n"
    assert await vedette("get", "validation") == (6, "", said)
    code, _, err = await vedette("find", "CVE-2020-27")
    assert code == 6
    assert await vedette("get", "validations", "-n", "cso") == (0, "", "there are no validations\n")
