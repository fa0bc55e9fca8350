"""Build a release of the agent as `vedette agent update` takes it, and the manifest that people sign.

    python tools/release.py 17 --target "os='linux'" [--wheel dist/vedette_agent-1.4.2-py3-none-any.whl]

The libraries are those of packaging/agent/requirements.lock, each by its hash. Two people who build the same
tree for the same system and the same Python get the same bytes: whoever signs need believe nobody.
"""

import argparse
import base64
import gzip
import hashlib
import io
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from vedette.agent.release import PROGRAM, RELEASE, Release, release_of
from vedette.trust.manifest import Entry, signed_text

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "packaging/agent"
NAME = "vedette-agent"
MODULES = ("google-re2", "yara-x")
"""What modules that look into files need; there are no wheels for musl."""
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
LAUNCHER = f"""#!/bin/sh
# Starts {PYTHON}, for which these libraries were made, with this release's and no folder it happens to be in.
here=$(cd "$(dirname "$0")/.." && pwd -P) || exit 1
PYTHONPATH=$here/lib PYTHONSAFEPATH=1 PYTHONDONTWRITEBYTECODE=1 exec {PYTHON} -c \\
    'from vedette.app.commands.agent import main; main()' "$@"
"""
ALL_OF_IT = """
import vedette.agent.__main__, vedette.agent.act_run, vedette.app.commands.agent, vedette.link.join
from vedette import plugins
for group in ("vedette.connectors", "vedette.modules"):
    for name in plugins.names(group):
        plugins.load(group, name)
"""
NOT_THERE = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""What pip notes of the installation; paths of the machine that built stand in it."""


def pip(*words: object) -> None:
    """Run pip quietly; what it says of a failure goes to stderr."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *map(str, words)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"tools/release.py: pip {words[0]} failed")


def wheel(folder: Path) -> Path:
    """Return the agent's wheel, built from this tree."""
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, PACKAGE)
    return next(folder.glob("*.whl"))


def locked(*names: str) -> str:
    """Return the lines for these packages of the lock file that has them both."""
    whole = (ROOT / "requirements-dev.lock").read_text()
    return "".join(
        part + "\n" for part in re.split(r"\n(?=[a-z])", whole) if part.partition("==")[0] in names
    )


def install(built: Path, room: Path, *, modules: bool) -> None:
    """Put the wheel and its libraries into room/lib, without what differs from machine to machine."""
    lib, hashed = room / "lib", ["-r", str(PACKAGE / "requirements.lock")]
    if modules:
        (room / "modules.lock").write_text(locked(*MODULES))
        hashed += ["-r", str(room / "modules.lock")]
    there = ("--target", lib, "--no-compile", "--no-deps")
    pip("install", *there, "--only-binary=:all:", "--require-hashes", *hashed)
    shutil.rmtree(lib / "bin", ignore_errors=True)
    pip("install", *there, "--no-index", built)
    shutil.rmtree(lib / "bin", ignore_errors=True)
    for name in NOT_THERE:
        for noted in lib.glob(f"*.dist-info/{name}"):
            noted.unlink()


def start(lib: Path) -> None:
    """Import all that an agent is from these libraries alone; raises SystemExit where one is missing."""
    code = f"import sys; sys.path.append({str(lib)!r}){ALL_OF_IT}"
    command = [sys.executable, "-ISBc", code]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit("tools/release.py: this release would not start")


def packed(files: Mapping[str, bytes], programs: Iterable[str] = ()) -> bytes:
    """Return a tar.gz of these files that is the same whoever packs it, and whenever."""
    content = io.BytesIO()
    with (
        gzip.GzipFile("", "wb", mtime=0, fileobj=content) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(files):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(files[name]), 0o755 if name in programs else 0o644
            tar.addfile(member, io.BytesIO(files[name]))
    return content.getvalue()


def archive(number: int, version: str, lib: Path) -> bytes:
    """Return the release: a program, what it says of itself, its libraries."""
    release = Release(number=number, version=version)
    files = {f"lib/{one.relative_to(lib)}": one for one in lib.rglob("*") if one.is_file()}
    return packed(
        {
            str(PROGRAM): LAUNCHER.encode(),
            RELEASE: msgspec.json.encode(release),
            **{name: one.read_bytes() for name, one in files.items()},
        },
        programs=[str(PROGRAM)],
    )


def main() -> None:
    """Build, and say what there is to sign."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("number", type=int, help="only ever grows; agents take no lower one")
    parser.add_argument("--target", required=True, help="the hosts it is meant for; true: all")
    parser.add_argument(
        "--wheel", type=Path, help="of vedette-agent; default: built from this tree"
    )
    parser.add_argument(
        "--bare", action="store_true", help=f"without {' and '.join(MODULES)}: musl"
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist/release")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="vedette-release-") as room:
        built = asked.wheel or wheel(Path(room))
        install(built, Path(room), modules=not asked.bare)
        start(Path(room, "lib"))
        made = archive(asked.number, built.name.split("-")[1], Path(room, "lib"))
    release = release_of(made)
    digest = hashlib.sha256(made).hexdigest()
    bundle = packed({NAME: made})
    manifest = {
        "name": f"{NAME} {release.version} ({release.number})",
        "target": asked.target,
        "content": base64.b64encode(bundle).decode(),
    }
    asked.out.mkdir(parents=True, exist_ok=True)
    for name, content in (
        (NAME, made),
        ("bundle.tgz", bundle),
        ("manifest.form", urlencode({"manifest": msgspec.json.encode(manifest)}).encode()),
        ("manifest.txt", signed_text([Entry(NAME, digest)])),
    ):
        (asked.out / name).write_bytes(content)
    sys.stdout.write(
        f"release {release.number} ({release.version}) for {PYTHON} on {sys.platform}:"
        f" {len(made) >> 20} MiB, sha256 {digest}\n{asked.out}/manifest.txt is what people sign\n"
    )


if __name__ == "__main__":
    main()
