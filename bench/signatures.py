"""How many signatures a second are verified, in process and by gpg: what an agent and a server pay.

One thread; keys are made by real gpg and ssh-keygen in a folder of their own. CPU seconds count,
of gpg its children's too. The last line is a whole decision: two signatures and their weights.

    python bench/signatures.py [--seconds 2]
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from vedette import clock
from vedette.trust.bundle import AgentGroup, Bundle, Investigator, Minimum, Roots, Weight
from vedette.trust.one_line import write_one_line
from vedette.trust.verify import ACTION, verify, verify_all
from vedette.trust.weigh import weigh

TEXT = b"name=bench;target=status='online';" + b"x" * 440
GPG_KINDS = {"RSA-3072": "rsa3072", "Ed25519": "ed25519", "P-256": "nistp256"}
SSH_KINDS = {"SSH Ed25519": "ed25519", "SSH P-256": "ecdsa", "SSH RSA-3072": "rsa"}


def gpg(home, *options, text=b""):
    quiet = ["--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback"]
    command = ["gpg", "--homedir", str(home), *quiet, "--passphrase", "", *options]
    return subprocess.run(command, input=text, capture_output=True, check=True).stdout


def gpg_person(home, kind):
    gpg(home, "--quick-generate-key", kind, kind, "sign", "never")
    key = gpg(home, "--armor", "--export", f"={kind}").decode()
    packet = gpg(home, "--local-user", f"={kind}", "--detach-sign", "--output", "-", text=TEXT)
    return key, packet


def ssh_person(home, kind):
    path = home / kind
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", ACTION, "-f", str(path)]
    signed = subprocess.run(command, input=TEXT, capture_output=True, check=True).stdout
    return path.with_suffix(".pub").read_text().strip(), signed.decode()


def rate(seconds, once):
    """Return how often a second `once` ran, by the clock and by CPU."""
    once()
    begun, cpu, count = time.perf_counter(), cpu_s(), 0
    while time.perf_counter() - begun < seconds:
        once()
        count += 1
    return count / (time.perf_counter() - begun), count / (cpu_s() - cpu)


def cpu_s():
    return sum(os.times()[:4])


def show(name, rates):
    print(
        f"{name:32} {rates[0]:9,.0f} /s   {rates[1]:9,.0f} /CPU s   {1000 / rates[1]:7.3f} ms CPU"
    )


def by_gpg(home, packet):
    (home / "text").write_bytes(TEXT)
    (home / "text.sig").write_bytes(packet)
    return lambda: gpg(home, "--verify", str(home / "text.sig"), str(home / "text"))


def decision(people):
    """Return what an agent does with an action that two people signed."""
    now = clock.now()
    names = [f"person {number}" for number in range(len(people))]
    bundle = Bundle(
        fleet="bench",
        version=1,
        made_at=now,
        expires_at=now.replace(year=now.year + 1),
        roots=Roots(threshold=1, keys=(people[0][0],)),
        investigators=tuple(
            Investigator(name=n, keys=(p[0],)) for n, p in zip(names, people, strict=True)
        ),
        groups=(AgentGroup(name="all", agents=("*",)),),
        minimums=(Minimum(group="all", module="*", weight=2),),
        weights=tuple(Weight(investigator=n, group="all", module="*", weight=1) for n in names),
    )
    signatures = [signature for _, signature in people]
    keys = bundle.public_keys()

    def once():
        signers = verify_all(signatures, TEXT, keys, namespace=ACTION, now=clock.now())
        weigh(bundle, signers, ["file", "netstat"], agent="sha256:00", now=now)

    return once


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line")
    seconds = parser.parse_args(argv).seconds
    home = Path(tempfile.mkdtemp(prefix="vdt-sig-", dir="/tmp"))
    try:
        measure(home, seconds)
    finally:
        kill = ["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"]
        subprocess.run(kill, capture_output=True, check=False)
        shutil.rmtree(home, ignore_errors=True)


def measure(home, seconds):
    people = []
    for name, kind in GPG_KINDS.items():
        key, packet = gpg_person(home, kind)
        people.append((key, write_one_line(packet)))
        show(f"{name}, in process", rate(seconds, check(*people[-1])))
        show(f"{name}, gpg --verify", rate(seconds, by_gpg(home, packet)))
    for name, kind in SSH_KINDS.items():
        show(f"{name}, in process", rate(seconds, check(*ssh_person(home, kind))))
    show("two signatures and their weights", rate(seconds, decision(people[:2])))


def check(key, signature):
    return lambda: verify(signature, TEXT, [key], namespace=ACTION, now=clock.now())


if __name__ == "__main__":
    sys.exit(main())
