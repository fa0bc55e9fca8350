#!/bin/sh
# Prove that every dependency of the agent's distribution has a wheel for musl (Alpine).
# Usage: tools/musl_check.sh [PYTHON]; exits non-zero naming what has none.
set -eu
python=${1:-python3}
root=$(cd "$(dirname "$0")/.." && pwd)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
"$python" - "$root/packaging/agent/pyproject.toml" >"$room/requirements.txt" <<'PY'
import sys, tomllib
with open(sys.argv[1], "rb") as file:
    print("\n".join(tomllib.load(file)["project"]["dependencies"]))
PY
for machine in x86_64 aarch64; do
    "$python" -m pip download -q --only-binary=:all: --platform "musllinux_1_2_$machine" \
        --platform "musllinux_1_1_$machine" --python-version 3.12 -d "$room/$machine" \
        -r "$room/requirements.txt"
    echo "musl $machine: $(ls "$room/$machine" | wc -l) wheels resolve"
done
