#!/bin/sh
# Make the virtual environment $1 with the first Python that is new enough; PYTHON=… chooses it.
set -eu

venv=$1
new_enough='import sys; sys.exit(sys.version_info < (3, 11))'

if [ -x "$venv/bin/python" ] && "$venv/bin/python" -c "$new_enough" 2>/dev/null; then
    exit 0
fi

for python in "${PYTHON:-}" python3 python python3.14 python3.13 python3.12 python3.11; do
    [ -n "$python" ] || continue
    "$python" -c "$new_enough" 2>/dev/null || continue
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "vedette: $python cannot make virtual environments (Debian: apt install python3-venv)" >&2
        exit 1
    fi
    rm -rf "$venv"
    exec "$python" -m venv "$venv"
done

echo "vedette: no Python 3.11 or newer was found (install one, or say which: make up PYTHON=/path/to/python3.13)" >&2
exit 1
